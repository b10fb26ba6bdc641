using Voe.Store.Hashing;
using Voe.Store.Packs;

namespace Voe.Store.Log;

/// <summary>Makes a pack's footer by reading the pack back, as a reader would.</summary>
internal static class FooterBuilder
{
    // Hashes do not shrink, only their repetition does: level 1 takes 1.6 times as long for 1 % less.
    private const int CompressionLevel = -3;

    /// <summary>The stored body, of which as many bytes count as the footer says, and the trailer that goes with it.</summary>
    /// <exception cref="StoreDamagedException">What was written reads back differently.</exception>
    public static (byte[] Body, PackFooter Footer) Build(OpenPack pack)
    {
        var reader = BatchReader.OverFile(pack.File, pack.Id, PackHeader.Size);
        using var plain = new MemoryStream(1 << 20);
        Span<byte> header = stackalloc byte[BatchHeader.Size];
        ulong lastLsn = pack.FirstLsn - 1;
        uint link = pack.PreviousChecksum;
        int count = 0;
        while (reader.Offset < pack.End)
        {
            if (!reader.TryRead(lastLsn + 1, link))
            {
                throw new StoreDamagedException($"pack {pack.Id}, offset {reader.Offset}: what was written reads back "
                    + $"differently: {reader.StopReason}");
            }

            (lastLsn, link) = (reader.Header.LastLsn, reader.Link);
            reader.Header.Write(header);
            plain.Write(header);
            plain.Write(reader.Table);
            count++;
        }

        Invariant.Require(lastLsn == pack.LastLsn && reader.Offset == pack.End, "a pack's batches end where the log says");
        using var compressor = new ZstdSharp.Compressor(CompressionLevel);
        byte[] body = new byte[ZstdSharp.Compressor.GetCompressBound((int)plain.Length)];
        int length = compressor.Wrap(plain.GetBuffer().AsSpan(0, (int)plain.Length), body);
        var footer = new PackFooter(
            pack.Id,
            pack.FirstLsn,
            pack.LastLsn,
            (uint)pack.End,
            length,
            (int)plain.Length,
            count,
            Crc32C.Compute(body.AsSpan(0, length)),
            link);
        return (body, footer);
    }
}
