using Voe.Server.Nbd;
using Voe.Testing;

namespace Voe.Server.Tests.Nbd;

public sealed class ConcurrencyTests
{
    private const int MiB = 1 << 20;

    private readonly MemoryDevice _device = new(16 * MiB);

    [Fact]
    public void Slow_flush_stalls_no_later_read_or_write_of_its_connection()
    {
        using var inFlush = new ManualResetEventSlim();
        using var mayFlush = new ManualResetEventSlim();
        _device.BeforeFlush = () =>
        {
            inFlush.Set();
            mayFlush.Wait();
        };
        using var server = new TestServer(("d", _device));
        using NbdClient client = server.Connect();
        ulong flush = client.SendRequest(NbdClient.Flush, 0, 0);
        inFlush.Wait();
        for (int i = 0; i < 100; i++)
        {
            Assert.Equal(0u, client.DoWrite(i, [(byte)i]));
            Assert.Equal([(byte)i], client.DoRead(i, 1));
        }

        Assert.Equal(0, _device.FlushCount);
        mayFlush.Set();
        Assert.Equal(flush, client.ReceiveReply().Cookie);
    }

    [Fact]
    public void Flush_that_is_slow_for_once_stalls_nothing_though_all_before_were_quick()
    {
        using var mayFlush = new ManualResetEventSlim(initialState: true);
        _device.BeforeFlush = mayFlush.Wait;
        using var server = new TestServer(("d", _device));
        using NbdClient client = server.Connect();
        for (int i = 0; i < 50; i++)
        {
            Assert.Equal(0u, client.Do(NbdClient.Flush, 0, 0).Error);
        }

        mayFlush.Reset();
        ulong flush = client.SendRequest(NbdClient.Flush, 0, 0);
        Assert.Equal(0u, client.DoWrite(5, [6]));
        Assert.Equal([6], client.DoRead(5, 1));
        mayFlush.Set();
        Assert.Equal(flush, client.ReceiveReply().Cookie);
    }

    [Fact]
    public void Write_that_hangs_keeps_its_data_while_later_requests_go_on()
    {
        using var inWrite = new ManualResetEventSlim();
        using var mayWrite = new ManualResetEventSlim();
        _device.BeforeWrite = (offset, _) =>
        {
            if (offset == 0)
            {
                inWrite.Set();
                mayWrite.Wait();
            }
        };
        using var server = new TestServer(("d", _device));
        using NbdClient client = server.Connect();
        byte[] slow = RandomBytes(100_000, 1);
        ulong write = client.SendRequest(NbdClient.Write, 0, slow.Length, 0, slow);
        inWrite.Wait();

        // More than a receive buffer, so that the hanging write's data would be overwritten if it were still in one that is in use.
        for (int i = 1; i < 30; i++)
        {
            byte[] data = RandomBytes(100_000, i + 1);
            Assert.Equal(0u, client.DoWrite(i * 100_000, data));
            Assert.Equal(data, client.DoRead(i * 100_000, data.Length));
        }

        mayWrite.Set();
        Assert.Equal(write, client.ReceiveReply().Cookie);
        Assert.True(_device.Bytes[..slow.Length].SequenceEqual(slow));
    }

    [Fact]
    public void Slow_write_with_fua_stalls_no_later_request_and_is_visible_before_its_reply()
    {
        using var inFlush = new ManualResetEventSlim();
        using var mayFlush = new ManualResetEventSlim();
        _device.BeforeFlush = () =>
        {
            inFlush.Set();
            mayFlush.Wait();
        };
        using var server = new TestServer(("d", _device));
        using NbdClient client = server.Connect();
        ulong fua = client.SendRequest(NbdClient.Write, 4096, 1, NbdClient.Fua, [7]);
        inFlush.Wait();
        Assert.Equal([7], client.DoRead(4096, 1));
        mayFlush.Set();
        Assert.Equal(fua, client.ReceiveReply().Cookie);
    }

    [Fact]
    public void Flushes_of_one_connection_meet_in_the_device_up_to_the_worker_limit()
    {
        const int Workers = 4;
        using var allIn = new CountdownEvent(Workers);
        using var mayFlush = new ManualResetEventSlim();
        _device.BeforeFlush = () =>
        {
            if (!allIn.IsSet)
            {
                allIn.Signal();
            }

            mayFlush.Wait();
        };
        using var server = new TestServer(new NbdLimits { MaxWorkersPerConnection = Workers }, ("d", _device));
        using NbdClient client = server.Connect();
        var cookies = new HashSet<ulong>();
        for (int i = 0; i < Workers; i++)
        {
            // One by one, or they would come as one group, which is flushed once.
            cookies.Add(client.SendRequest(NbdClient.Flush, 0, 0));
            SpinWait.SpinUntil(() => allIn.CurrentCount == Workers - i - 1);
        }

        allIn.Wait();
        cookies.Add(client.SendRequest(NbdClient.Flush, 0, 0));
        mayFlush.Set();
        for (int i = 0; i <= Workers; i++)
        {
            Assert.True(cookies.Remove(client.ReceiveReply().Cookie));
        }
    }

