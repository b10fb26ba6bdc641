using System.Text.RegularExpressions;
using Voe.Server.Configuration;
using Voe.Store;

namespace Voe.Server.Tests.Configuration;

/// <summary>voe.example.toml and docs/configuration.md are in step with the code.</summary>
public sealed partial class ExampleTests
{
    private static readonly string Example = ReadFromRoot("voe.example.toml");

    [Fact]
    public void Example_loads()
    {
        ServerOptions options = Load(Example);
        Assert.Equal("/srv/voe", options.StorePath);
        Assert.Equal("disk0", Assert.Single(options.Volumes).Name);
        Assert.Contains(options.Targets, target => target is { Name: "golden", VolumeName: "disk0", IsReadOnly: true });
    }

    [Fact]
    public void Example_loads_with_all_that_is_commented_out_and_says_the_defaults()
    {
        ServerOptions plain = Load(Example);
        ServerOptions spelled = Load(CommentedKey().Replace(Example, "${key} = ${value}"));
        Assert.Equal(plain.NbdEndPoints, spelled.NbdEndPoints);
        Assert.Empty(spelled.AoeLinks);
        Assert.Equal(WithoutLists(plain), WithoutLists(spelled));
        Assert.Equal(new StoreOptions(), spelled.Store);
    }

    [Fact]
    public void Every_key_stands_in_the_example_with_its_default_where_it_is_commented_out()
    {
        foreach (IConfigSection section in ConfigSections.All)
        {
            string text = TextOf(section);
            foreach (IConfigKey key in section.Keys)
            {
                Match line = Regex.Match(
                    text, $@"^(?<comment>#?){key.Name} = (?<value>.+)$", RegexOptions.Multiline, TimeSpan.FromSeconds(1));
                Assert.True(line.Success, $"{section.Head} in voe.example.toml has no {key.Name}");
                if (line.Groups["comment"].Length > 0)
                {
                    Assert.Equal((key.Name, key.Default), (key.Name, line.Groups["value"].Value));
                }
            }
        }
    }

    [Fact]
    public void Every_key_and_option_stands_in_the_documents_with_its_default()
    {
        string document = ReadFromRoot("docs/configuration.md");
        foreach (IConfigSection section in ConfigSections.All)
        {
            string text = document[document.IndexOf($"\n## {section.Head}\n", StringComparison.Ordinal)..];
            text = text[..text.IndexOf("\n## ", 4, StringComparison.Ordinal)];
            foreach (IConfigKey key in section.Keys)
            {
                string row = text.Split('\n').SingleOrDefault(line => line.StartsWith($"| `{key.Name}` |", StringComparison.Ordinal))
                    ?? throw new InvalidOperationException($"{section.Head} in docs/configuration.md has no row for {key.Name}");
                Assert.Contains(key.Option is null ? "" : $"`{key.Option}", row, StringComparison.Ordinal);
                Assert.Contains(key.Default is null ? "" : $"| `{key.Default}` |", row, StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public void Examples_of_the_documents_load()
    {
        MatchCollection examples = Regex.Matches(
            ReadFromRoot("docs/configuration.md"), "```toml\n(?<text>.*?)```", RegexOptions.Singleline, TimeSpan.FromSeconds(1));
        Assert.Equal(3, examples.Count);
        Assert.All(examples, example => Load(example.Groups["text"].Value));
    }

    // Lists are compared one by one: they are equal to none but themselves.
    private static ServerOptions WithoutLists(ServerOptions options) =>
        options with { NbdEndPoints = [], AoeLinks = [], Volumes = [], Targets = [] };

    private static string TextOf(IConfigSection section)
    {
        // From each head of the section to the next head of any.
        string[] parts = Regex.Split(Example, @"^(?=\[)", RegexOptions.Multiline, TimeSpan.FromSeconds(1));
        return string.Concat(parts.Where(part => part.StartsWith(section.Head, StringComparison.Ordinal)));
    }

    private static ServerOptions Load(string text)
    {
        string path = Path.GetTempFileName();
        try
        {
            File.WriteAllText(path, text);
            var mistakes = new Mistakes();
            ServerOptions options = ServerConfiguration.Read(new Arguments(path, [], []), mistakes);
            Assert.Empty(mistakes.All);
            return options;
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static string ReadFromRoot(string name)
    {
        string directory = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(directory, "Voe.sln")))
        {
            directory = Path.GetDirectoryName(directory) ?? throw new InvalidOperationException("there is no Voe.sln above the tests");
        }

        return File.ReadAllText(Path.Combine(directory, name));
    }

    [GeneratedRegex("^#(?<key>[a-z-]+) = (?<value>.+)$", RegexOptions.Multiline, matchTimeoutMilliseconds: 1000)]
    private static partial Regex CommentedKey();
}
