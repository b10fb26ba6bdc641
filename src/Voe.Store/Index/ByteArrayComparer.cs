using System.Diagnostics.CodeAnalysis;

namespace Voe.Store.Index;

/// <summary>Equality of byte arrays by content, for dictionaries of opaque keys.</summary>
internal sealed class ByteArrayComparer : IEqualityComparer<byte[]>
{
    private ByteArrayComparer()
    {
    }

    /// <summary>The one instance.</summary>
    public static ByteArrayComparer Instance { get; } = new();

    /// <inheritdoc/>
    public bool Equals(byte[]? x, byte[]? y) => x.AsSpan().SequenceEqual(y);

    /// <inheritdoc/>
    public int GetHashCode([DisallowNull] byte[] obj)
    {
        var hash = default(HashCode);
        hash.AddBytes(obj);
        return hash.ToHashCode();
    }
}
