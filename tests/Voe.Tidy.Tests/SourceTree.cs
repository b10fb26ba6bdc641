using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace Voe.Tidy.Tests;

/// <summary>The repository that these tests were built from, as files.</summary>
internal static class SourceTree
{
    private static readonly string[] NotSource = ["bin", "obj", "out", "var", ".git", "TestResults", "BenchmarkDotNet.Artifacts"];

    /// <summary>The folder that holds Voe.sln, above the tests' own.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>All C# files, generated ones left out.</summary>
    public static IReadOnlyList<SourceFile> CSharp { get; } = [.. Files("*.cs").Select(SourceFile.Load)];

    /// <summary>Paths, relative to <see cref="Root"/> with '/', of the files of that name pattern; build output is left out.</summary>
    public static IEnumerable<string> Files(string pattern) => Walk(Root, pattern)
        .Select(path => Path.GetRelativePath(Root, path))
        .Order(StringComparer.Ordinal);

    /// <summary>The text of a file.</summary>
    public static string Read(string path) => File.ReadAllText(Path.Combine(Root, path));

    private static IEnumerable<string> Walk(string directory, string pattern)
    {
        foreach (string file in Directory.EnumerateFiles(directory, pattern))
        {
            yield return file;
        }

        foreach (string child in Directory.EnumerateDirectories(directory))
        {
            if (NotSource.Contains(Path.GetFileName(child), StringComparer.Ordinal))
            {
                continue;
            }

            foreach (string file in Walk(child, pattern))
            {
                yield return file;
            }
        }
    }

    private static string FindRoot([CallerFilePath] string thisFile = "")
    {
        foreach (string start in new[] { AppContext.BaseDirectory, Path.GetDirectoryName(thisFile)! })
        {
            for (DirectoryInfo? directory = new(start); directory is not null; directory = directory.Parent)
            {
                if (File.Exists(Path.Combine(directory.FullName, "Voe.sln")))
                {
                    return directory.FullName;
                }
            }
        }

        throw new DirectoryNotFoundException($"no Voe.sln above {AppContext.BaseDirectory}");
    }
}

/// <summary>One C# file.</summary>
/// <param name="Path">Relative to the repository's root, with '/'.</param>
/// <param name="Text">All of it.</param>
/// <param name="Code">The same without comments and the contents of strings, line by line the same length or less.</param>
internal sealed partial record SourceFile(string Path, string Text, string Code)
{
    /// <summary>The folder under "src/PROJECT/", or "" for the files beside the project and for those outside src.</summary>
    public string Folder
    {
        get
        {
            string[] parts = Path.Split('/');
            return parts is ["src", _, _, _, ..] ? parts[2] : "";
        }
    }

    /// <summary>"Voe.Store" for a file under src/Voe.Store.</summary>
    public string Project => Path.Split('/') is ["src", var project, ..] ? project : "";

    /// <summary>The names of the types that the file declares.</summary>
    public IEnumerable<string> DeclaredTypes => Declaration().Matches(Code).Select(match => match.Groups["name"].Value);

    public static SourceFile Load(string path) => Parse(path, SourceTree.Read(path));

    public static SourceFile Parse(string path, string text) => new(path, text, CommentOrString().Replace(text, Blank));

    /// <summary>Whether the code mentions that word, other than as a member of something.</summary>
    public bool Mentions(string word) => Regex.IsMatch(Code, $@"(?<![\w.]){Regex.Escape(word)}\b", RegexOptions.CultureInvariant, Limit);

    /// <summary>Whether the code names that type of that namespace in full, or from the namespace around both.</summary>
    public bool Qualifies(string @namespace, string type)
    {
        string tail = @namespace[(@namespace.LastIndexOf('.') + 1)..];
        return Regex.IsMatch(
            Code, $@"(?<![\w.])(?:{Regex.Escape(@namespace)}|{tail})\.{Regex.Escape(type)}\b", RegexOptions.CultureInvariant, Limit);
    }

    /// <summary>Whether the code brings that namespace into reach, by a using directive, or names something of it in full.</summary>
    public bool Reaches(string @namespace) =>
        Regex.IsMatch(Code, $@"\b{Regex.Escape(@namespace)}\s*[;.]", RegexOptions.CultureInvariant, Limit) && !IsIn(@namespace);

    private static TimeSpan Limit => TimeSpan.FromSeconds(5);

    private static string Blank(Match match) => match.Value[0] == '/' ? new string('\n', match.Value.Count(c => c == '\n')) : "\"\"";

    private bool IsIn(string @namespace) =>
        Regex.IsMatch(Code, $@"\bnamespace {Regex.Escape(@namespace)}\s*[;.]", RegexOptions.CultureInvariant, Limit);

    [GeneratedRegex(
        @"//[^\n]*|/\*.*?\*/|\$*""{3,}.*?""{3,}|[@$]{0,2}""(?:[^""\\\n]|\\.)*""|'(?:[^'\\\n]|\\.)+'",
        RegexOptions.Singleline | RegexOptions.CultureInvariant,
        matchTimeoutMilliseconds: 10_000)]
    private static partial Regex CommentOrString();

    [GeneratedRegex(
        @"\b(?:class|struct|interface|enum|record(?: struct| class)?|delegate [\w<>\[\], ]+?) (?<name>[A-Z]\w*)(?=\s*[<(:{;\r\n])",
        RegexOptions.CultureInvariant,
        matchTimeoutMilliseconds: 10_000)]
    private static partial Regex Declaration();
}