    [Fact]
    public void Flushes_that_come_together_are_one_flush_of_the_device()
    {
        using var server = new TestServer(("d", _device));
        using NbdClient client = server.Connect();
        client.Send([.. Enumerable.Range(0, 50).SelectMany(i => NbdClient.Request(NbdClient.Flush, 0, 0, (ulong)i))]);
        for (int i = 0; i < 50; i++)
        {
            Assert.Equal(0u, client.ReceiveReply().Error);
        }

        Assert.InRange(_device.FlushCount, 1, 25);
    }

    [Fact]
    public void When_all_workers_are_busy_requests_wait_and_are_then_done()
    {
        using var inFlush = new ManualResetEventSlim();
        using var mayFlush = new ManualResetEventSlim();
        _device.BeforeFlush = () =>
        {
            inFlush.Set();
            mayFlush.Wait();
        };
        using var server = new TestServer(new NbdLimits { MaxExtraWorkers = 0 }, ("d", _device));
        using NbdClient client = server.Connect();
        ulong flush = client.SendRequest(NbdClient.Flush, 0, 0);
        inFlush.Wait();
        ulong write = client.SendRequest(NbdClient.Write, 0, 1, 0, [5]);
        mayFlush.Set();
        Assert.Equal(flush, client.ReceiveReply().Cookie);
        Assert.Equal(write, client.ReceiveReply().Cookie);
    }

    [Fact]
    public void Reads_that_wait_for_the_disk_do_not_stall_those_that_come_later()
    {
        using var inRead = new ManualResetEventSlim();
        using var mayRead = new ManualResetEventSlim();
        bool isSlow = true;
        _device.BeforeRead = (offset, _) =>
        {
            if (offset == 0)
            {
                inRead.Set();
                mayRead.Wait();
            }
            else if (Volatile.Read(ref isSlow))
            {
                // What teaches the connection that reads take long: well above its threshold, by the clock it uses.
                long start = Environment.TickCount64;
                SpinWait.SpinUntil(() => Environment.TickCount64 - start >= 3);
            }
        };
        using var server = new TestServer(("d", _device));
        using NbdClient client = server.Connect();
        client.DoRead(4096, 512);
        Volatile.Write(ref isSlow, value: false);
        ulong slow = client.SendRequest(NbdClient.Read, 0, 512);
        inRead.Wait();
        ulong quick = client.SendRequest(NbdClient.Read, 8192, 512);
        Assert.Equal(quick, client.ReceiveReply(_ => 512).Cookie);
        mayRead.Set();
        Assert.Equal(slow, client.ReceiveReply(_ => 512).Cookie);
    }

    [Fact]
    public void Reads_that_come_together_wait_for_the_disk_at_the_same_time_once_they_are_known_to_be_slow()
    {
        const int Together = 4;
        using var allIn = new CountdownEvent(Together);
        bool isTogether = false;
        _device.BeforeRead = (offset, _) =>
        {
            if (offset == 0)
            {
                // What teaches the connection that reads are slow.
                long start = Environment.TickCount64;
                SpinWait.SpinUntil(() => Environment.TickCount64 - start >= 3);
            }
            else if (offset % (4 * 4096) == 0)
            {
                // The first of each four: returns only when as many calls of the device are under way.
                if (!allIn.IsSet)
                {
                    allIn.Signal();
                }

                Volatile.Write(ref isTogether, allIn.Wait(TimeSpan.FromSeconds(20)));
            }
        };
        using var server = new TestServer(("d", _device));
        using NbdClient client = server.Connect();
        client.DoRead(0, 512);
        client.Send(
            [.. Enumerable.Range(4, 4 * Together).SelectMany(i => NbdClient.Request(NbdClient.Read, (ulong)i * 4096, 4096, (ulong)i))]);
        for (int i = 0; i < 4 * Together; i++)
        {
            Assert.Equal(0u, client.ReceiveReply(_ => 4096).Error);
        }

        Assert.True(Volatile.Read(ref isTogether));
    }

