using System.Buffers.Binary;
using Voe.Server.Exports;

namespace Voe.Server.Nbd;

/// <summary>What a handshake agreed on: everything that the transmission phase has to know. Immutable.</summary>
/// <param name="Export">The export that the client chose.</param>
/// <param name="Format">How messages look.</param>
/// <param name="Contexts">The metadata contexts that BLOCK_STATUS tells about; <see cref="MaxContexts"/> at most.</param>
internal sealed record NbdSession(Export Export, NbdReplyFormat Format, IReadOnlyList<IMetaContext> Contexts)
{
    /// <summary>Contexts of one session at most: as many as <see cref="NbdRequest.ContextMask"/> has bits.</summary>
    public const int MaxContexts = 32;

    private const int EffectLengthSize = 8;
    private const int IdSize = 4;

    /// <summary>Bytes of a request's header.</summary>
    public int RequestHeaderSize => Format == NbdReplyFormat.Extended ? NbdRequest.ExtendedHeaderSize : NbdRequest.HeaderSize;

    /// <summary>The number of a context on the wire, by its place in <see cref="Contexts"/>. Clients take it as opaque.</summary>
    public static uint ContextId(int index) => (uint)index + 1;

    /// <summary>Reads a request's header; false when the magic is wrong.</summary>
    public bool TryReadRequest(ReadOnlySpan<byte> source, out NbdRequest request) => Format == NbdReplyFormat.Extended
        ? NbdRequest.TryReadExtended(source, out request)
        : NbdRequest.TryRead(source, out request);

    /// <summary>Checks a request whose payload, if any, was received; see <see cref="NbdRequest.Validate"/>.</summary>
    /// <param name="request">The request; a BLOCK_STATUS with a payload becomes what its payload says.</param>
    /// <param name="payload">Its payload.</param>
    /// <returns>The error to reply with, or <see cref="NbdError.None"/>.</returns>
    public NbdError Validate(ref NbdRequest request, ReadOnlySpan<byte> payload)
    {
        if (request.Command == NbdCommand.BlockStatus && request.PayloadLength > 0 && !TryApplyFilter(ref request, payload))
        {
            return NbdError.Invalid;
        }

        return request.Validate(Export.Device.Size, Export.Device.IsReadOnly, Format, Contexts.Count > 0);
    }

    /// <summary>
    /// Reads the payload of a BLOCK_STATUS: 8 effect length, then 4 for the id of each context that is wanted, each known and
    /// none twice (proto.md, NBD_CMD_BLOCK_STATUS).
    /// </summary>
    private bool TryApplyFilter(ref NbdRequest request, ReadOnlySpan<byte> payload)
    {
        int count = (payload.Length - EffectLengthSize) / IdSize;
        if (count < 1 || count > Contexts.Count || payload.Length != EffectLengthSize + (count * IdSize))
        {
            return false;
        }

        uint mask = 0;
        for (int i = 0; i < count; i++)
        {
            uint index = BinaryPrimitives.ReadUInt32BigEndian(payload[(EffectLengthSize + (i * IdSize))..]) - ContextId(0);
            if (index >= Contexts.Count || (mask & (1u << (int)index)) != 0)
            {
                return false;
            }

            mask |= 1u << (int)index;
        }

        request = request with { Length = BinaryPrimitives.ReadUInt64BigEndian(payload), ContextMask = mask };
        return true;
    }
}
