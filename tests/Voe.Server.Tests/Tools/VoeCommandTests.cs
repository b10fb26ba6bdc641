using System.Text.Json;
using Voe.Testing;
using Voe.Tool;

namespace Voe.Server.Tests.Tools;

using ExitStatus = Voe.Tool.ExitStatus; // here, since the server's own is nearer else

/// <summary>The commands of voe on a store that it opens itself.</summary>
public sealed class VoeDirectTests() : VoeCommandTests(isServed: false);

/// <summary>The same commands, done by a voe-server that has the store open.</summary>
public sealed class VoeServedTests() : VoeCommandTests(isServed: true);

/// <summary>What each command of voe does and prints; the same whoever has the store open.</summary>
public abstract class VoeCommandTests(bool isServed) : VoeBench(isServed)
{
    [Fact]
    public void A_volume_is_made_shown_resized_set_renamed_and_deleted()
    {
        Assert.Equal(
            "created a: 1 MiB in chunks of 8 KiB, compression zstd:5\n",
            Does("volume", "create", "a", "--size", "1MiB", "--chunk-size=8K", "--compression", "zstd:5"));
        Does("volume", "create", "b", "--size", "10GiB");
        string[] list = Does("volume", "list").Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(3, list.Length);
        Assert.Equal(["a", "1", "MiB", "0", "bytes", "0", "bytes", "8", "KiB", "zstd:5"], Words(list[1])[..10]);
        Assert.Equal(["b", "10", "GiB", "0", "bytes", "0", "bytes", "4", "KiB", "lz4"], Words(list[2])[..10]);
        Assert.Equal(list[0].IndexOf("CHUNK", StringComparison.Ordinal), list[1].IndexOf("8 KiB", StringComparison.Ordinal));

        Assert.Equal("resized a from 1 MiB to 2 MiB\n", Does("volume", "resize", "a", "2M"));
        Assert.Contains("compression none for what is written from now on", Does("volume", "set", "a", "--compression", "none"),
            StringComparison.Ordinal);
        Assert.Equal("renamed a to c\n", Does("volume", "rename", "a", "c"));
        Assert.Contains("2 MiB (2097152 bytes)", Does("volume", "show", "c"), StringComparison.Ordinal);
        Assert.Equal("deleted b\n", Does("volume", "delete", "b", "--yes"));
        Assert.Equal("c", Names());
        JsonElement shown = Json("volume", "show", "c");
        Assert.Equal("none", shown.GetProperty("compression").GetString());
        Assert.Equal(8192, shown.GetProperty("chunkSize").GetInt32());
    }

    [Fact]
    public void What_loses_data_is_done_only_with_yes()
    {
        Does("import", WriteImage(), "a");
        Refuses(ExitStatus.Refused, "KiB, which would be lost: say --yes", "volume", "delete", "a");
        Refuses(ExitStatus.Refused, "what lies beyond 4 KiB would be lost: say --yes", "volume", "resize", "a", "4K");
        Assert.Equal((5 << 20) + 1536, Json("volume", "show", "a").GetProperty("size").GetInt64());
        Does("volume", "resize", "a", "4K", "--yes");
        Does("volume", "resize", "a", "1M");
        Does("export", "a", FilePath("cut"));
        byte[] cut = File.ReadAllBytes(FilePath("cut"));
        Assert.Equal(File.ReadAllBytes(FilePath("image"))[..4096], cut[..4096]);
        Assert.False(cut.AsSpan(4096).ContainsAnyExcept((byte)0));
    }

