namespace Voe.Store.Hashing;

/// <summary>How a store names its chunks. Chosen when the store is created; the numbers are those on disk.</summary>
public enum HashAlgorithm : byte
{
    /// <summary>BLAKE3 with 256 bits of output, over the plain bytes.</summary>
    Blake3 = 1,

    /// <summary>SHA-256 (FIPS 180-4), over the plain bytes.</summary>
    Sha256 = 2,
}
