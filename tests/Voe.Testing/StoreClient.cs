using Voe.Store;
using Voe.Store.Chunks;
using Voe.Store.Devices;
using Voe.Store.Volumes;

namespace Voe.Testing;

/// <summary>
/// One client that does random things to a store and the same to its reference. What it does follows from the seed and
/// the reference alone.
/// </summary>
public sealed class StoreClient(Random random, ReferenceStore reference)
{
    private static readonly string[] NamePool = ["a", "b", "c", "d.img", "E-5"];

    private readonly ContentSource _content = new(random);
    private readonly List<string> _journal = [];
    private int _lastVolumeId;

    /// <summary>The store; set after each opening.</summary>
    public VoeStore Store { get; set; } = null!;

    /// <summary>The largest volume, in bytes.</summary>
    public int LargestVolume { get; init; } = 1 << 20;

    /// <summary>Whether refusals for want of room or for an I/O error are to be expected; if not, they go up to the caller.</summary>
    public bool ExpectsRefusals { get; set; }

    /// <summary>
    /// Whether a refused change must at once be seen to be done or not, and all others as they were. If not, it stays in
    /// flight, and the caller asks the oracle later.
    /// </summary>
    public bool ResolvesRefusals { get; set; } = true;

    /// <summary>How many changes were refused.</summary>
    public int RefusedCount { get; private set; }

    /// <summary>What was done, in words, newest last: for the message of a failure.</summary>
    public IReadOnlyList<string> Journal => _journal;

    /// <summary>Does one random thing, and returns what is wrong with what came of it, or null.</summary>
    public string? Step()
    {
        if (reference.Volumes.Count == 0)
        {
            return Change(NewVolume());
        }

        (int id, ReferenceVolume model) = reference.Volumes.ElementAt(random.Next(reference.Volumes.Count));
        switch (random.Next(100))
        {
            case < 3 when reference.Volumes.Count < 4:
                return Change(NewVolume());
            case < 4:
                return Change(new StoreChange.Delete(id));
            case < 6:
                return Change(FreeName() is { } name ? new StoreChange.Rename(id, name) : new StoreChange.Delete(id));
            case < 9:
                return Change(new StoreChange.Resize(id, RandomSize()));
            case < 10:
                return Change(new StoreChange.SetCompression(id, RandomCompression()));
            case < 60:
                return Change(new StoreChange.Write(id, Parts(model)));
            case < 70:
                return Change(ZeroPart(id, model));
            case < 78:
                return Flush(model, random.Next(3) == 0);
            case < 81:
                return Checkpoint();
            case < 84:
                return OutOfRange(model);
            default:
                return CheckReads(model);
        }
    }

    /// <summary>Reads everything; the result is the store as a reference would have it.</summary>
    public static IReadOnlyList<ReferenceVolume> Snapshot(VoeStore store)
    {
        var volumes = new List<ReferenceVolume>();
        foreach (Volume volume in store.Volumes)
        {
            var copy = new ReferenceVolume(volume.Name, volume.Size, volume.ChunkSize, volume.Compression);
            var content = new byte[volume.Size];
            if (content.Length > 0)
            {
                volume.Read([new BlockRead(0, content)]);
            }

            copy.Write(0, content);
            volumes.Add(copy);
        }

        return volumes;
    }

    /// <summary>Makes everything durable, here and there.</summary>
    public string? Flush(ReferenceVolume? model = null, bool wholeStore = true)
    {
        _journal.Add(wholeStore ? "flush the store" : "flush " + model!.Name);
        return Refusable(() =>
        {
            if (wholeStore)
            {
                Store.Flush();
            }
            else
            {
                Store.OpenVolume(model!.Name).Flush();
            }

            reference.Flushed();
        });
    }

    /// <summary>Flushes the store, and each volume, without telling the reference; returns whether none was refused.</summary>
    public bool TryFlush()
    {
        int refused = RefusedCount;
        _journal.Add("try to flush the store and each volume");
        Refusable(Store.Flush);
        Refusable(() =>
        {
            foreach (Volume volume in Store.Volumes)
            {
                Refusable(volume.Flush);
            }
        });
        return RefusedCount == refused;
    }

