using System.CommandLine;
using System.Text.Json;
using Voe.Admin;
using Voe.Admin.Images;
using Voe.Store;
using Voe.Store.Hashing;
using Voe.Store.Merkle;
using Voe.Tool.Images;

namespace Voe.Tool;

/// <summary>What <c>voe root compute --json</c> prints.</summary>
/// <param name="Root">The root hash, 64 hexadecimal digits.</param>
/// <param name="Size">Bytes of the volume: those of the image, rounded up to sectors.</param>
/// <param name="ChunkSize">Bytes a chunk.</param>
/// <param name="Hash"><c>blake3</c> or <c>sha256</c>.</param>
internal sealed record RootReply(string Root, long Size, long ChunkSize, string Hash);

/// <summary><c>voe root</c>: root hashes, which name the content of a volume (docs/format.md, "Trees and roots").</summary>
internal sealed class RootCommands(ToolConsole console, Option<bool> json, Interruption? interruption)
{
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { WriteIndented = true };

    private readonly Argument<string> _image = new("FILE") { Description = "A raw image: a file, a block device, - for standard input." };
    private readonly Option<string> _hash = new("--hash")
    {
        Description = "How chunks are named: blake3, or sha256.",
        HelpName = "HASH",
        DefaultValueFactory = static _ => "blake3",
    };

    /// <summary>The command.</summary>
    /// <param name="chunkSize">Its option for the chunk size, in bytes.</param>
    public Command Build(Option<long> chunkSize)
    {
        _hash.AcceptOnlyFromAmong("blake3", "sha256");
        var compute = new Command(
            "compute",
            "The root hash that a volume with this image's content has, in any store. Needs no store.") { _image, chunkSize, _hash };
        compute.SetAction(result => Compute(
            result.GetRequiredValue(_image),
            result.GetResult(chunkSize) is null ? VolumeLimits.MinChunkSize : result.GetValue(chunkSize),
            result.GetRequiredValue(_hash),
            result.GetValue(json)));
        return new Command("root", "Root hashes, which name the content of a volume.") { compute };
    }

    private int Compute(string path, long chunkSize, string hash, bool isJson)
    {
        try
        {
            if (chunkSize is < 0 or > VolumeLimits.MaxChunkSize)
            {
                throw new InvalidVolumeException($"--chunk-size: {chunkSize} bytes are not possible: 4KiB to 64KiB, a power of two");
            }

            using var bar = new ProgressBar(console);
            RootReply reply = Compute(path, (int)chunkSize, hash, bar);
            bar.Dispose();
            console.Output.WriteLine(isJson ? JsonSerializer.Serialize(reply, Json) : $"{reply.Root}  {path}");
            return ExitStatus.Done;
        }
        catch (Exception failure) when (failure is StoreException or AdminException or OperationCanceledException)
        {
            var told = AdminException.From(failure);
            console.Error.WriteLine($"voe: {told.Message}");
            return ExitStatus.Of(told.Kind);
        }
    }

    private RootReply Compute(string path, int chunkSize, string hash, ProgressBar bar)
    {
        var root = new ImageRoot(hash is "sha256" ? HashAlgorithm.Sha256 : HashAlgorithm.Blake3, chunkSize);
        CancellationToken cancellation = interruption?.Expect() ?? CancellationToken.None;
        using ImageReader reader = ImageReader.Open(path, bar.Show, cancellation);
        byte[] block = GC.AllocateUninitializedArray<byte>(ImageDigest.BlockSize, pinned: true);
        for (int length; (length = reader.Read(block, out long offset)) > 0;)
        {
            cancellation.ThrowIfCancellationRequested();
            root.Add(offset, block.AsSpan(0, length));
        }

        long size = (reader.End.Size + VolumeLimits.SectorSize - 1) / VolumeLimits.SectorSize * VolumeLimits.SectorSize;
        return new RootReply(root.Finish(size).ToString(), size, chunkSize, hash);
    }
}
