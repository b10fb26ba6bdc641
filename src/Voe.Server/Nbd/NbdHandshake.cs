using System.Buffers.Binary;
using System.Text;
using Voe.Server.Exports;

namespace Voe.Server.Nbd;

/// <summary>
/// The messages of the handshake (proto.md, "Newstyle negotiation" and "Fixed newstyle negotiation"), from and to bytes.
/// <code>
/// server greeting, 18 bytes:  8 "NBDMAGIC"   8 "IHAVEOPT"   2 handshake flags
/// client flags, 4 bytes:      4 flags
/// option, 16 bytes + data:    8 "IHAVEOPT"   4 option   4 length of data
/// option reply, 20 + data:    8 magic        4 option   4 reply type   4 length of data
/// answer to EXPORT_NAME:      8 size         2 transmission flags      124 zeroes unless NO_ZEROES
/// data of INFO and GO:        4 length of name, name, 2 count, 2 x count information types
/// </code>
/// </summary>
internal static class NbdHandshake
{
    /// <summary>Bytes of the greeting.</summary>
    public const int GreetingSize = 18;

    /// <summary>Bytes of the client flags.</summary>
    public const int ClientFlagsSize = 4;

    /// <summary>Bytes of an option without its data.</summary>
    public const int OptionHeaderSize = 16;

    /// <summary>Bytes of a reply to an option without its data.</summary>
    public const int OptionReplyHeaderSize = 20;

    private const int ZeroPaddingSize = 124;

    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>What this server can do, whatever the export.</summary>
    public static NbdHandshakeFlags ServerFlags => NbdHandshakeFlags.FixedNewstyle | NbdHandshakeFlags.NoZeroes;

    /// <summary>The greeting.</summary>
    public static byte[] Greeting()
    {
        byte[] message = new byte[GreetingSize];
        BinaryPrimitives.WriteUInt64BigEndian(message, NbdProtocol.InitMagic);
        BinaryPrimitives.WriteUInt64BigEndian(message.AsSpan(8), NbdProtocol.OptionMagic);
        BinaryPrimitives.WriteUInt16BigEndian(message.AsSpan(16), (ushort)ServerFlags);
        return message;
    }

    /// <summary>Reads the client flags; false when one is set that the server did not offer, which ends the connection.</summary>
    public static bool TryReadClientFlags(ReadOnlySpan<byte> source, out NbdHandshakeFlags flags)
    {
        uint value = BinaryPrimitives.ReadUInt32BigEndian(source);
        flags = (NbdHandshakeFlags)value;
        return (value & ~(uint)ServerFlags) == 0;
    }

    /// <summary>Reads an option's header; false when the magic is wrong.</summary>
    public static bool TryReadOptionHeader(ReadOnlySpan<byte> source, out NbdOption option, out uint dataLength)
    {
        option = (NbdOption)BinaryPrimitives.ReadUInt32BigEndian(source[8..]);
        dataLength = BinaryPrimitives.ReadUInt32BigEndian(source[12..]);
        return BinaryPrimitives.ReadUInt64BigEndian(source) == NbdProtocol.OptionMagic;
    }

    /// <summary>Reads a text, as an export's name; false when it is too long, not UTF-8, or has a NUL (proto.md, "Conventions").</summary>
    public static bool TryReadName(ReadOnlySpan<byte> source, out string name)
    {
        name = "";
        if (source.Length > NbdProtocol.MaxStringLength || source.Contains((byte)0))
        {
            return false;
        }

        try
        {
            name = StrictUtf8.GetString(source);
            return true;
        }
        catch (DecoderFallbackException)
        {
            return false;
        }
    }

    /// <summary>Reads the data of INFO or GO; false when its lengths do not fit together or the name is no name.</summary>
    /// <param name="data">The option's data, all of it.</param>
    /// <param name="name">The export's name.</param>
    /// <param name="wanted">The facts that the client asks for, in its order; unknown ones included.</param>
    public static bool TryReadInfoRequest(ReadOnlySpan<byte> data, out string name, out NbdInfoType[] wanted)
    {
        name = "";
        wanted = [];
        if (data.Length < 6)
        {
            return false;
        }

        uint nameLength = BinaryPrimitives.ReadUInt32BigEndian(data);
        if (nameLength > data.Length - 6 || !TryReadName(data.Slice(4, (int)nameLength), out name))
        {
            return false;
        }

        ReadOnlySpan<byte> list = data[(4 + (int)nameLength)..];
        int count = BinaryPrimitives.ReadUInt16BigEndian(list);
        if (list.Length != 2 + (2 * count))
        {
            return false;
        }

        wanted = new NbdInfoType[count];
        for (int i = 0; i < count; i++)
        {
            wanted[i] = (NbdInfoType)BinaryPrimitives.ReadUInt16BigEndian(list[(2 + (2 * i))..]);
        }

        return true;
    }