    /// <summary>
    /// Compares all extents of a volume with its content: a hole must read as zeroes, and the extents must cover the volume.
    /// </summary>
    public static string? CheckExtents(Volume volume, ReferenceVolume model)
    {
        Span<DeviceExtent> extents = stackalloc DeviceExtent[8];
        for (long offset = 0; offset < model.Size;)
        {
            int count = volume.GetExtents(offset, model.Size - offset, extents);
            if (count < 1)
            {
                return $"volume {model.Name}: no extent at {offset}";
            }

            foreach (DeviceExtent extent in extents[..count])
            {
                if (extent.Offset != offset || extent.Length < 1 || extent.Length > model.Size - offset)
                {
                    return $"volume {model.Name}: {extent} in place of one at {offset}";
                }

                if (extent.Kind == ExtentKind.Hole && model.Content.Slice((int)offset, (int)extent.Length).ContainsAnyExcept((byte)0))
                {
                    return $"volume {model.Name}: {extent} is not all zero";
                }

                offset += extent.Length;
            }
        }

        return null;
    }

    /// <summary>Does a change, here and there; returns what is wrong with what came of it, or null.</summary>
    public string? Change(StoreChange change)
    {
        _journal.Add(change.ToString());
        reference.Begin(change);
        bool isDone = false;
        string? problem = Refusable(() =>
        {
            Perform(change);
            isDone = true;
        });
        if (isDone)
        {
            reference.Acknowledge();
            return problem;
        }

        return ResolvesRefusals ? problem ?? reference.Recover(Snapshot(Store)) : problem;
    }

    private string? Refusable(Action action)
    {
        try
        {
            action();
        }
        catch (Exception exception) when (ExpectsRefusals && exception is StoreFullException or StoreIOException or StoreFailedException
            or StoreDamagedException)
        {
            _journal.Add("    refused: " + exception.Message);
            RefusedCount++;
        }

        return null;
    }

    private void Perform(StoreChange change)
    {
        Volume? volume = reference.Volumes.TryGetValue(change.VolumeId, out ReferenceVolume? model) ? Store.OpenVolume(model.Name) : null;
        switch (change)
        {
            case StoreChange.Create create:
                Store.CreateVolume(create.Name, create.Size, create.ChunkSize, create.Compression);
                break;
            case StoreChange.Delete:
                volume!.Delete();
                break;
            case StoreChange.Rename rename:
                volume!.Rename(rename.Name);
                break;
            case StoreChange.Resize resize:
                volume!.Resize(resize.Size);
                break;
            case StoreChange.SetCompression set:
                volume!.SetCompression(set.Compression);
                break;
            case StoreChange.Write write:
                volume!.Write([.. write.Parts.Select(part => new BlockWrite(part.Offset, part.Bytes))]);
                break;
            case StoreChange.Zero zero when zero.Offset % 2 == 0:
                volume!.Trim(zero.Offset, zero.Length);
                break;
            case StoreChange.Zero zero:
                volume!.WriteZeroes(zero.Offset, zero.Length, mayTrim: zero.Length % 2 == 0);
                break;
            default:
                throw new InvalidOperationException(change.ToString());
        }
    }

    private StoreChange.Create NewVolume() => new StoreChange.Create(
        ++_lastVolumeId, FreeName()!, RandomSize(), 4096 << random.Next(random.Next(2) == 0 ? 1 : 5), RandomCompression());

    private string? FreeName()
    {
        string[] free = [.. NamePool.Where(name => reference.Volumes.Values.All(
            volume => !string.Equals(volume.Name, name, StringComparison.Ordinal)))];
        return free.Length == 0 ? null : free[random.Next(free.Length)];
    }

    private long RandomSize() => random.Next(4) switch
    {
        0 => random.Next(1, 64) * 512L,
        1 => random.Next(1, (LargestVolume / 4096) + 1) * 4096L,
        _ => random.Next(1, (LargestVolume / 512) + 1) * 512L,
    };