    [Fact]
    public void What_cannot_be_is_refused_with_what_would_be_right()
    {
        Does("volume", "create", "a", "--size", "1M");
        Does("volume", "create", "b", "--size", "1M");
        Refuses(ExitStatus.Refused, "the store has: a, b", "volume", "show", "c");
        Refuses(ExitStatus.Refused, "the store has: a, b", "volume", "resize", "c", "1M");
        Refuses(ExitStatus.Refused, "the store has: a, b", "volume", "delete", "c", "--yes");
        Refuses(ExitStatus.Refused, "the store has: a, b", "export", "c", FilePath("none"));
        Refuses(ExitStatus.Refused, "\"a\" exists already", "volume", "create", "a", "--size", "1M");
        Refuses(ExitStatus.Refused, "\"b\" exists already", "volume", "rename", "a", "b");
        Refuses(ExitStatus.Refused, "multiple of 512", "volume", "create", "c", "--size", "1000");
        Refuses(ExitStatus.Refused, "multiple of 512", "volume", "resize", "a", "1000", "--yes");
        Refuses(ExitStatus.Refused, "power of two", "volume", "create", "c", "--size", "1M", "--chunk-size", "5K");
        Refuses(ExitStatus.Refused, "power of two", "volume", "create", "c", "--size", "1M", "--chunk-size", "8G");
        Refuses(ExitStatus.Refused, "cannot be a volume's name", "volume", "create", "a/b", "--size", "1M");
        Assert.False(File.Exists(FilePath("none")));
        Assert.Equal("a b", Names());
    }

    [Fact]
    public void Status_tells_who_serves_the_store_and_what_it_holds()
    {
        Assert.Contains("nothing is stored yet", Does("status"), StringComparison.Ordinal);
        string image = WriteImage();
        Does("import", image, "a", "--compression", "none");
        Does("import", image, "b", "--compression", "none");
        var lines = Does("status").Split("\n\n")[0].Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .ToDictionary(static line => Words(line)[0], static line => string.Join(' ', Words(line)[1..]), StringComparer.Ordinal);
        Assert.StartsWith(StorePath + ", ", lines["store"], StringComparison.Ordinal);
        Assert.EndsWith("BLAKE3", lines["store"], StringComparison.Ordinal);
        Assert.Contains("deduplication 2.00, compression 1.00, together 2.00", lines["ratio"], StringComparison.Ordinal);
        Assert.StartsWith("2, 10.0 MiB, of which ", lines["volumes"], StringComparison.Ordinal);
        Assert.Contains("free on the disk", lines["packs"], StringComparison.Ordinal);
        if (Server is not null)
        {
            Assert.StartsWith($"voe-server 0.1.0, process {Server.Id}, up ", lines["server"], StringComparison.Ordinal);
            Assert.Contains(Server.TcpAddress("").TrimEnd('/'), lines["listens"], StringComparison.Ordinal);
            Assert.Contains("EXPORT", Output, StringComparison.Ordinal);
        }
        else
        {
            Assert.Equal("none runs; opened by this program", lines["server"]);
        }
    }

    [Fact]
    public void Programs_get_JSON_of_a_shape_that_stays()
    {
        Does("import", WriteImage(), "a", "--compression", "none");
        JsonElement status = Json("status");
        Assert.Equal(
            "path id hash server volumes volumeBytes mappedBytes referencedBytes storedBytes maxLiveBytes chunks packs packBytes "
            + "deduplicationRatio compressionRatio log fileSystem memory lastScrub",
            Members(status));
        Assert.Equal("appliedLsn durableLsn checkpointLsn bytesSinceCheckpoint failure", Members(status.GetProperty("log")));
        Assert.Equal("freeBytes totalBytes", Members(status.GetProperty("fileSystem")));
        Assert.Equal(
            "chunkCacheSize chunkCacheBytes chunkCacheHits chunkCacheMisses indexMemory rocksDbMemory",
            Members(status.GetProperty("memory")));
        Assert.Equal(1, status.GetProperty("volumes").GetInt32());
        Assert.Equal(status.GetProperty("mappedBytes").GetInt64(), status.GetProperty("storedBytes").GetInt64());
        Assert.Equal(status.GetProperty("chunks").GetInt64() * 4096, status.GetProperty("storedBytes").GetInt64());
        if (Server is null)
        {
            Assert.Equal(JsonValueKind.Null, status.GetProperty("server").ValueKind);
        }
        else
        {
            JsonElement server = status.GetProperty("server");
            Assert.Equal("program processId started uptimeSeconds isReadOnly listeners connections exports", Members(server));
            Assert.Equal("name size connections", Members(Assert.Single(server.GetProperty("exports").EnumerateArray())));
        }

        const string volume = "name size mappedBytes referencedBytes chunkSize compression created connections";
        Assert.Equal(volume, Members(Json("volume", "show", "a")));
        Assert.Equal(volume, Members(Assert.Single(Json("volume", "list").GetProperty("volumes").EnumerateArray())));
        Assert.Equal("before after", Members(Json("volume", "resize", "a", "10M")));
        Assert.Equal(volume, Members(Json("volume", "delete", "a", "--yes")));
        Assert.Equal(
            "volume imageBytes dataBytes newBytes digest copySeconds verifySeconds compressionRatio deduplicationRatio",
            Members(Json("import", FilePath("image"), "b")));
        Assert.Equal("volume imageBytes dataBytes digest copySeconds", Members(Json("export", "b", FilePath("out"))));
    }

