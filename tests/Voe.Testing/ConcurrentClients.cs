using System.Buffers.Binary;
using Voe.Store.Devices;
using Voe.Store.Volumes;

namespace Voe.Testing;

/// <summary>
/// Several threads that write whole chunks of one volume and flush it, until they are done or the process dies. Each chunk
/// content is all one number, so that torn ones, old ones and foreign ones are told apart.
/// </summary>
public sealed class ConcurrentClients(StoreLab lab, int chunkCount = 64) : IDisposable
{
    private const int ThreadCount = 3;
    private const int ChunkSize = 4096;

    private readonly ChunkHistory _history = new(chunkCount);
    private readonly byte[] _buffer = new byte[chunkCount * ChunkSize];
    private long _lastContent;
    private bool _isCreated;

    /// <summary>Opens the store and lets every thread do so many writes, or fewer when the process dies.</summary>
    public void RunUntilCrash(int writesEach)
    {
        Volume volume;
        try
        {
            lab.CloseQuietly();
            lab.Reopen();
            volume = _isCreated ? lab.Store.OpenVolume("a") : lab.Store.CreateVolume("a", chunkCount * ChunkSize);
            _isCreated = true;
        }
        catch (Exception) when (lab.Disk.IsDead)
        {
            return;
        }

        int[] seeds = [.. Enumerable.Range(0, ThreadCount).Select(_ => lab.Random.Next())];
        Exception? failure = null;
        Thread[] threads = [.. seeds.Select(seed => new Thread(() =>
        {
            try
            {
                RunOne(volume, new Random(seed), writesEach);
            }
            catch (Exception exception) when (!lab.Disk.IsDead)
            {
                failure = exception;
            }
            catch (Exception)
            {
                // The process is dead; what its threads still throw is of no consequence.
            }
        }))];
        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => thread.Join());
        if (failure is not null)
        {
            throw lab.Failure(failure.Message, failure);
        }
    }

    /// <summary>Opens the store and looks at every chunk.</summary>
    public void Check(CrashKind kind)
    {
        lab.Disk.Inject(FaultPlan.None);
        lab.CloseQuietly();
        lab.Reopen();
        if (!lab.Store.Volumes.Any())
        {
            // The process may have died while the volume was being made.
            if (_isCreated)
            {
                throw lab.Failure("the volume is missing");
            }

            lab.CloseQuietly();
            return;
        }

        _isCreated = true;
        lab.Store.OpenVolume("a").Read([new BlockRead(0, _buffer)]);
        for (int chunk = 0; chunk < chunkCount; chunk++)
        {
            ReadOnlySpan<byte> bytes = _buffer.AsSpan(chunk * ChunkSize, ChunkSize);
            long content = BinaryPrimitives.ReadInt64LittleEndian(bytes);
            var whole = new byte[ChunkSize];
            Fill(whole, content);
            if (!bytes.SequenceEqual(whole))
            {
                throw lab.Failure($"chunk {chunk} is torn");
            }

            if (!_history.IsAllowed(chunk, content, kind == CrashKind.PowerLost))
            {
                throw lab.Failure($"chunk {chunk} holds write {content}, which cannot be there any more");
            }
        }

        // Closing in peace makes durable what is there.
        lab.CloseQuietly();
        for (int chunk = 0; chunk < chunkCount; chunk++)
        {
            _history.Adopt(chunk, BinaryPrimitives.ReadInt64LittleEndian(_buffer.AsSpan(chunk * ChunkSize)));
        }
    }

    /// <inheritdoc/>
    public void Dispose() => lab.CloseQuietly();

    private void RunOne(Volume volume, Random random, int writes)
    {
        for (int i = 0; i < writes; i++)
        {
            int first = random.Next(chunkCount);
            int count = Math.Min(random.Next(1, 9), chunkCount - first);
            var data = new byte[count * ChunkSize];
            var contents = new long[count];
            for (int chunk = 0; chunk < count; chunk++)
            {
                contents[chunk] = Interlocked.Increment(ref _lastContent);
                Fill(data.AsSpan(chunk * ChunkSize, ChunkSize), contents[chunk]);
                _history.Begin(first + chunk, contents[chunk]);
            }

            volume.Write([new BlockWrite(first * (long)ChunkSize, data)]);
            for (int chunk = 0; chunk < count; chunk++)
            {
                _history.Acknowledge(first + chunk, contents[chunk]);
            }

            if (random.Next(4) == 0)
            {
                long flush = _history.BeginFlush();
                volume.Flush();
                _history.EndFlush(flush);
            }
        }
    }

    private static void Fill(Span<byte> chunk, long content)
    {
        for (int i = 0; i < chunk.Length; i += sizeof(long))
        {
            BinaryPrimitives.WriteInt64LittleEndian(chunk[i..], content);
        }
    }
}
