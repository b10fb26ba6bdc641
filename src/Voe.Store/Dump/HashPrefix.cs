using Voe.Store.Hashing;

namespace Voe.Store.Dump;

/// <summary>The first digits of a chunk's hash, or all of them.</summary>
internal readonly struct HashPrefix
{
    /// <summary>The fewest digits that are taken: fewer fit too many chunks.</summary>
    public const int MinDigits = 8;

    private const int MaxDigits = 2 * ChunkHash.Size;
    private readonly string _text;
    private readonly byte[] _bytes;
    private readonly int _lastDigit; // of an odd count of digits: the upper half of a byte; else -1

    private HashPrefix(string text)
    {
        _text = text;
        _bytes = Convert.FromHexString(text[..(text.Length / 2 * 2)]);
        _lastDigit = text.Length % 2 == 0 ? -1 : Convert.ToInt32(text[^1..], 16);
    }

    /// <summary>The prefix in the text.</summary>
    /// <exception cref="DumpTargetException">It is none.</exception>
    public static HashPrefix Parse(string text) =>
        text.Length is >= MinDigits and <= MaxDigits && text.All(char.IsAsciiHexDigit)
            ? new HashPrefix(text)
            : throw new DumpTargetException($"\"{text}\" is no hash, or the beginning of one: {MinDigits} to {MaxDigits} "
                + "hexadecimal digits expected");

    /// <summary>The prefix that is a whole hash.</summary>
    public static HashPrefix Of(in ChunkHash hash) => new(hash.ToString());

    /// <summary>Whether a hash begins so.</summary>
    public bool Fits(in ChunkHash hash)
    {
        Span<byte> bytes = stackalloc byte[ChunkHash.Size];
        hash.Write(bytes);
        return bytes.StartsWith(_bytes) && (_lastDigit < 0 || bytes[_bytes.Length] >> 4 == _lastDigit);
    }

    /// <summary>The digits.</summary>
    public override string ToString() => _text;
}