    [Fact]
    public void An_image_comes_back_as_it_went_in_and_stays_sparse()
    {
        string image = WriteImage();
        string told = Does("import", image, "a");
        Assert.StartsWith($"imported {image} as a: 5244416 bytes, 2.0 MiB of data\n", told, StringComparison.Ordinal);
        Assert.Contains("what the volume reads back is what was read", told, StringComparison.Ordinal);
        Does("export", "a", FilePath("out"));
        AssertSameFile(image, FilePath("out"));
        Assert.Equal(["image", "out"], Files());

        JsonElement again = Json("import", image, "b");
        Assert.Equal(0, again.GetProperty("newBytes").GetInt64());
        Assert.True(again.GetProperty("compressionRatio").GetDouble() > 1);
    }

    [Fact]
    public void An_import_takes_the_size_and_the_settings_that_are_asked_for()
    {
        string image = WriteImage();
        Does("import", image, "a", "--size", "1GiB", "--chunk-size", "16K", "--compression", "zstd:9");
        JsonElement volume = Json("volume", "show", "a");
        Assert.Equal(1L << 30, volume.GetProperty("size").GetInt64());
        Assert.Equal(16384, volume.GetProperty("chunkSize").GetInt32());
        Assert.Equal("zstd:9", volume.GetProperty("compression").GetString());
        Refuses(ExitStatus.Refused, "give a larger --size", "import", image, "b", "--size", "1MiB");
        File.WriteAllBytes(FilePath("odd"), new byte[1000]);
        Assert.Equal(1024, Json("import", FilePath("odd"), "c").GetProperty("volume").GetProperty("size").GetInt64());
        File.WriteAllBytes(FilePath("empty"), []);
        Refuses(ExitStatus.Refused, "the image is empty", "import", FilePath("empty"), "d");
        Refuses(ExitStatus.Refused, FilePath("none"), "import", FilePath("none"), "d");
        Assert.Equal("a c", Names());
    }

    [Fact]
    public void What_is_there_is_written_over_only_by_force()
    {
        string image = WriteImage();
        string other = WriteImage("other", seed: 2);
        Does("import", image, "a", "--compression", "zstd:4");
        Refuses(ExitStatus.Refused, "say --force", "import", other, "a");
        Does("export", "a", FilePath("out"));
        Refuses(ExitStatus.Refused, "say --force", "export", "a", FilePath("out"));
        AssertSameFile(image, FilePath("out"));

        Assert.Equal("zstd:4", Json("import", other, "a", "--force").GetProperty("volume").GetProperty("compression").GetString());
        Does("export", "a", FilePath("out"), "--force");
        AssertSameFile(other, FilePath("out"));
        Assert.Equal("a", Names());
        Refuses(ExitStatus.Refused, "is no file", "export", "a", StorePath, "--force");
    }

    private static string[] Words(string line) => line.Split(' ', StringSplitOptions.RemoveEmptyEntries);

    private static string Members(JsonElement element) => string.Join(' ', element.EnumerateObject().Select(member => member.Name));

    private string[] Files() =>
        [.. Directory.GetFiles(Path.GetDirectoryName(StorePath)!).Select(Path.GetFileName).Order(StringComparer.Ordinal)!];
}
