using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Voe.Store.Hashing;

/// <summary>Recognises zeros, which a store does not keep.</summary>
internal static class ZeroBlock
{
    /// <summary>Bytes looked at between two decisions: long enough to keep the loads flowing, short enough to leave data at once.</summary>
    private const int Step = 128;

    /// <summary>Whether all bytes are zero (true for none). Ends at the first piece that is not.</summary>
    public static bool IsZero(ReadOnlySpan<byte> data)
    {
        // In bounds: a step is only read while that many bytes are left.
        ref byte start = ref MemoryMarshal.GetReference(data);
        int offset = 0;
        for (; offset <= data.Length - Step; offset += Step)
        {
            Vector256<byte> any = (Vector256.LoadUnsafe(ref start, (nuint)offset) | Vector256.LoadUnsafe(ref start, (nuint)offset + 32))
                | (Vector256.LoadUnsafe(ref start, (nuint)offset + 64) | Vector256.LoadUnsafe(ref start, (nuint)offset + 96));
            if (any != Vector256<byte>.Zero)
            {
                return false;
            }
        }

        return !data[offset..].ContainsAnyExcept((byte)0);
    }
}
