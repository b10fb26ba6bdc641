using System.Text.Json;

namespace Voe.Conformance.Tests.Nbd;

/// <summary>The NBD clients that people use, against voe-server with a store.</summary>
public sealed class NbdToolTests : IClassFixture<ServerFixture>
{
    private readonly ServerFixture _fixture;

    public NbdToolTests(ServerFixture fixture) => _fixture = fixture;

    [Fact]
    public void Nbdinfo_lists_all_volumes_with_their_facts()
    {
        string printed = ExternalTool.Run("nbdinfo", "--list", "--json", _fixture.Server.SocketAddress(""));
        JsonElement exports = JsonDocument.Parse(printed).RootElement.GetProperty("exports");
        Assert.Equal(
            string.Join(' ', ServerFixture.Volumes.Select(volume => volume.Split('=')[0]).Order(StringComparer.Ordinal)),
            string.Join(' ', exports.EnumerateArray().Select(export => export.GetProperty("export-name").GetString())));
        JsonElement convert = exports.EnumerateArray().Single(export => export.GetProperty("export-name").ValueEquals("convert"));
        Assert.Equal(ServerFixture.VolumeSize, convert.GetProperty("export-size").GetInt64());
        Assert.Equal(1, convert.GetProperty("block_size_minimum").GetInt32());
        Assert.Equal(64 << 10, convert.GetProperty("block_size_preferred").GetInt32());
        Assert.Equal(32 << 20, convert.GetProperty("block_size_maximum").GetInt32());
        Assert.Contains("64 KiB", convert.GetProperty("description").GetString(), StringComparison.Ordinal);
        string[] can = ["can_flush", "can_fua", "can_trim", "can_zero", "can_multi_conn", "can_df", "can_cache", "can_fast_zero"];
        Assert.All(can, flag => Assert.True(convert.GetProperty(flag).GetBoolean(), flag));
        Assert.Equal("base:allocation", Assert.Single(convert.GetProperty("contexts").EnumerateArray()).GetString());
        Assert.True(JsonDocument.Parse(printed).RootElement.GetProperty("structured").GetBoolean());
        Assert.False(convert.GetProperty("is_read_only").GetBoolean());
    }

    [Fact]
    public void Nbdinfo_maps_data_and_holes()
    {
        byte[] content = new byte[ServerFixture.VolumeSize];
        new Random(3).NextBytes(content.AsSpan(0, 1 << 20));
        new Random(4).NextBytes(content.AsSpan(40 << 20, 3 << 20));
        string image = _fixture.File("map.original");
        File.WriteAllBytes(image, content);
        ExternalTool.Run("nbdcopy", image, _fixture.Server.SocketAddress("map"));
        string[] lines = ExternalTool.Run("nbdinfo", "--map", "--json", _fixture.Server.SocketAddress("map"))
            .Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(
            [(0, 1 << 20, 0), (1 << 20, 39 << 20, 3), (40 << 20, 3 << 20, 0), (43 << 20, 21 << 20, 3)],
            JsonDocument.Parse(string.Concat(lines)).RootElement.EnumerateArray().Select(extent => (
                extent.GetProperty("offset").GetInt32(), extent.GetProperty("length").GetInt32(), extent.GetProperty("type").GetInt32())));

        // A client that skips what is mapped as a hole makes the same file.
        string copy = _fixture.File("map.copy");
        ExternalTool.Run("nbdcopy", _fixture.Server.TcpAddress("map"), copy);
        AssertSameFile(image, copy);
        string mapped = ExternalTool.Run("qemu-img", "map", "--output=json", _fixture.Server.SocketAddress("map"));
        Assert.Equal(
            [(0L, true), (1L << 20, false), (40L << 20, true), (43L << 20, false)],
            JsonDocument.Parse(mapped).RootElement.EnumerateArray().Select(extent => (
                extent.GetProperty("start").GetInt64(), extent.GetProperty("data").GetBoolean())));
    }

    [Fact]
    public void Nbdcopy_brings_back_what_it_stored_over_several_connections()
    {
        string original = WriteFile("copy.original", seed: 1);
        string copy = _fixture.File("copy.copy");
        ExternalTool.Run("nbdcopy", "--connections=4", "--flush", original, _fixture.Server.SocketAddress("copy"));
        ExternalTool.Run("nbdcopy", "--connections=4", _fixture.Server.TcpAddress("copy"), copy);
        AssertSameFile(original, copy);
    }

