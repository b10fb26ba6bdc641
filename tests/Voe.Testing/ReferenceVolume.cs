using Voe.Store.Chunks;

namespace Voe.Testing;

/// <summary>A byte array that is a volume: what a real one must read as.</summary>
public sealed class ReferenceVolume
{
    private byte[] _content;

    /// <summary>A volume full of zeroes.</summary>
    public ReferenceVolume(string name, long size, int chunkSize, CompressionSetting compression)
    {
        Name = name;
        ChunkSize = chunkSize;
        Compression = compression;
        _content = new byte[size];
    }

    /// <summary>The name.</summary>
    public string Name { get; internal set; }

    /// <summary>Size of a chunk in bytes.</summary>
    public int ChunkSize { get; }

    /// <summary>How new chunks are compressed.</summary>
    public CompressionSetting Compression { get; internal set; }

    /// <summary>Size in bytes.</summary>
    public int Size => _content.Length;

    /// <summary>All bytes.</summary>
    public ReadOnlySpan<byte> Content => _content;

    /// <summary>Puts bytes at an offset.</summary>
    public void Write(long offset, ReadOnlySpan<byte> bytes) => bytes.CopyTo(_content.AsSpan((int)offset));

    /// <summary>Makes a range read as zeroes.</summary>
    public void Zero(long offset, long length) => _content.AsSpan((int)offset, (int)length).Clear();

    /// <summary>Cuts, or adds zeroes.</summary>
    public void Resize(long size) => Array.Resize(ref _content, (int)size);

    /// <summary>An independent copy.</summary>
    public ReferenceVolume Clone() => new(Name, 0, ChunkSize, Compression) { _content = (byte[])_content.Clone() };

    /// <summary>Whether everything that a client can see is the same.</summary>
    public bool Matches(ReferenceVolume other) => DifferenceFrom(other) is null;

    /// <summary>The first difference in words, this being what is expected; null where there is none.</summary>
    public string? DifferenceFrom(ReferenceVolume actual)
    {
        if (!string.Equals(Name, actual.Name, StringComparison.Ordinal) || Size != actual.Size || ChunkSize != actual.ChunkSize
            || Compression != actual.Compression)
        {
            return $"expected volume {Name} of {Size} bytes, chunks of {ChunkSize}, {Compression}; "
                + $"found {actual.Name} of {actual.Size} bytes, chunks of {actual.ChunkSize}, {actual.Compression}";
        }

        int at = Content.CommonPrefixLength(actual.Content);
        return at == Size
            ? null
            : $"volume {Name}, byte {at} (chunk {at / ChunkSize}, byte {at % ChunkSize} of it): "
                + $"expected {Hex(Content[at..])}, found {Hex(actual.Content[at..])}";
    }

    /// <summary>
    /// Whether <paramref name="actual"/> is this volume with some of the chunks of <paramref name="next"/>: how a change that
    /// is too large for one batch may look after a crash.
    /// </summary>
    public bool IsMixWith(ReferenceVolume next, ReferenceVolume actual)
    {
        if (actual.DifferenceFrom(this) is null || Size != actual.Size || next.Size != Size || next.ChunkSize != ChunkSize
            || !string.Equals(Name, actual.Name, StringComparison.Ordinal) || Compression != actual.Compression)
        {
            return actual.Matches(this);
        }

        for (int start = 0; start < Size; start += ChunkSize)
        {
            int length = Math.Min(ChunkSize, Size - start);
            ReadOnlySpan<byte> found = actual.Content.Slice(start, length);
            if (!found.SequenceEqual(Content.Slice(start, length)) && !found.SequenceEqual(next.Content.Slice(start, length)))
            {
                return false;
            }
        }

        return true;
    }

    private static string Hex(ReadOnlySpan<byte> bytes) => Convert.ToHexStringLower(bytes[..Math.Min(16, bytes.Length)]);
}
