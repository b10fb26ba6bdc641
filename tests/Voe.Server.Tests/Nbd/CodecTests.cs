using CsCheck;
using Voe.Server.Exports;
using Voe.Server.Nbd;
using Voe.Store;
using Voe.Testing;

namespace Voe.Server.Tests.Nbd;

public sealed class CodecTests
{
    private static readonly Gen<NbdRequest> Requests =
        from flags in Gen.UShort
        from command in Gen.UShort
        from cookie in Gen.ULong
        from offset in Gen.ULong
        from length in Gen.UInt
        select new NbdRequest((NbdCommandFlags)flags, (NbdCommand)command, cookie, offset, length);

    [Fact]
    public void Request_survives_the_way_to_bytes_and_back() => Requests.Sample(request =>
    {
        byte[] bytes = new byte[NbdRequest.HeaderSize];
        request.Write(bytes);
        return NbdRequest.TryRead(bytes, out NbdRequest read) && read == request;
    });

    [Fact]
    public void Request_has_the_bytes_of_the_specification()
    {
        byte[] bytes = NbdClient.Request(1, offset: 0x0102030405060708, length: 0x090a0b0c, cookie: 0x1112131415161718, flags: 0x2122);
        Assert.Equal("25609513" + "2122" + "0001" + "1112131415161718" + "0102030405060708" + "090A0B0C", Convert.ToHexString(bytes));
        Assert.True(NbdRequest.TryRead(bytes, out NbdRequest request));
        Assert.Equal(
            new NbdRequest((NbdCommandFlags)0x2122, NbdCommand.Write, 0x1112131415161718, 0x0102030405060708, 0x090a0b0c), request);
        Assert.Equal(0x090a0b0cul, request.PayloadLength);
    }

    [Fact]
    public void Request_with_any_other_magic_is_none() => Gen.Byte.Array[NbdRequest.HeaderSize].Sample(bytes =>
        NbdRequest.TryRead(bytes, out _) == bytes.AsSpan(0, 4).SequenceEqual<byte>([0x25, 0x60, 0x95, 0x13]));

    [Fact]
    public void Reply_survives_the_way_to_bytes_and_back() => Gen.Select(Gen.UInt, Gen.ULong).Sample((error, cookie) =>
    {
        var reply = new NbdReply((NbdError)error, cookie);
        byte[] bytes = new byte[NbdReply.HeaderSize];
        reply.Write(bytes);
        return NbdReply.TryRead(bytes, out NbdReply read) && read == reply;
    });

    [Fact]
    public void Reply_has_the_bytes_of_the_specification()
    {
        byte[] bytes = new byte[16];
        new NbdReply(NbdError.NoSpace, 0x0102030405060708).Write(bytes);
        Assert.Equal("67446698" + "0000001C" + "0102030405060708", Convert.ToHexString(bytes));
    }

    [Fact]
    public void Range_is_valid_exactly_when_it_lies_inside_the_export() => Gen.Select(
        Gen.Long[0, long.MaxValue - 100], Gen.Int[-20, 20], Gen.UInt[0, 40], Gen.Int[0, 3]).Sample((size, distance, length, choice) =>
    {
        NbdCommand command = new[] { NbdCommand.Read, NbdCommand.Write, NbdCommand.Trim, NbdCommand.WriteZeroes }[choice];
        ulong offset = (ulong)size + (ulong)(long)distance;
        bool isInside = (UInt128)offset + length <= (UInt128)size;
        NbdError error = new NbdRequest(NbdCommandFlags.None, command, 1, offset, length).Validate(size, isReadOnly: false);
        return isInside == (error == NbdError.None);
    });

    [Fact]
    public void Option_data_of_random_bytes_never_crashes_a_reader() => Gen.Byte.Array[0, 100].Sample(bytes =>
    {
        bool isInfo = NbdHandshake.TryReadInfoRequest(bytes, out string name, out NbdInfoType[] wanted);
        Assert.True(isInfo || (name.Length <= 100 && wanted.Length == 0));
        NbdHandshake.TryReadName(bytes, out _);
    });

    [Fact]
    public void Info_request_survives_the_way_to_bytes_and_back() =>
        Gen.Select(Gen.String[Gen.Char['a', '\u05ea'], 0, 50], Gen.UShort.Array[0, 20]).Sample((name, wanted) =>
            NbdHandshake.TryReadInfoRequest(NbdClient.InfoData(name, wanted), out string readName, out NbdInfoType[] readWanted)
            && string.Equals(readName, name, StringComparison.Ordinal)
            && readWanted.SequenceEqual(wanted.Select(type => (NbdInfoType)type)));

    [Theory]
    [InlineData(4096, true)]
    [InlineData(4097, false)]
    public void Name_has_at_most_4096_bytes(int length, bool isValid) =>
        Assert.Equal(isValid, NbdHandshake.TryReadName([.. Enumerable.Repeat((byte)'a', length)], out _));

    [Fact]
    public void Preferred_block_size_is_never_below_a_sector()
    {
        byte[] info = NbdHandshake.BlockSizeInfo(new Export("d", new MemoryDevice(4096, preferredBlockSize: 1), ""));
        Assert.Equal("0003" + "00000001" + "00000200" + "02000000", Convert.ToHexString(info));
    }

    [Fact]
    public void Range_error_of_a_device_depends_on_the_command()
    {
        var failure = new RequestOutOfRangeException("out");
        Assert.Equal(NbdError.NoSpace, NbdErrors.FromException(failure, NbdCommand.Write));
        Assert.Equal(NbdError.NoSpace, NbdErrors.FromException(failure, NbdCommand.WriteZeroes));
        Assert.Equal(NbdError.Invalid, NbdErrors.FromException(failure, NbdCommand.Read));
        Assert.Equal(NbdError.Invalid, NbdErrors.FromException(failure, NbdCommand.Trim));
    }
}
