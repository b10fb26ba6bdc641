using CsCheck;
using Voe.Store.Devices;
using Voe.Store.Volumes;
using Voe.Testing;

namespace Voe.Store.Tests.Volumes;

/// <summary>A volume against a byte array, with sequences that CsCheck makes, and shortens when one fails.</summary>
public sealed class VolumeCsCheckTests
{
    private const int Size = 64 * 1024;

    // What a write puts down: noise by seed (few seeds, so that duplicates are many), or zeroes.
    private static readonly Gen<(int Offset, int Length, int Seed)> Range =
        Gen.Select(Gen.Int[0, Size - 1], Gen.Int[1, 3 * 4096], Gen.Int[0, 4], static (offset, length, seed) =>
            (offset, Math.Min(length, Size - offset), seed));

    private static readonly Gen<(int Offset, int Length, int Seed)> Chunks =
        Gen.Select(Gen.Int[0, (Size / 4096) - 1], Gen.Int[1, 4], Gen.Int[0, 4], static (first, count, seed) =>
            (first * 4096, Math.Min(count * 4096, Size - (first * 4096)), seed));

    [Fact]
    public void A_volume_reads_as_a_byte_array_after_any_sequence_of_operations() =>
        Check.SampleModelBased(
            Gen.Int[0, 1].Select(static _ => (new Subject(), new byte[Size])),
            Gen.OneOf(Range, Chunks).Operation<Subject, byte[]>(
                static (subject, write) => subject.Volume.Write([new BlockWrite(write.Offset, Bytes(write))]),
                static (model, write) => Bytes(write).CopyTo(model, write.Offset)),
            Gen.OneOf(Range, Chunks).Operation<Subject, byte[]>(
                static (subject, range) => subject.Volume.Trim(range.Offset, range.Length),
                static (model, range) => Array.Clear(model, range.Offset, range.Length)),
            Gen.Int[0, 3].Operation<Subject, byte[]>(
                static (subject, how) => subject.Reopen(losesIndex: how == 0, inPeace: how > 1),
                static (_, _) => { }),
            equal: static (subject, model) => subject.ReadAll().AsSpan().SequenceEqual(model),
            seed: "0N0XIzNsQ0O2",
            iter: 60,
            threads: 1);

    private static byte[] Bytes((int Offset, int Length, int Seed) write)
    {
        byte[] bytes = new byte[write.Length];
        if (write.Seed > 0)
        {
            new Random(write.Seed).NextBytes(bytes);
        }

        return bytes;
    }

    /// <summary>A store with one volume on a simulated disk.</summary>
    private sealed class Subject : IDisposable
    {
        private static readonly StoreOptions Options = new()
        {
            PackSize = 1 << 20,
            ChunkCacheSize = 1 << 20,
            IndexMemory = 4 << 20,
            RocksDbMemory = 4 << 20,
            IsSynchronous = true,
        };

        private readonly TemporaryDirectory _index = new(inMemory: true);
        private SimulatedDisk _disk = new();
        private VoeStore _store;

        public Subject()
        {
            _store = VoeStore.Open(_disk.Root, _index.Path, Options);
            Volume = _store.CreateVolume("a", Size);
        }

        public Volume Volume { get; private set; }

        public void Reopen(bool losesIndex, bool inPeace)
        {
            if (inPeace)
            {
                _store.Dispose();
            }
            else
            {
                _store.Abandon();
                _disk = _disk.ProcessDied();
            }

            if (losesIndex)
            {
                Directory.Delete(_index.Path, recursive: true);
            }

            _store = VoeStore.Open(_disk.Root, _index.Path, Options);
            Volume = _store.OpenVolume("a");
        }

        // The last thing that is asked of a subject, so its store is closed here.
        public byte[] ReadAll()
        {
            byte[] bytes = new byte[Size];
            Volume.Read([new BlockRead(0, bytes)]);
            Dispose();
            return bytes;
        }

        public void Dispose()
        {
            _store.Dispose();
            _index.Dispose();
        }
    }
}
