using System.Text.Json;
using Voe.Store;
using Voe.Testing;
using Voe.Tool;

namespace Voe.Server.Tests.Tools;

/// <summary>A store, and the command line of voe in this process; a server has the store open, or none.</summary>
public abstract class VoeBench : IDisposable
{
    private readonly TemporaryDirectory _directory = new(inMemory: true);
    private readonly StringWriter _output = new();
    private readonly StringWriter _error = new();

    protected VoeBench(bool isServed)
    {
        StorePath = Path.Combine(_directory.Path, "store");
        if (isServed)
        {
            Server = StartServer();
        }
        else
        {
            VoeStore.Open(StorePath, new StoreOptions { ChunkCacheSize = 0, IndexMemory = 8 << 20, RocksDbMemory = 8 << 20 }).Dispose();
        }
    }

    protected string StorePath { get; }

    /// <summary>The server; null where none runs.</summary>
    protected ServerProcess? Server { get; }

    /// <summary>What the last command printed on standard error.</summary>
    protected string Error => _error.ToString();

    /// <summary>What the last command printed on standard output.</summary>
    protected string Output => _output.ToString();

    public void Dispose()
    {
        Server?.Dispose();
        _directory.Dispose();
        _output.Dispose();
        _error.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Starts a server on the store, with little memory.</summary>
    protected ServerProcess StartServer(params string[] arguments) => ServerProcess.Start(
        StorePath, ["--chunk-cache", "16MiB", "--index-memory", "16MiB", "--rocksdb-memory", "16MiB", .. arguments]);

    protected string FilePath(string name) => Path.Combine(_directory.Path, name);

    protected int Invoke(params string[] arguments)
    {
        _output.GetStringBuilder().Clear();
        _error.GetStringBuilder().Clear();
        return new CommandLine(new ToolConsole(_output, _error)).Invoke(arguments);
    }

    /// <summary>Does a command that has to succeed, and returns what it printed.</summary>
    protected string Does(params string[] arguments)
    {
        int status = Invoke(["--store", StorePath, .. arguments]);
        Assert.Equal("", Error);
        Assert.Equal(0, status);
        return Output;
    }

    /// <summary>Does a command that has to be refused, for that reason.</summary>
    protected void Refuses(int status, string reason, params string[] arguments)
    {
        Assert.Equal(status, Invoke(["--store", StorePath, .. arguments]));
        Assert.StartsWith("voe: ", Error, StringComparison.Ordinal);
        Assert.Contains(reason, Error, StringComparison.Ordinal);
        Assert.Equal("", Output);
    }

    protected JsonElement Json(params string[] arguments) =>
        JsonSerializer.Deserialize<JsonElement>(Does([.. arguments, "--json"]));

    /// <summary>Names of all volumes.</summary>
    protected string Names() => string.Join(
        ' ', Json("volume", "list").GetProperty("volumes").EnumerateArray().Select(volume => volume.GetProperty("name").GetString()));

    /// <summary>
    /// A sparse image of 5 MiB and 3 sectors: noise in the first 300 KiB, a hole, text from 3 MiB on, a byte at the very end.
    /// </summary>
    protected string WriteImage(string name = "image", int seed = 1)
    {
        byte[] noise = new byte[300 << 10];
        new Random(seed).NextBytes(noise);
        string path = FilePath(name);
        using FileStream file = File.Create(path);
        file.Write(noise);
        file.Position = 3 << 20;
        for (int line = 0; line < 5000; line++)
        {
            file.Write(System.Text.Encoding.ASCII.GetBytes($"line {line} of what compresses well\n"));
        }

        file.SetLength((5 << 20) + (3 * 512));
        file.Position = file.Length - 1;
        file.WriteByte(1);
        return path;
    }

    protected static void AssertSameFile(string expected, string found) =>
        Assert.True(File.ReadAllBytes(expected).AsSpan().SequenceEqual(File.ReadAllBytes(found)), $"{expected} and {found} differ");
}