    [Fact]
    public void Qemu_img_converts_and_compares()
    {
        string original = WriteFile("convert.original", seed: 2);
        string volume = _fixture.Server.SocketAddress("convert");
        Assert.Contains("64 MiB", ExternalTool.Run("qemu-img", "info", volume), StringComparison.Ordinal);
        ExternalTool.Run("qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", original, volume);
        string compared = ExternalTool.Run("qemu-img", "compare", "-f", "raw", "-F", "raw", original, volume);
        Assert.Contains("identical", compared, StringComparison.Ordinal);
    }

    [Fact]
    public void Qemu_io_reads_the_patterns_that_it_wrote()
    {
        string printed = ExternalTool.Run(
            "qemu-io", "-f", "raw", "-t", "writeback", "-d", "unmap",
            "-c", "write -P 0x5a 0 1M", "-c", "write -P 0xa5 -f 12345k 33k", "-c", "flush", "-c", "discard 64k 64k",
            "-c", "write -z 256k 64k",
            "-c", "write -z -u 512k 4k", "-c", "read -P 0x5a 0 64k", "-c", "read -P 0 64k 64k", "-c", "read -P 0x5a 128k 128k",
            "-c", "read -P 0 256k 64k", "-c", "read -P 0 512k 4k", "-c", "read -P 0xa5 12345k 33k", "-c", "read -P 0 60M 4M",
            _fixture.Server.TcpAddress("io"));
        Assert.DoesNotContain("failed", printed, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void Nbdsh_finds_every_command_and_error_as_the_protocol_has_them()
    {
        const string Script = """
            import errno, os, random
            def fails(code, call, *arguments):
                try:
                    call(*arguments)
                except nbd.Error as error:
                    assert error.errnum == code, (call, error)
                else:
                    raise AssertionError('%r %r did not fail' % (call, arguments))

            h.set_strict_mode(0)
            h.connect_uri(URI)
            size = h.get_size()
            assert size == 64 << 20
            assert h.can_multi_conn() and h.can_fua() and h.can_flush() and h.can_trim() and h.can_zero()
            assert not h.is_read_only()
            data = os.urandom(300000)
            h.pwrite(data, 4095)
            assert h.pread(len(data), 4095) == data
            h.pwrite(b'durable', size - 7, nbd.CMD_FLAG_FUA)
            assert h.pread(7, size - 7) == b'durable'
            h.trim(8192, 8192, nbd.CMD_FLAG_FUA)
            h.zero(4096, 32768, nbd.CMD_FLAG_NO_HOLE)
            assert h.pread(8192, 8192) == bytes(8192)
            assert h.pread(4096, 32768) == bytes(4096)
            h.flush()
            fails(errno.EINVAL, h.pread, 1, size)
            fails(errno.ENOSPC, h.pwrite, b'x', size)
            fails(errno.ENOSPC, h.zero, 2, size - 1)
            fails(errno.EINVAL, h.trim, 2, size - 1)
            h.cache(1 << 20, 0)
            fails(errno.EINVAL, h.cache, 512, size)
            big = os.urandom(32 << 20)
            h.pwrite(big, 1 << 20)
            assert h.pread(len(big), 1 << 20) == big

            # Many requests in flight, replies in any order.
            random.seed(1)
            pending = []
            model = bytearray(h.pread(1 << 20, 0))
            for i in range(64):
                offset = 16384 * i
                block = os.urandom(random.randrange(1, 16384))
                model[offset:offset + len(block)] = block
                pending.append(h.aio_pwrite(nbd.Buffer.from_bytearray(bytearray(block)), offset))
                if i % 8 == 0:
                    pending.append(h.aio_flush())
            while pending:
                h.poll(-1)
                pending = [cookie for cookie in pending if not h.aio_command_completed(cookie)]
            assert h.pread(1 << 20, 0) == model
            h.shutdown()
            print('done')
            """;
        string printed = ExternalTool.Run(
            "nbdsh", "-c", $"URI = '{_fixture.Server.SocketAddress("sh")}'", "-c", Script);
        Assert.Contains("done", printed, StringComparison.Ordinal);
    }

    [Fact]
    public void Nbdsh_gets_chunks_contexts_and_fast_zeroes_when_it_asks_for_them()
    {
        const string Script = """
            h.set_strict_mode(0)
            h.add_meta_context('base:allocation')
            h.add_meta_context('qemu:dirty-bitmap:x')
            h.connect_uri(URI)
            assert h.get_structured_replies_negotiated()
            assert h.can_df() and h.can_cache() and h.can_fast_zero()
            assert h.can_meta_context('base:allocation') and not h.can_meta_context('qemu:dirty-bitmap:x')
            h.pwrite(b'x' * 65536, 131072)

            def chunks(length, offset, flags=0):
                found = []
                h.pread_structured(length, offset, lambda data, at, status, error: found.append((at, len(data), status)), flags)
                return found

            DATA, HOLE = nbd.READ_DATA, nbd.READ_HOLE
            assert chunks(262144, 0) == [(0, 131072, HOLE), (131072, 65536, DATA), (196608, 65536, HOLE)], chunks(262144, 0)
            assert chunks(262144, 0, nbd.CMD_FLAG_DF) == [(0, 262144, DATA)]
            assert chunks(4096, 0) == [(0, 4096, DATA)]
            assert chunks(32 << 20, 16 << 20) == [(16 << 20, 32 << 20, HOLE)]

            def status(length, offset, flags=0):
                found = []
                h.block_status(length, offset, lambda context, at, entries, error: found.append((context, at, entries)), flags)
                return found

            assert status(1 << 20, 65536) == [('base:allocation', 65536, [65536, 3, 65536, 0, 917504, 3])], status(1 << 20, 65536)
            assert status(1 << 20, 65536, nbd.CMD_FLAG_REQ_ONE) == [('base:allocation', 65536, [65536, 3])]
            h.zero(65536, 131072, nbd.CMD_FLAG_FAST_ZERO)
            h.zero(65536, 131072, nbd.CMD_FLAG_FAST_ZERO | nbd.CMD_FLAG_NO_HOLE)
            assert status(1 << 20, 0) == [('base:allocation', 0, [1 << 20, 3])]
            h.cache(64 << 20, 0)
            h.shutdown()

            # The same without structured replies.
            h = nbd.NBD()
            h.set_request_structured_replies(False)
            h.connect_uri(URI)
            assert not h.get_structured_replies_negotiated() and not h.can_df()
            assert h.pread(1 << 20, 0) == bytes(1 << 20)

            # What one connection wrote is durable after a flush on another one.
            h.pwrite(b'y' * 4096, 0)
            other = nbd.NBD()
            other.connect_uri(URI)
            other.flush()
            assert other.pread(4096, 0) == b'y' * 4096
            print('done')
            """;
        string printed = ExternalTool.Run(
            "nbdsh", "-c", $"URI = '{_fixture.Server.SocketAddress("chunks")}'", "-c", Script);
        Assert.Contains("done", printed, StringComparison.Ordinal);
    }

    [Fact]
    public void Nbdsh_haggles_as_long_as_it_likes()
    {
        const string Script = """
            h.set_opt_mode(True)
            h.connect_uri(URI)
            names = []
            h.opt_list(lambda name, description: names.append(name))
            assert 'sh' in names and 'odd' in names, names
            h.set_export_name('nothing')
            try:
                h.opt_info()
            except nbd.Error:
                pass
            else:
                raise AssertionError('there is such an export')
            h.set_export_name('odd')
            h.opt_info()
            assert h.get_size() == 1000448
            assert h.get_canonical_export_name() == 'odd' if h.get_full_info() else True
            h.opt_go()
            h.pwrite(b'x' * 512, 1000448 - 512)
            h.shutdown()
            print('done')
            """;
        string printed = ExternalTool.Run("nbdsh", "-c", $"URI = '{_fixture.Server.TcpAddress("")}'", "-c", Script);
        Assert.Contains("done", printed, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("512-64k", 16)]
    [InlineData("4k-4k", 32)]
    [InlineData("128k-1m", 4)]
    public void Fio_verifies_all_that_it_wrote(string blockSizes, int depth)
    {
        ExternalTool.Run(
            "fio", "--name=verify", "--ioengine=nbd", "--uri=" + _fixture.Server.SocketAddress("fio"), "--rw=randrw", "--rwmixread=30",
            "--bsrange=" + blockSizes, "--iodepth=" + depth, "--size=64M", "--io_size=48M", "--verify=crc32c", "--verify_fatal=1",
            "--do_verify=1", "--randseed=7", "--fsync=200", "--buffer_compress_percentage=40", "--group_reporting");
    }

    /// <summary>A file as large as a volume: noise, text-like bytes, zeroes.</summary>
    private string WriteFile(string name, int seed)
    {
        var random = new Random(seed);
        byte[] content = new byte[ServerFixture.VolumeSize];
        random.NextBytes(content.AsSpan(0, content.Length / 4));
        for (int i = content.Length / 2; i < content.Length * 3 / 4; i++)
        {
            content[i] = (byte)('a' + ((i * 7) % 26));
        }

        random.NextBytes(content.AsSpan(content.Length - 5));
        string path = _fixture.File(name);
        File.WriteAllBytes(path, content);
        return path;
    }

    private static void AssertSameFile(string expected, string actual) =>
        Assert.True(File.ReadAllBytes(expected).AsSpan().SequenceEqual(File.ReadAllBytes(actual)), $"{actual} differs from {expected}");
}
