using System.Diagnostics;
using System.Text.RegularExpressions;
using System.Xml.Linq;

namespace Voe.Tidy.Tests;

/// <summary>The house rules that no compiler checks.</summary>
public sealed partial class RepositoryTests
{
    private const int LongestFile = 500;
    private const int LongestLine = 140;

    // Put together here, so that this file passes its own test.
    private static readonly string[] Unfinished =
        ["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK", "NotImplemented" + "Exception", "#reg" + "ion"];

    [Fact]
    public void No_file_is_longer_than_one_idea_needs() =>
        Violations.AssertNone(from file in SourceTree.CSharp
                              let lines = file.Text.AsSpan().Count('\n')
                              where lines > LongestFile
                              select $"{file.Path}: {lines} lines, at most {LongestFile}");

    [Fact]
    public void No_line_is_too_long_to_read() =>
        Violations.AssertNone(from file in SourceTree.CSharp
                              from line in file.Text.Split('\n').Index()
                              where line.Item.Length > LongestLine
                              select $"{file.Path}:{line.Index + 1}: {line.Item.Length} columns, at most {LongestLine}");

    [Fact]
    public void Nothing_is_left_unfinished() =>
        Violations.AssertNone(from file in SourceTree.CSharp
                              from word in Unfinished
                              where Regex.IsMatch(file.Text, $@"(?<!\w){word}\b", RegexOptions.CultureInvariant, TimeSpan.FromSeconds(5))
                              select $"{file.Path}: {word}");

    [Fact]
    public void No_test_sleeps() =>
        Violations.AssertNone(from file in SourceTree.CSharp
                              where file.Path.StartsWith("tests/", StringComparison.Ordinal)
                              where file.Code.Contains("Thread.Sleep", StringComparison.Ordinal)
                              select $"{file.Path}: sleeps; wait for an event instead");

    [Fact]
    public void Every_project_is_in_the_solution()
    {
        string solution = SourceTree.Read("Voe.sln").Replace('\\', '/');
        Violations.AssertNone(from path in SourceTree.Files("*.csproj")
                              where !solution.Contains($"\"{path}\"", StringComparison.Ordinal)
                              select $"{path} is not in Voe.sln");
    }

    [Fact]
    public void Every_project_has_a_lock_file() =>
        Violations.AssertNone(from path in SourceTree.Files("*.csproj")
                              let lockFile = Path.Combine(Path.GetDirectoryName(path)!, "packages.lock.json")
                              where !File.Exists(Path.Combine(SourceTree.Root, lockFile))
                              select $"{lockFile} is missing: run dotnet restore and commit it");

    [Fact]
    public void Every_package_says_in_CONTRIBUTING_what_it_is_for()
    {
        string contributing = SourceTree.Read("CONTRIBUTING.md");
        Violations.AssertNone(from package in XDocument.Parse(SourceTree.Read("Directory.Packages.props")).Descendants("PackageVersion")
                              let name = package.Attribute("Include")!.Value
                              where !contributing.Contains($"`{name}`", StringComparison.Ordinal)
                              select $"{name} has no line in CONTRIBUTING.md");
    }

    [Fact]
    public void Every_link_of_the_documents_leads_somewhere() =>
        Violations.AssertNone(from path in SourceTree.Files("*.md")
                              from link in Link().Matches(SourceTree.Read(path)).Select(match => match.Groups["target"].Value)
                              where !link.Contains("://", StringComparison.Ordinal) && !link.StartsWith("mailto:", StringComparison.Ordinal)
                              let target = Path.Combine(SourceTree.Root, Path.GetDirectoryName(path)!, link.Split('#')[0])
                              where link[0] != '#' && !Path.Exists(target)
                              select $"{path}: {link} does not exist");

    [Fact]
    public void Scripts_pass_shellcheck()
    {
        string[] scripts = [.. SourceTree.Files("*").Where(IsShellScript)];
        Assert.NotEmpty(scripts);
        using var shellcheck = new Process
        {
            StartInfo = new ProcessStartInfo("shellcheck", ["--external-sources", .. scripts])
            {
                WorkingDirectory = SourceTree.Root,
                UseShellExecute = false,
                RedirectStandardOutput = true,
            },
        };
        try
        {
            shellcheck.Start();
        }
        catch (System.ComponentModel.Win32Exception)
        {
            Assert.Skip("shellcheck is not installed");
        }

        Assert.Equal("", shellcheck.StandardOutput.ReadToEnd());
        shellcheck.WaitForExit();
        Assert.Equal(0, shellcheck.ExitCode);
    }

    private static bool IsShellScript(string path)
    {
        if (path.EndsWith(".sh", StringComparison.Ordinal))
        {
            return true;
        }

        if (Path.HasExtension(path))
        {
            return false;
        }

        using var reader = new StreamReader(Path.Combine(SourceTree.Root, path));
        return ShellFirstLine().IsMatch(reader.ReadLine() ?? "");
    }

    [GeneratedRegex(@"\]\((?<target>[^)\s]+)\)", RegexOptions.CultureInvariant, matchTimeoutMilliseconds: 5000)]
    private static partial Regex Link();

    [GeneratedRegex(@"^#!.*\b(ba)?sh$", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 5000)]
    private static partial Regex ShellFirstLine();
}