    private CompressionSetting RandomCompression() => random.Next(4) switch
    {
        0 => CompressionSetting.None,
        1 => CompressionSetting.Zstd(random.Next(1, 4)),
        _ => CompressionSetting.Lz4,
    };

    private List<(long Offset, byte[] Bytes)> Parts(ReferenceVolume model)
    {
        var parts = new List<(long Offset, byte[] Bytes)>();
        int count = random.Next(4) == 0 ? random.Next(2, 9) : 1;
        for (int i = 0; i < count; i++)
        {
            (long offset, int length) = Range(model);
            if (parts.TrueForAll(part => part.Offset + part.Bytes.Length <= offset || offset + length <= part.Offset))
            {
                parts.Add((offset, _content.Next(length)));
            }
        }

        return parts;
    }

    private StoreChange.Zero ZeroPart(int id, ReferenceVolume model)
    {
        (long offset, int length) = random.Next(8) == 0 ? (0, model.Size) : Range(model);
        return new StoreChange.Zero(id, offset, random.Next(20) == 0 ? 0 : length);
    }

    /// <summary>A range inside the volume, at least a byte long: chunks, sectors, or any bytes; most are short.</summary>
    private (long Offset, int Length) Range(ReferenceVolume model)
    {
        int unit = random.Next(10) switch { < 5 => model.ChunkSize, < 8 => 512, _ => 1 };
        int longest = random.Next(8) == 0 ? 300 << 10 : random.Next(2) == 0 ? 4 * model.ChunkSize : model.ChunkSize;
        long offset = random.Next(model.Size) / unit * unit;
        long length = Math.Max(unit, random.Next(longest + 1) / unit * unit);
        return (offset, (int)Math.Min(length, model.Size - offset));
    }

    /// <summary>Makes a checkpoint.</summary>
    public string? Checkpoint()
    {
        _journal.Add("checkpoint");
        return Refusable(() =>
        {
            Store.Checkpoint();
            reference.Flushed();
        });
    }

    private string? OutOfRange(ReferenceVolume model)
    {
        _journal.Add("requests out of range");
        Volume volume = Store.OpenVolume(model.Name);
        var bytes = new byte[1024];
        Action[] requests =
        [
            () => volume.Write([new BlockWrite(0, bytes.AsMemory(0, 1)), new BlockWrite(model.Size - 512, bytes)]),
            () => volume.Read([new BlockRead(model.Size, bytes)]),
            () => volume.Write([new BlockWrite(-512, bytes)]),
            () => volume.Trim(model.Size - 1, 2),
            () => volume.WriteZeroes(long.MaxValue - 1, 2, mayTrim: true),
            () => volume.Trim(0, -1),
        ];
        int chosen = random.Next(requests.Length);
        try
        {
            requests[chosen]();
        }
        catch (RequestOutOfRangeException)
        {
            return CheckReads(model);
        }

        return $"request {chosen} out of the range of {model.Name} was not refused";
    }

    private string? CheckReads(ReferenceVolume model)
    {
        Volume volume = Store.OpenVolume(model.Name);
        var reads = new BlockRead[random.Next(1, 5)];
        for (int i = 0; i < reads.Length; i++)
        {
            (long offset, int length) = Range(model);
            reads[i] = new BlockRead(offset, new byte[length]);
        }

        _journal.Add("read " + model.Name);
        volume.Read(reads);
        foreach (BlockRead read in reads)
        {
            ReadOnlySpan<byte> expected = model.Content.Slice((int)read.Offset, read.Buffer.Length);
            int at = expected.CommonPrefixLength(read.Buffer.Span);
            if (at < expected.Length)
            {
                return $"volume {model.Name}, read of {expected.Length} bytes at {read.Offset}: byte {at} is "
                    + $"{read.Buffer.Span[at]:x2} in place of {expected[at]:x2}";
            }
        }

        return random.Next(4) == 0 ? CheckExtents(volume, model) : null;
    }
}
