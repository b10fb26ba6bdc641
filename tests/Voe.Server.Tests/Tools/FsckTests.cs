using System.Diagnostics;
using System.Text.Json;
using Voe.Store;
using Voe.Store.Chunks;
using Voe.Store.Devices;
using Voe.Testing;

namespace Voe.Server.Tests.Tools;

/// <summary>voe-fsck as its users run it: a process with an exit status as fsck(8) has them.</summary>
public sealed class FsckTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new(inMemory: true);

    private readonly byte[] _noise = new byte[16 * 4096];

    public FsckTests()
    {
        new Random(1).NextBytes(_noise);
        using VoeStore store = Open();
        store.CreateVolume("a", 1 << 20, 4096, CompressionSetting.None).Write([new BlockWrite(0, _noise)]);
        store.Flush();
        store.CreateVolume("b", 4096); // a batch that says that those before are durable
    }

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void A_sound_store_gives_0_and_damage_gives_4_with_its_place()
    {
        (int status, string output, _) = Fsck("verify", _directory.Path);
        Assert.Equal(0, status);
        Assert.Contains("sound: 1 packs, 4 batches, 16 chunks", output, StringComparison.Ordinal);

        string pack = Path.Combine(_directory.Path, "packs", "0000000001.pack");
        byte[] bytes = File.ReadAllBytes(pack);
        int chunk = bytes.AsSpan().IndexOf(_noise.AsSpan(15 * 4096));
        bytes[chunk + 100] ^= 1;
        File.WriteAllBytes(pack, bytes);
        (status, output, _) = Fsck("verify", _directory.Path, "--json");
        Assert.Equal(4, status);
        JsonElement result = JsonSerializer.Deserialize<JsonElement>(output);
        Assert.False(result.GetProperty("sound").GetBoolean());
        JsonElement finding = Assert.Single(result.GetProperty("findings").EnumerateArray());
        Assert.Equal(("VF030", "damage", 1, chunk), (
            finding.GetProperty("code").GetString(), finding.GetProperty("severity").GetString(),
            finding.GetProperty("pack").GetInt32(), finding.GetProperty("offset").GetInt32()));
    }

    [Fact]
    public void A_repair_gives_up_what_is_lost_and_a_later_one_finds_it_in_an_image()
    {
        string pack = Path.Combine(_directory.Path, "packs", "0000000001.pack");
        byte[] bytes = File.ReadAllBytes(pack);
        int chunk = bytes.AsSpan().IndexOf(_noise.AsSpan(5 * 4096, 4096));
        bytes.AsSpan(chunk, 1000).Clear();
        File.WriteAllBytes(pack, bytes);

        Assert.Equal(4, Fsck("repair", _directory.Path, "--dry-run").Status);
        Assert.Equal(bytes, File.ReadAllBytes(pack));
        (int status, string output, _) = Fsck("repair", _directory.Path);
        Assert.Equal(5, status);
        Assert.Contains("lost: volume \"a\", bytes 20480 to 24575", output, StringComparison.Ordinal);
        string saved = Path.Combine(_directory.Path, "lost+found", $"pack-0000000001-offset-{chunk}.bin");
        Assert.Equal(bytes[chunk..(chunk + 4096)], File.ReadAllBytes(saved));
        (status, output, _) = Fsck("verify", _directory.Path);
        Assert.True(status == 0, output);
        (status, output, string again) = Fsck("repair", _directory.Path);
        Assert.True(status == 0, output + again);
        using (VoeStore store = Open())
        {
            Assert.Throws<ChunkLostException>(() => store.OpenVolume("a").Read([new BlockRead(5 * 4096, new byte[4096])]));
        }

        string image = Path.Combine(_directory.Path, "a.img");
        File.WriteAllBytes(image, _noise);
        Assert.Equal(1, Fsck("repair", _directory.Path, "--from", image).Status);
        Assert.Equal(1, Fsck("rebuild-index", _directory.Path).Status);
        (status, output, _) = Fsck("verify", _directory.Path);
        Assert.True(status == 0, output);
        using VoeStore repaired = Open();
        byte[] read = new byte[_noise.Length];
        repaired.OpenVolume("a").Read([new BlockRead(0, read)]);
        Assert.Equal(_noise, read);
    }

    [Fact]
    public void A_dump_gives_0_with_JSON_a_line_and_8_for_what_is_not_there_or_in_use()
    {
        (int status, string output, _) = Fsck("dump", _directory.Path, "--json");
        Assert.Equal(0, status);
        Assert.Equal("store pack volume volume end", string.Join(' ', output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(static line => JsonSerializer.Deserialize<JsonElement>(line).GetProperty("kind").GetString())));
        Assert.Equal(8, Fsck("dump", _directory.Path, "pack", "9").Status);
        Assert.Equal(8, Fsck("dump", _directory.Path, "pages", "9").Status);
        using (Open())
        {
            (status, _, string error) = Fsck("dump", _directory.Path);
            Assert.Equal(8, status);
            Assert.Contains($"process {Environment.ProcessId}", error, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void What_cannot_be_checked_gives_8()
    {
        using (Open())
        {
            (int status, _, string error) = Fsck("verify", _directory.Path);
            Assert.Equal(8, status);
            Assert.Contains($"process {Environment.ProcessId}", error, StringComparison.Ordinal);
        }

        Assert.Equal(8, Fsck("verify", Path.Combine(_directory.Path, "packs")).Status); // no store
        Assert.Equal(8, Fsck("verify").Status);
    }

    private VoeStore Open() =>
        VoeStore.Open(_directory.Path, new StoreOptions { ChunkCacheSize = 0, IndexMemory = 8 << 20, RocksDbMemory = 8 << 20 });

    private static (int Status, string Output, string Error) Fsck(params string[] arguments)
    {
        using var process = new Process
        {
            StartInfo = new ProcessStartInfo("dotnet", [Path.Combine(AppContext.BaseDirectory, "voe-fsck.dll"), .. arguments])
            {
                UseShellExecute = false,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            },
        };
        process.Start();
        Task<string> error = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, error.GetAwaiter().GetResult());
    }
}
