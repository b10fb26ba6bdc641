using System.Text.Json;
using System.Text.RegularExpressions;
using Voe.Testing;

namespace Voe.Server.Tests.Tools;

using ExitStatus = Voe.Tool.ExitStatus; // here, since the server's own is nearer else

/// <summary><c>voe root compute</c>, beside the program that docs/format.md shows.</summary>
public sealed partial class RootCommandTests() : VoeBench(isServed: false)
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(4096, 2)]
    [InlineData(128 * 4096, 3)]
    [InlineData((130 * 4096) + 1000, 4)]
    public void The_program_of_the_format_page_prints_the_same_root(int length, int seed)
    {
        byte[] image = new ContentSource(new Random(seed)).Next(length);
        image[^1] = 1;
        File.WriteAllBytes(FilePath("image"), image);
        File.WriteAllText(FilePath("root.py"), ProgramOfTheFormatPage());
        string expected = HostTool.Run("python3", FilePath("root.py"), FilePath("image")).Trim();
        Assert.Equal(0, Invoke("root", "compute", "--hash", "sha256", FilePath("image")));
        Assert.Equal($"{expected}  {FilePath("image")}\n", Output);
    }

    [Fact]
    public void Holes_of_a_file_count_as_zeroes_and_programs_get_json()
    {
        using (FileStream file = File.Create(FilePath("sparse")))
        {
            file.Position = 9 << 20;
            file.Write("VoE"u8);
        }

        File.WriteAllBytes(FilePath("full"), [.. new byte[9 << 20], .. "VoE"u8]);
        string root = RootOf("sparse", "--json");
        Assert.Equal(root, RootOf("full", "--json"));
        Assert.NotEqual(root, RootOf("full", "--json", "--chunk-size", "64KiB"), StringComparer.Ordinal);
        Assert.NotEqual(root, RootOf("full", "--json", "--hash", "sha256"), StringComparer.Ordinal);
        Assert.Equal(64, root.Length);
    }

    [Fact]
    public void What_is_no_image_is_refused_with_a_reason()
    {
        Assert.Equal(ExitStatus.Refused, Invoke("root", "compute", FilePath("nowhere")));
        Assert.Contains("nowhere", Error, StringComparison.Ordinal);
        File.WriteAllBytes(FilePath("empty"), []);
        Assert.Equal(ExitStatus.Refused, Invoke("root", "compute", FilePath("empty")));
        Assert.Contains("0 bytes", Error, StringComparison.Ordinal);
        Assert.Equal(ExitStatus.Refused, Invoke("root", "compute", "--chunk-size", "5000", FilePath("empty")));
        Assert.Contains("5000", Error, StringComparison.Ordinal);
        Assert.Equal(ExitStatus.Usage, Invoke("root", "compute", "--hash", "md5", FilePath("empty")));
    }

    private string RootOf(string name, params string[] options)
    {
        Assert.Equal(0, Invoke(["root", "compute", .. options, FilePath(name)]));
        using var reply = JsonDocument.Parse(Output);
        return reply.RootElement.GetProperty("root").GetString()!;
    }

    private static string ProgramOfTheFormatPage()
    {
        string directory = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(directory, "Voe.sln")))
        {
            directory = Path.GetDirectoryName(directory) ?? throw new DirectoryNotFoundException("no Voe.sln above the tests");
        }

        return Program().Match(File.ReadAllText(Path.Combine(directory, "docs", "format.md"))).Groups["text"].Value;
    }

    [GeneratedRegex("```python\n(?<text>.*?)```", RegexOptions.Singleline, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Program();
}
