using System.Buffers.Binary;
using System.Text;

namespace Voe.Benchmarks;

/// <summary>What chunks of a load contain.</summary>
internal enum DataKind
{
    /// <summary>Noise: nothing shrinks, nothing repeats.</summary>
    Noise,

    /// <summary>Each 4 KiB is half noise, half zeros: shrinks to a half.</summary>
    HalfZeros,

    /// <summary>Words and numbers, as logs and sources have them: shrinks to about a half with LZ4.</summary>
    Text,
}

/// <summary>Seeded data whose 4 KiB pieces all differ.</summary>
internal static class BenchmarkData
{
    /// <summary>The granularity of uniqueness: the smallest chunk.</summary>
    public const int PieceSize = 4096;

    /// <summary>Fills a buffer whose length is a multiple of <see cref="PieceSize"/>.</summary>
    public static void Fill(DataKind kind, int seed, Span<byte> buffer)
    {
        var random = new Random(seed);
        if (kind == DataKind.Text)
        {
            FillWithText(random, buffer);
            return;
        }

        random.NextBytes(buffer);
        for (int offset = 0; kind == DataKind.HalfZeros && offset < buffer.Length; offset += PieceSize)
        {
            buffer.Slice(offset + (PieceSize / 2), PieceSize / 2).Clear();
        }
    }

    /// <summary>
    /// Makes every piece of the buffer different from all that were stamped with another number: a pass over the same
    /// buffer with the next numbers is new data to a store. Costs next to nothing.
    /// </summary>
    public static void Stamp(Span<byte> buffer, long firstNumber)
    {
        for (int offset = 0; offset < buffer.Length; offset += PieceSize)
        {
            BinaryPrimitives.WriteInt64LittleEndian(buffer[offset..], firstNumber++);
        }
    }

    private static void FillWithText(Random random, Span<byte> buffer)
    {
        string[] words =
        [
            "request", "served", "from", "cache", "connection", "closed", "by", "peer", "volume", "block", "write", "read", "error",
            "warning", "retry", "timeout", "accepted", "flush", "after", "before", "status", "user", "session", "expired", "GET", "POST",
            "index", "lookup",
        ];
        var line = new StringBuilder();
        while (!buffer.IsEmpty)
        {
            line.Clear().Append("2026-03-").Append(random.Next(10, 31)).Append('T').Append(random.Next(100_000, 999_999)).Append(' ');
            for (int i = random.Next(4, 10); i > 0; i--)
            {
                line.Append(words[random.Next(words.Length)]).Append(random.Next(4) == 0 ? "=" + random.Next() + " " : " ");
            }

            line.Append('\n');
            int length = Math.Min(line.Length, buffer.Length);
            Encoding.ASCII.GetBytes(line.ToString(0, length), buffer);
            buffer = buffer[length..];
        }
    }
}
