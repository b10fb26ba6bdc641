namespace Voe.Testing;

/// <summary>Makes the bytes of random writes: noise, text-like, zeroes, and what was written before, mixed by chunks.</summary>
public sealed class ContentSource(Random random)
{
    private const int PieceSize = 4096;
    private const int WordLength = 8;
    private const int WordCount = 16;
    private static readonly byte[] Words = [.. Enumerable.Range(0, WordLength * WordCount).Select(i => (byte)('a' + (i * 7 % 26)))];
    private const int RememberedCount = 64;

    private readonly List<byte[]> _remembered = [];

    /// <summary>Fresh bytes.</summary>
    public byte[] Next(int length)
    {
        var bytes = new byte[length];
        bool isMixed = random.Next(3) == 0;
        int kind = random.Next(10);
        for (int start = 0; start < length; start += PieceSize)
        {
            Fill(bytes.AsSpan(start, Math.Min(PieceSize, length - start)), isMixed ? random.Next(10) : kind);
        }

        return bytes;
    }

    /// <summary>Fills a span with words, which every codec makes smaller.</summary>
    public static void FillWithText(Random random, Span<byte> piece)
    {
        while (!piece.IsEmpty)
        {
            ReadOnlySpan<byte> word = Words.AsSpan(random.Next(WordCount) * WordLength, Math.Min(WordLength, piece.Length));
            word.CopyTo(piece);
            piece = piece[word.Length..];
        }
    }

    private void Fill(Span<byte> piece, int kind)
    {
        switch (kind)
        {
            case 0:
                break;
            case 1 or 2 when _remembered.Count > 0:
                _remembered[random.Next(_remembered.Count)].AsSpan(0, piece.Length).CopyTo(piece);
                break;
            case 3 or 4:
                FillWithText(random, piece);
                break;
            case 5:
                // Nearly a hole: one byte anywhere.
                piece[random.Next(piece.Length)] = (byte)random.Next(1, 256);
                break;
            default:
                random.NextBytes(piece);
                Remember(piece);
                break;
        }
    }

    private void Remember(ReadOnlySpan<byte> piece)
    {
        var whole = new byte[PieceSize];
        piece.CopyTo(whole);
        if (_remembered.Count < RememberedCount)
        {
            _remembered.Add(whole);
        }
        else
        {
            _remembered[random.Next(RememberedCount)] = whole;
        }
    }
}
