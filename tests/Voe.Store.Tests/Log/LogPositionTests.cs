using Voe.Store.Log;
using Voe.Store.Recovery;
using Voe.Store.Tests.Golden;

namespace Voe.Store.Tests.Log;

public sealed class LogPositionTests
{
    private static readonly LogPosition Value = new(0x1112131415161718, 0x21222324, 0x01020304, 0x0102030405060708);
    private static readonly byte[] Bytes = Convert.FromHexString("0100000004030201080706050403020118171615141312112423222100000000");

    [Fact]
    public void Its_bytes_are_those_of_the_format()
    {
        byte[] bytes = new byte[32];
        Array.Fill(bytes, (byte)0xee);
        Value.Write(bytes);
        Assert.Equal(Convert.ToHexStringLower(Bytes), Convert.ToHexStringLower(bytes));
        Assert.True(LogPosition.TryRead(Bytes, out LogPosition read));
        Assert.Equal(Value, read);
    }

    [Fact]
    public void Another_length_version_or_reserved_field_is_refused()
    {
        Assert.False(LogPosition.TryRead([.. Bytes, 0], out _));
        Codecs.RefusesEachTruncation(Bytes, static bytes => LogPosition.TryRead(bytes, out _));
        foreach (int offset in new[] { 0, 1, 2, 3, 28, 29, 30, 31 })
        {
            byte[] bytes = (byte[])Bytes.Clone();
            bytes[offset] ^= 2;
            Assert.False(LogPosition.TryRead(bytes, out _));
        }
    }

    [Fact]
    public void A_negative_offset_is_refused()
    {
        byte[] bytes = (byte[])Bytes.Clone();
        bytes[15] = 0x80;
        Assert.False(LogPosition.TryRead(bytes, out _));
    }

    [Fact]
    public void No_bytes_make_the_reader_fail_otherwise() =>
        Codecs.SurvivesRandomBytes(Bytes, null, static bytes => LogPosition.TryRead(bytes, out _));

    [Fact]
    public void State_of_a_checkpoint_is_the_position_the_next_volume_and_whether_something_was_lost()
    {
        byte[] state = Checkpointer.EncodeState(Value, 0x31323334, hasLosses: true);
        Assert.Equal(Convert.ToHexStringLower(Bytes) + "3433323101000000", Convert.ToHexStringLower(state));
        Assert.True(Checkpointer.TryDecodeState(state, out LogPosition position, out uint nextVolume, out bool hasLosses));
        Assert.Equal((Value, 0x31323334u, true), (position, nextVolume, hasLosses));
        Assert.False(Checkpointer.TryDecodeState(state.AsSpan(1), out _, out _, out _));
        state[39] = 1;
        Assert.False(Checkpointer.TryDecodeState(state, out _, out _, out _));
    }
}
