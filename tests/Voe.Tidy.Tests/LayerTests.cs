namespace Voe.Tidy.Tests;

/// <summary>The architecture, as far as a test can see it.</summary>
public sealed class LayerTests
{
    private static readonly string[] Writers =
        ["FileStream", "RandomAccess", "StreamWriter", "WriteAllBytes", "WriteAllText", "OpenHandle"];

    [Fact]
    public void No_folder_of_the_store_knows_one_above_it() =>
        Violations.AssertNone(Layers.StoreViolations(SourceTree.CSharp));

    [Fact]
    public void Protocols_know_devices_and_exports_but_not_each_other_nor_the_store() =>
        Violations.AssertNone(Layers.ServerViolations(SourceTree.CSharp));

    [Fact]
    public void No_layer_knows_the_door_to_the_store() =>
        Violations.AssertNone(from file in SourceTree.CSharp
                              where file.Project == "Voe.Store" && file.Folder.Length > 0 && file.Mentions("VoeStore")
                              select $"{file.Path}: knows VoeStore");

    [Theory]
    [InlineData("RocksDbSharp", "src/Voe.Store/Index/")]
    [InlineData("SharpPcap", "src/Voe.Server/Aoe/")]
    [InlineData("System.CommandLine", "src/Voe.Server/", "tools/")]
    [InlineData("Tomlyn", "src/Voe.Server/Configuration/")]
    [InlineData("Microsoft.Extensions.Hosting", "src/Voe.Server/ServerHost.cs", "src/Voe.Server/Hosting/")]
    [InlineData("System.Net.Sockets", "src/Voe.Server/", "src/Voe.Admin/")]
    public void A_library_shows_in_its_own_folder_only(string library, params string[] folders) =>
        Violations.AssertNone(from file in SourceTree.CSharp
                              where IsProduct(file) && file.Reaches(library)
                              where !folders.Any(folder => file.Path.StartsWith(folder, StringComparison.Ordinal))
                              select $"{file.Path}: uses {library}");

    [Fact]
    public void Native_calls_are_declared_in_Interop_files_only() =>
        Violations.AssertNone(from file in SourceTree.CSharp
                              where IsProduct(file) && (file.Mentions("LibraryImport") || file.Mentions("DllImport"))
                              where !Path.GetFileName(file.Path).StartsWith("Interop.", StringComparison.Ordinal)
                              select $"{file.Path}: declares a native call");

    [Fact]
    public void No_byte_reaches_a_disk_past_the_folder_IO() =>
        Violations.AssertNone(from file in SourceTree.CSharp
                              where file.Project == "Voe.Store" && file.Folder is not "IO"
                              from word in Writers
                              where file.Mentions(word)
                              select $"{file.Path}: uses {word}");

    [Fact]
    public void The_checker_of_files_knows_the_store_alone() =>
        Violations.AssertNone(from path in SourceTree.Files("*.csproj")
                              where !path.StartsWith("src/Voe.Server/", StringComparison.Ordinal)
                              where !path.StartsWith("tests/", StringComparison.Ordinal)
                              where SourceTree.Read(path).Contains("/Voe.Server.csproj", StringComparison.Ordinal)
                              select $"{path}: refers to Voe.Server");

    [Theory]
    [InlineData("src/Voe.Store/Log/A.cs", "using Voe.Store.Index;\nnamespace Voe.Store.Log;\nclass A { Slot s; }", "knows Index.Slot")]
    [InlineData("src/Voe.Store/Log/A.cs", "namespace Voe.Store.Log;\nclass A { Index.Slot s; }", "knows Index.Slot")]
    [InlineData("src/Voe.Store/Log/A.cs", "namespace Voe.Store.Log;\nclass A { Voe.Store.Index.Slot s; }", "knows Index.Slot")]
    [InlineData("src/Voe.Store/Odd/A.cs", "namespace Voe.Store.Odd;\nclass A;", "no place among the layers")]
    public void An_arrow_that_turned_is_seen(string path, string text, string expected)
    {
        SourceFile[] files = [SourceFile.Parse("src/Voe.Store/Index/Slot.cs", "namespace Voe.Store.Index;\nstruct Slot { }"),
            SourceFile.Parse(path, text)];
        Assert.Contains(expected, Assert.Single(Layers.StoreViolations(files)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("using Voe.Store.Index;\nnamespace Voe.Store.Chunks;\nclass A { Slot s; }")]
    [InlineData("namespace Voe.Store.Chunks;\n// Index.Slot in a comment\nclass A { string s = \"Index.Slot\"; }")]
    public void An_arrow_that_points_down_is_let_be(string text)
    {
        SourceFile[] files = [SourceFile.Parse("src/Voe.Store/Index/Slot.cs", "namespace Voe.Store.Index;\nstruct Slot { }"),
            SourceFile.Parse("src/Voe.Store/Chunks/A.cs", text)];
        Assert.Empty(Layers.StoreViolations(files));
    }

    [Fact]
    public void A_protocol_that_reaches_for_the_store_is_seen()
    {
        const string text = "using Voe.Store.Volumes;\nusing Voe.Store.Devices;\nnamespace Voe.Server.Nbd;\nclass A { VoeStore s; }";
        string[] found = [.. Layers.ServerViolations([SourceFile.Parse("src/Voe.Server/Nbd/A.cs", text)])];
        Assert.Equal(["src/Voe.Server/Nbd/A.cs: knows Voe.Store.Volumes", "src/Voe.Server/Nbd/A.cs: knows VoeStore"], found);
    }

    private static bool IsProduct(SourceFile file) =>
        file.Path.StartsWith("src/", StringComparison.Ordinal) || file.Path.StartsWith("tools/", StringComparison.Ordinal);
}
