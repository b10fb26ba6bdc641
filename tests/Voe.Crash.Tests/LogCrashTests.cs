using System.Buffers.Binary;
using Voe.Store;
using Voe.Store.Hashing;
using Voe.Store.Log;
using Voe.Store.Packs;
using Voe.Store.Recovery;
using Voe.Testing;

namespace Voe.Crash.Tests;

/// <summary>The log alone, without an index: what P1 and P2 ask of it, fast enough for many thousand crashes.</summary>
public sealed class LogCrashTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void After_any_crash_the_log_holds_the_first_batches_of_each_thread(int threadCount) => Schedules.Run(1000 / threadCount, seed =>
    {
        var lab = new LogLab(seed, threadCount);
        for (int life = 0; life < 4; life++)
        {
            lab.Disk.Inject(new FaultPlan { Seed = seed + life, CrashAtMutation = lab.Random.Next(1, lab.Random.Next(2) == 0 ? 30 : 120) });
            lab.Live(lab.Random.Next(5, 60));
            lab.Crash(lab.Random.Next(2) == 0 ? CrashKind.PowerLost : CrashKind.ProcessDied);
        }

        lab.Disk.Inject(FaultPlan.None);
        lab.Live(5);
        lab.Crash(CrashKind.PowerLost);
        lab.Live(0);
    });

    [Fact]
    public void After_a_failed_write_or_sync_nothing_is_acknowledged_and_reopening_finds_what_the_medium_has() => Schedules.Run(700, seed =>
    {
        var lab = new LogLab(seed, threadCount: 1);
        lab.Live(lab.Random.Next(10));
        lab.Crash(CrashKind.ProcessDied);
        bool isSync = lab.Random.Next(2) == 0;
        lab.Disk.Inject(new FaultPlan
        {
            Seed = seed,
            FailSyncAt = isSync ? lab.Random.Next(1, 12) : 0,
            FailWriteAt = isSync ? 0 : lab.Random.Next(1, 12),
        });
        lab.Live(40);
        bool hasFailed = lab.Disk.FaultsHappened > 0;

        // The next start must not take the kernel's cache for the medium: pages that could not be written are only there.
        lab.Crash(isSync && hasFailed ? CrashKind.MediumFailed : CrashKind.ProcessDied);
        lab.Live(5);
        lab.Crash(CrashKind.PowerLost);
        lab.Live(3);
    }, 3, 4, 10, 27, 65, 74);

    [Fact]
    public void A_full_disk_refuses_batches_until_there_is_room_and_loses_none() => Schedules.Run(300, seed =>
    {
        var lab = new LogLab(seed, threadCount: 1);
        lab.Live(5);
        lab.Crash(CrashKind.ProcessDied);
        lab.Disk.Capacity = lab.Disk.UsedBytes + lab.Random.Next(512 << 10);
        lab.Live(20, capacityLater: long.MaxValue);
        lab.Crash(lab.Random.Next(2) == 0 ? CrashKind.PowerLost : CrashKind.ProcessDied);
        lab.Live(5);
    });

    /// <summary>A log on a simulated disk, and what of it must be there.</summary>
    private sealed class LogLab(int seed, int threadCount)
    {
        private readonly Lock _durableLock = new();
        private readonly List<(uint Thread, long Number)> _recovered = [];
        private readonly long[] _begun = new long[threadCount];
        private readonly long[] _acknowledged = new long[threadCount];
        private readonly long[] _durable = new long[threadCount]; // guarded by _durableLock
        private CrashKind _crash = CrashKind.ProcessDied;
        private LogPosition _checkpoint;
        private (uint Thread, long Number)[] _checkpointed = [];

        public Random Random { get; } = new(seed);

        public SimulatedDisk Disk { get; private set; } = new();

        public void Crash(CrashKind kind)
        {
            Disk.Kill();
            Disk = kind == CrashKind.PowerLost ? Disk.PowerLost(Random.Next()) : Disk.ProcessDied();
            _crash = kind > _crash ? kind : _crash;
        }

        /// <summary>Opens the log, checks what is there, and appends, until it is done, the log fails, or the process dies.</summary>
        public void Live(int batches, long? capacityLater = null)
        {
            var options = new LogOptions
            {
                HashAlgorithm = HashAlgorithm.Blake3,
                StoreId = Guid.Empty,
                PackSize = 256 << 10,
                ReserveStep = 64 << 10,
                IsSynchronous = threadCount == 1,
            };
            try
            {
                using var packs = new PackSet(Disk.Root, 4);
                RecoveredLog found = Recover(packs, options);
                using var log = new LogWriter(packs, options, found.End, found.LastPackId, found.Unsealed, new NoIndex());
                AppendAll(log, batches, capacityLater);
                if (Random.Next(4) == 0)
                {
                    log.Flush();
                    log.Close();
                    Acknowledge();
                }
            }
            catch (SimulatedCrashException)
            {
                // As planned.
            }
            catch (StoreFailedException)
            {
                Require(Disk.IsDead || Disk.FaultsHappened > 0, "the log failed without a reason");
            }
            catch (StoreIOException)
            {
                Require(Disk.FaultsHappened > 0, "an I/O error without a reason");
            }
        }

        private RecoveredLog Recover(PackSet packs, LogOptions options)
        {
            // An index remembers a position up to which all was durable; or it is lost, and the log is read from its start.
            LogPosition start = Random.Next(3) == 0 ? default : _checkpoint;
            _recovered.Clear();
            _recovered.AddRange(start.LastLsn == 0 ? [] : _checkpointed);
            RecoveredLog found = LogRecovery.Run(
                packs,
                options,
                start,
                (header, reader, _) =>
                {
                    var records = new RecordTableReader(reader.Table);
                    Require(records.MoveNext(), "a batch without its record");
                    DeltaRecord delta = records.GetDelta();
                    _recovered.Add((delta.Volume, delta.Offset));
                    using PackSet.Lease lease = packs.Acquire(header.PackId);
                    var payload = new byte[header.PayloadLength];
                    lease.File.Read(payload, header.Offset + header.PayloadOffset);
                    Require(Crc32C.Compute(payload) == delta.Checksum, $"LSN {header.Lsn}: other bytes than were written");
                },
                (_, _) => { });
            Check();

            // What recovery has found is durable from then on, and a checkpoint may cover it.
            if (Random.Next(2) == 0)
            {
                _checkpoint = found.End;
                _checkpointed = [.. _recovered];
            }

            return found;
        }

        private void Check()
        {
            for (int thread = 0; thread < threadCount; thread++)
            {
                long[] numbers = [.. _recovered.Where(batch => batch.Thread == thread).Select(batch => batch.Number)];
                for (int i = 0; i < numbers.Length; i++)
                {
                    Require(numbers[i] == i + 1, $"batch {numbers[i]} of thread {thread} in the place of batch {i + 1}");
                }

                long least = _crash == CrashKind.ProcessDied ? _acknowledged[thread] : _durable[thread];
                Require(numbers.Length >= least && numbers.Length <= _begun[thread],
                    $"{_crash}: {numbers.Length} batches of thread {thread}, at least {least} and at most {_begun[thread]} expected");
                _begun[thread] = _acknowledged[thread] = _durable[thread] = numbers.Length;
            }

            _crash = CrashKind.ProcessDied;
        }

        private void Acknowledge() => _acknowledged.CopyTo(_durable, 0);

        private void AppendAll(LogWriter log, int batches, long? capacityLater)
        {
            int[] seeds = [.. Enumerable.Range(0, threadCount).Select(_ => Random.Next())];
            if (threadCount == 1)
            {
                Append(log, 0, new Random(seeds[0]), batches, capacityLater);
                return;
            }

            var failures = new Exception?[threadCount];
            Thread[] threads = [.. seeds.Select((threadSeed, i) => new Thread(() =>
            {
                try
                {
                    Append(log, (uint)i, new Random(threadSeed), batches, null);
                }
                catch (Exception exception)
                {
                    failures[i] = exception;
                }
            }))];
            Array.ForEach(threads, thread => thread.Start());
            Array.ForEach(threads, thread => thread.Join());
            Exception? worst = Array.Find(
                failures, failure => failure is not null and not SimulatedCrashException and not StoreFailedException)
                ?? Array.Find(failures, failure => failure is not null);
            if (worst is not null)
            {
                throw worst is SimulatedCrashException or StoreFailedException
                    ? worst
                    : new InvalidOperationException(worst.Message, worst);
            }
        }

        private void Append(LogWriter log, uint thread, Random random, int batches, long? capacityLater)
        {
            for (int i = 0; i < batches; i++)
            {
                if (i == batches / 2 && capacityLater is { } capacity)
                {
                    Disk.Capacity = capacity;
                }

                using var batch = new TestBatch(thread, ++_begun[thread], random);
                try
                {
                    log.Append(batch);
                }
                catch (StoreFullException) when (capacityLater is not null && i < batches / 2)
                {
                    // Nothing was changed: the same number may come again.
                    _begun[thread]--;
                    continue;
                }

                Require(batch.IsApplied, "an acknowledged batch was not applied");
                _acknowledged[thread]++;
                if (random.Next(5) == 0)
                {
                    long[] covered = (long[])_acknowledged.Clone();
                    log.Flush();
                    lock (_durableLock)
                    {
                        for (int other = 0; other < threadCount; other++)
                        {
                            _durable[other] = Math.Max(_durable[other], covered[other]);
                        }
                    }
                }
            }
        }

        private void Require(bool condition, string problem)
        {
            if (!condition)
            {
                string files = string.Join(' ', Disk.Files().Select(file => $"{file.Path}:{file.Length}"));
                throw new ScheduleFailedException($"seed {seed}: {problem}; disk: {files}", null);
            }
        }
    }

    /// <summary>One delta record that says which batch this is.</summary>
    private sealed class TestBatch : BatchBody
    {
        public TestBatch(uint thread, long number, Random random)
        {
            var payload = new byte[random.Next(4) == 0 ? random.Next(8, 60_000) : random.Next(8, 5000)];
            random.NextBytes(payload);
            BinaryPrimitives.WriteInt64LittleEndian(payload, number);
            Payload = payload;
            Table.AddDelta(new DeltaRecord(thread, number, payload.Length, Crc32C.Compute(payload)));
        }

        public bool IsApplied { get; private set; }

        public override int EntryCount => 1;

        public override void Apply(in BatchPlace place) => IsApplied = true;
    }

    private sealed class NoIndex : ILogObserver
    {
        public void MakeRoom(int entryCount, LogPosition end)
        {
            // There is none to make room in.
        }

        public void Written(long bytes, LogPosition end)
        {
            // Nor one to bring up to date.
        }
    }
}
