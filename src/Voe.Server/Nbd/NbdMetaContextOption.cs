using System.Buffers.Binary;
using System.Text;

namespace Voe.Server.Nbd;

/// <summary>
/// The messages of LIST_META_CONTEXT and SET_META_CONTEXT (proto.md, "Option types"), from and to bytes.
/// <code>
/// option data:  4 length of export's name, name, 4 count, count x (4 length of query, query)
/// reply data:   4 context id, name of the context
/// </code>
/// </summary>
internal static class NbdMetaContextOption
{
    private const int LengthSize = 4;

    /// <summary>
    /// Reads the option's data; false when its lengths do not fit together, a text is none, or a query has no colon behind
    /// a namespace.
    /// </summary>
    public static bool TryRead(ReadOnlySpan<byte> data, out string exportName, out string[] queries)
    {
        queries = [];
        if (!TryReadString(ref data, out exportName) || data.Length < LengthSize)
        {
            return false;
        }

        uint count = BinaryPrimitives.ReadUInt32BigEndian(data);
        data = data[LengthSize..];

        // Each query takes the four bytes of its length at least, so the list is no longer than what was received.
        if (count > data.Length / LengthSize)
        {
            return false;
        }

        var found = new string[count];
        for (int i = 0; i < found.Length; i++)
        {
            if (!TryReadString(ref data, out found[i]) || found[i].IndexOf(':', StringComparison.Ordinal) <= 0)
            {
                return false;
            }
        }

        queries = found;
        return data.IsEmpty;
    }

    /// <summary>The data of NBD_REP_META_CONTEXT.</summary>
    public static byte[] ContextData(uint id, string name)
    {
        byte[] data = new byte[LengthSize + Encoding.UTF8.GetByteCount(name)];
        BinaryPrimitives.WriteUInt32BigEndian(data, id);
        Encoding.UTF8.GetBytes(name, data.AsSpan(LengthSize));
        return data;
    }

    private static bool TryReadString(ref ReadOnlySpan<byte> data, out string text)
    {
        text = "";
        if (data.Length < LengthSize)
        {
            return false;
        }

        uint length = BinaryPrimitives.ReadUInt32BigEndian(data);
        data = data[LengthSize..];
        if (length > data.Length || !NbdHandshake.TryReadName(data[..(int)length], out text))
        {
            return false;
        }

        data = data[(int)length..];
        return true;
    }
}