    /// <summary>A reply to an option, with its data.</summary>
    public static byte[] OptionReply(NbdOption option, NbdOptionReplyType type, ReadOnlySpan<byte> data = default)
    {
        byte[] message = new byte[OptionReplyHeaderSize + data.Length];
        BinaryPrimitives.WriteUInt64BigEndian(message, NbdProtocol.OptionReplyMagic);
        BinaryPrimitives.WriteUInt32BigEndian(message.AsSpan(8), (uint)option);
        BinaryPrimitives.WriteUInt32BigEndian(message.AsSpan(12), (uint)type);
        BinaryPrimitives.WriteInt32BigEndian(message.AsSpan(16), data.Length);
        data.CopyTo(message.AsSpan(OptionReplyHeaderSize));
        return message;
    }

    /// <summary>A reply that refuses an option and says why in words.</summary>
    public static byte[] OptionError(NbdOption option, NbdOptionReplyType type, string reason) =>
        OptionReply(option, type, Encoding.UTF8.GetBytes(reason));

    /// <summary>The data of NBD_REP_SERVER: 4 bytes length of the name, the name, and the description as the rest.</summary>
    public static byte[] ServerData(Export export)
    {
        byte[] name = Encoding.UTF8.GetBytes(export.Name);
        byte[] description = Encoding.UTF8.GetBytes(export.Description);
        byte[] data = new byte[4 + name.Length + description.Length];
        BinaryPrimitives.WriteInt32BigEndian(data, name.Length);
        name.CopyTo(data, 4);
        description.CopyTo(data, 4 + name.Length);
        return data;
    }

    /// <summary>The data of NBD_REP_INFO with NBD_INFO_EXPORT: 2 type, 8 size, 2 transmission flags.</summary>
    /// <param name="export">The export.</param>
    /// <param name="flags">Its <see cref="TransmissionFlags"/>.</param>
    public static byte[] ExportInfo(Export export, NbdTransmissionFlags flags)
    {
        byte[] data = new byte[12];
        BinaryPrimitives.WriteUInt16BigEndian(data, (ushort)NbdInfoType.Export);
        BinaryPrimitives.WriteInt64BigEndian(data.AsSpan(2), export.Device.Size);
        BinaryPrimitives.WriteUInt16BigEndian(data.AsSpan(10), (ushort)flags);
        return data;
    }

    /// <summary>The data of NBD_REP_INFO with NBD_INFO_BLOCK_SIZE: 2 type, then 4 each of minimum, preferred and maximum size.</summary>
    public static byte[] BlockSizeInfo(Export export)
    {
        byte[] data = new byte[14];
        BinaryPrimitives.WriteUInt16BigEndian(data, (ushort)NbdInfoType.BlockSize);
        BinaryPrimitives.WriteUInt32BigEndian(data.AsSpan(2), 1);
        BinaryPrimitives.WriteInt32BigEndian(data.AsSpan(6), Math.Max(512, export.Device.PreferredBlockSize));
        BinaryPrimitives.WriteInt32BigEndian(data.AsSpan(10), NbdProtocol.MaxPayload);
        return data;
    }

    /// <summary>The data of NBD_REP_INFO with a text: 2 type, the text.</summary>
    public static byte[] TextInfo(NbdInfoType type, string text)
    {
        byte[] data = new byte[2 + Encoding.UTF8.GetByteCount(text)];
        BinaryPrimitives.WriteUInt16BigEndian(data, (ushort)type);
        Encoding.UTF8.GetBytes(text, data.AsSpan(2));
        return data;
    }

    /// <summary>The answer to EXPORT_NAME.</summary>
    public static byte[] ExportNameAnswer(Export export, NbdTransmissionFlags flags, bool withZeroes)
    {
        byte[] message = new byte[10 + (withZeroes ? ZeroPaddingSize : 0)];
        BinaryPrimitives.WriteInt64BigEndian(message, export.Device.Size);
        BinaryPrimitives.WriteUInt16BigEndian(message.AsSpan(8), (ushort)flags);
        return message;
    }

    /// <summary>
    /// What an export can do for a client with that session. CAN_MULTI_CONN is true of every
    /// <see cref="Store.Devices.IBlockDevice"/>: a write is visible to all readers when it returns, and a flush covers the
    /// returned writes of every caller.
    /// </summary>
    public static NbdTransmissionFlags TransmissionFlags(NbdSession session)
    {
        NbdTransmissionFlags flags = NbdTransmissionFlags.HasFlags | NbdTransmissionFlags.SendFlush | NbdTransmissionFlags.SendFua
            | NbdTransmissionFlags.SendTrim | NbdTransmissionFlags.SendWriteZeroes | NbdTransmissionFlags.CanMultiConn
            | NbdTransmissionFlags.SendCache | NbdTransmissionFlags.SendFastZero;
        if (session.Export.Device.IsReadOnly)
        {
            flags |= NbdTransmissionFlags.ReadOnly;
        }

        if (session.Format != NbdReplyFormat.Simple)
        {
            flags |= NbdTransmissionFlags.SendDontFragment;
        }

        return session.Format == NbdReplyFormat.Extended && session.Contexts.Count > 0
            ? flags | NbdTransmissionFlags.BlockStatusPayload
            : flags;
    }
}