    [Fact]
    public void Large_writes_that_take_long_are_done_by_several_workers_and_none_is_mixed_up()
    {
        using var server = new TestServer(("d", _device));
        using NbdClient client = server.Connect();
        _device.BeforeWrite = static (_, _) =>
        {
            long start = Environment.TickCount64;
            SpinWait.SpinUntil(() => Environment.TickCount64 - start >= 2);
        };
        byte[][] blocks = [.. Enumerable.Range(0, 40).Select(i => RandomBytes(200_000 + i, i))];
        var sender = new Thread(() =>
        {
            for (int i = 0; i < blocks.Length; i++)
            {
                client.SendRequest(NbdClient.Write, i * 300_000, blocks[i].Length, 0, blocks[i]);
            }
        });
        sender.Start();
        for (int i = 0; i < blocks.Length; i++)
        {
            Assert.Equal(0u, client.ReceiveReply().Error);
        }

        sender.Join();
        for (int i = 0; i < blocks.Length; i++)
        {
            Assert.True(_device.Bytes.Slice(i * 300_000, blocks[i].Length).SequenceEqual(blocks[i]));
        }
    }

    [Fact]
    public void Many_connections_at_once_each_get_their_own_data()
    {
        const int Connections = 64;
        using var server = new TestServer(("d", _device));
        Exception? failure = null;
        Thread[] threads = [.. Enumerable.Range(0, Connections).Select(number => new Thread(() =>
        {
            try
            {
                var random = new Random(number);
                using NbdClient client = NbdClient.Connect(number % 2 == 0 ? server.Unix : server.Tcp, "d");
                long start = number * (16L * MiB / Connections);
                for (int i = 0; i < 50; i++)
                {
                    byte[] data = RandomBytes(random.Next(1, 60_000), random.Next());
                    long offset = start + random.Next(0, (16 * MiB / Connections) - data.Length);
                    Assert.Equal(0u, client.DoWrite(offset, data, (ushort)(i % 2)));
                    Assert.Equal(data, client.DoRead(offset, data.Length));
                }
            }
            catch (Exception caught)
            {
                failure = caught;
            }
        }))];
        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => thread.Join());
        Assert.Null(failure);
    }

    [Fact]
    public void One_connection_too_many_is_closed_and_a_place_that_is_left_is_taken_again()
    {
        using var server = new TestServer(new NbdLimits { MaxConnections = 2 }, ("d", _device));
        using NbdClient first = server.Connect();
        NbdClient second = server.Connect();
        using (var third = new NbdClient(server.Unix))
        {
            Assert.True(third.IsClosedByServer());
        }

        second.Dispose();
        Assert.True(SpinWait.SpinUntil(() => server.Nbd.ConnectionCount == 1, TimeSpan.FromSeconds(20)));
        using NbdClient fourth = server.Connect();
        Assert.Equal(0u, first.DoWrite(0, [1]));
        Assert.Equal([1], fourth.DoRead(0, 1));
    }

    [Fact]
    public void Client_that_stands_still_with_memory_that_others_wait_for_is_cut_and_they_go_on()
    {
        var limits = new NbdLimits { ReceiveMemory = 0, ReplyMemory = 0, StallTime = TimeSpan.FromMilliseconds(100) };
        using var server = new TestServer(limits, ("d", _device));

        // The least that a pool lends is one buffer of 32 MiB, or 30 small ones; each of these clients holds one.
        NbdClient[] idlers = [.. Enumerable.Range(0, 40).Select(_ => server.Connect())];
        Array.ForEach(idlers, idler => idler.Send(NbdClient.Request(NbdClient.Write, 0, 4096, 1)));
        Assert.True(SpinWait.SpinUntil(() => server.Nbd.Resources.IsMemoryScarce, TimeSpan.FromSeconds(20)));
        using NbdClient client = server.Connect();
        Assert.Equal(0u, client.DoWrite(0, [1]));
        Array.ForEach(idlers, idler => idler.Dispose());
        Assert.Contains(server.Log.Lines, line => line.Contains("stood still", StringComparison.Ordinal));
    }

    [Fact]
    public void Client_that_stands_still_is_left_alone_while_nobody_waits()
    {
        var limits = new NbdLimits { StallTime = TimeSpan.Zero };
        using var server = new TestServer(limits, ("d", _device));
        using NbdClient idler = server.Connect();
        idler.Send(NbdClient.Request(NbdClient.Write, 0, 4, 1));
        using NbdClient client = server.Connect();
        long start = Environment.TickCount64;
        while (Environment.TickCount64 - start < 700)
        {
            Assert.Equal(0u, client.DoWrite(100, [1]));
        }

        idler.Send([1, 2, 3, 4]);
        Assert.Equal(1ul, idler.ReceiveReply().Cookie);
    }

    private static byte[] RandomBytes(int length, int seed)
    {
        byte[] bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }
}
