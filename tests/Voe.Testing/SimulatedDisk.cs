using Voe.Store;
using Voe.Store.IO;

namespace Voe.Testing;

/// <summary>
/// A disk in memory that can be filled, damaged, and killed at any write. It knows for each file and directory what
/// processes see and what would survive a loss of power. All that happens by chance follows from seeds.
/// </summary>
/// <remarks>
/// <para>What was synced is always kept; a name counts as synced once its directory was, as POSIX has it, even where
/// today's file systems do more.</para>
/// <para>After the crash the disk and all its handles are dead; <see cref="ProcessDied"/> or <see cref="PowerLost"/>
/// hands what is left to a new one. Safe from many threads: operations take effect one by one.</para>
/// </remarks>
public sealed class SimulatedDisk
{
    private readonly Lock _gate = new();
    private readonly SimulatedDirectoryNode _rootNode;

    // All guarded by _gate. The counters of a plan begin with the plan.
    private FaultPlan _plan = FaultPlan.None;
    private Random _random = new(0);
    private long _planMutations;
    private long _planReads;
    private long _planWrites;
    private long _planSyncs;
    private long _planAllocations;
    private (string Verb, string Path) _lastMutation = ("", "");
    private bool _isDead;
    private bool _isHandedOver;
    private string _crashMessage = "the process was ended";

    /// <summary>An empty disk.</summary>
    public SimulatedDisk()
        : this(new SimulatedDirectoryNode())
    {
    }

    private SimulatedDisk(SimulatedDirectoryNode root)
    {
        _rootNode = root;
        Root = new SimulatedDirectory(this, root, "sim:");
    }

    /// <summary>The top directory.</summary>
    public IStorageDirectory Root { get; }

    /// <summary>Room in bytes; it may be changed at any time, also below what is used.</summary>
    public long Capacity { get; set; } = long.MaxValue;

    /// <summary>Bytes that files take, in whole pages.</summary>
    public long UsedBytes
    {
        get
        {
            lock (_gate)
            {
                return UsedPages * SimulatedInode.PageSize;
            }
        }
    }

    /// <summary>Mutating operations so far, under all plans.</summary>
    public long Mutations { get; private set; }

    /// <summary>The last mutating operation, in words: "write sim:/packs/0000000001.pack".</summary>
    public string LastMutation => $"{_lastMutation.Verb} {_lastMutation.Path}";

    /// <summary>Bytes read so far.</summary>
    public long BytesRead { get; private set; }

    /// <summary>Bytes written so far.</summary>
    public long BytesWritten { get; private set; }

    /// <summary>Syncs of files and directories so far.</summary>
    public long Syncs { get; private set; }

    /// <summary>Planned errors that have happened so far, under all plans.</summary>
    public long FaultsHappened { get; private set; }

    /// <summary>File handles that are open.</summary>
    public int OpenHandles { get; private set; }

    /// <summary>Whether the simulated process has died.</summary>
    public bool IsDead
    {
        get
        {
            lock (_gate)
            {
                return _isDead;
            }
        }
    }

    private long UsedPages => _rootNode.AllFiles().Sum(file => (long)file.Value.AllocatedPages);

    /// <summary>Makes faults happen from now on, in place of those planned before.</summary>
    public void Inject(FaultPlan plan)
    {
        lock (_gate)
        {
            _plan = plan;
            _random = new Random(plan.Seed);
            (_planMutations, _planReads, _planWrites, _planSyncs, _planAllocations) = (0, 0, 0, 0, 0);
        }
    }

    /// <summary>Ends the process between two operations, unless it is dead already.</summary>
    public void Kill()
    {
        lock (_gate)
        {
            _isDead = true;
        }
    }

    /// <summary>The disk after the death of the process alone: the kernel has kept all that was written. Kills, if need be.</summary>
    public SimulatedDisk ProcessDied()
    {
        lock (_gate)
        {
            HandOver();
            _rootNode.LoseProcess();
            return new SimulatedDisk(_rootNode) { Capacity = Capacity };
        }
    }

    /// <summary>The disk after a loss of power: of what was not synced, the seed says what is left. Kills, if need be.</summary>
    public SimulatedDisk PowerLost(int seed)
    {
        lock (_gate)
        {
            HandOver();
            _rootNode.LosePower(new Random(seed));
            return new SimulatedDisk(_rootNode) { Capacity = Capacity };
        }
    }

    /// <summary>A copy of the disk as it is, alive, without locks or faults.</summary>
    public SimulatedDisk Clone()
    {
        lock (_gate)
        {
            return new SimulatedDisk(_rootNode.Clone([])) { Capacity = Capacity };
        }
    }

    /// <summary>All files with their lengths, by path from the root ("packs/1"), in order.</summary>
    public IReadOnlyList<(string Path, long Length)> Files()
    {
        lock (_gate)
        {
            return [.. _rootNode.AllFiles().Select(file => (file.Key, file.Value.Length))];
        }
    }

    /// <summary>Flips one bit of a file on the medium. Counts as no operation.</summary>
    public void FlipBit(string path, long offset, int bit)
    {
        lock (_gate)
        {
            _rootNode.AllFiles().First(file => string.Equals(file.Key, path, StringComparison.Ordinal))
                .Value.Damage(offset, (byte)(1 << bit));
        }
    }

    /// <summary>Overwrites bytes of a file on the medium. Counts as no operation.</summary>
    public void Overwrite(string path, long offset, ReadOnlySpan<byte> bytes)
    {
        lock (_gate)
        {
            SimulatedInode inode = Find(path);
            byte[] old = new byte[bytes.Length];
            int count = inode.Read(old, offset);
            for (int i = 0; i < count; i++)
            {
                inode.Damage(offset + i, (byte)(old[i] ^ bytes[i]));
            }
        }
    }

    /// <summary>Cuts a file on the medium. Counts as no operation.</summary>
    public void Truncate(string path, long length)
    {
        lock (_gate)
        {
            SimulatedInode inode = Find(path);
            inode.SetLength(Math.Min(length, inode.Length));
            inode.Sync();
        }
    }

    /// <summary>Deletes a file from the medium. Counts as no operation.</summary>
    public void Delete(string path) => Rename(path, null);

    /// <summary>Gives two files each other's name on the medium. Counts as no operation.</summary>
    public void Swap(string path, string otherPath)
    {
        lock (_gate)
        {
            SimulatedInode inode = Find(path);
            SimulatedInode other = Find(otherPath);
            SetName(path, other);
            SetName(otherPath, inode);
        }
    }

    /// <summary>Renames a file on the medium, or deletes it. Counts as no operation.</summary>
    public void Rename(string path, string? newPath)
    {
        lock (_gate)
        {
            SimulatedInode inode = Find(path);
            SetName(path, null);
            if (newPath is not null)
            {
                SetName(newPath, inode);
            }
        }
    }

    private SimulatedInode Find(string path) =>
        _rootNode.AllFiles().First(file => string.Equals(file.Key, path, StringComparison.Ordinal)).Value;

    private void SetName(string path, SimulatedInode? inode)
    {
        int slash = path.LastIndexOf('/');
        SimulatedDirectoryNode node = slash < 0 ? _rootNode : _rootNode.Visible.Directories[path[..slash]];
        string name = path[(slash + 1)..];
        node.Change(inode is null ? new(name, null, null) : new(null, name, inode));
        node.Sync();
    }

    /// <summary>The visible bytes of a file. Counts as no operation.</summary>
    public byte[] Content(string path)
    {
        lock (_gate)
        {
            SimulatedInode inode = _rootNode.AllFiles().First(file => string.Equals(file.Key, path, StringComparison.Ordinal)).Value;
            var content = new byte[inode.Length];
            inode.Read(content, 0);
            return content;
        }
    }

    internal void CountHandle(int change)
    {
        lock (_gate)
        {
            OpenHandles += change;
        }
    }

    /// <summary>Runs an operation that changes nothing on the medium.</summary>
    internal T Observe<T>(Func<T> operation)
    {
        lock (_gate)
        {
            ThrowIfDead();
            return operation();
        }
    }

    internal int Read(SimulatedInode inode, Span<byte> buffer, long offset, string path)
    {
        lock (_gate)
        {
            ThrowIfDead();
            _planReads++;
            if (_plan.Covers(_plan.FailReadAt, _planReads))
            {
                FaultsHappened++;
                throw new StoreIOException($"{path}: read of {buffer.Length} bytes at offset {offset}: planned I/O error");
            }

            int count = inode.Read(buffer, offset);
            BytesRead += count;
            if (count > 0 && _plan.Covers(_plan.GarbleReadAt, _planReads))
            {
                FaultsHappened++;
                buffer[_random.Next(count)] ^= (byte)(1 << _random.Next(8));
            }

            return count;
        }
    }

    internal void Write(SimulatedInode inode, ReadOnlySpan<byte> bytes, long offset, string path)
    {
        lock (_gate)
        {
            bool dies = BeginMutation("write", path);
            _planWrites++;
            int fitting = inode.Fitting(offset, bytes.Length, FreePages());
            if (inode.Fitting(offset, bytes.Length, 0) < bytes.Length && _plan.Covers(_plan.FailAllocationAt, ++_planAllocations))
            {
                int some = inode.Fitting(offset, bytes.Length, _random.Next((bytes.Length / SimulatedInode.PageSize) + 1));
                fitting = Math.Min(fitting, some < bytes.Length ? some : inode.Fitting(offset, bytes.Length, 0));
            }

            bool fails = _plan.Covers(_plan.FailWriteAt, _planWrites);
            int count = dies || fails ? Math.Min(fitting, Part(bytes.Length)) : fitting;
            inode.Write(bytes[..count], offset);
            BytesWritten += count;
            DieIf(dies);
            if (fails)
            {
                FaultsHappened++;
                throw new StoreIOException($"{path}: write of {bytes.Length} bytes at offset {offset}: planned I/O error");
            }

            if (count < bytes.Length)
            {
                FaultsHappened++;
                throw new StoreFullException($"{path}: write of {bytes.Length} bytes at offset {offset}: planned lack of room");
            }
        }
    }

    internal void Reserve(SimulatedInode inode, long length, string path)
    {
        lock (_gate)
        {
            bool dies = BeginMutation("reserve", path);
            bool isFull = inode.Fitting(0, (int)length, FreePages()) < length
                || (inode.Fitting(0, (int)length, 0) < length && _plan.Covers(_plan.FailAllocationAt, ++_planAllocations));
            if (!isFull && (!dies || _random.Next(2) == 0))
            {
                inode.Reserve(length);
            }

            DieIf(dies);
            if (isFull)
            {
                FaultsHappened++;
                throw new StoreFullException($"{path}: reserving {length} bytes: planned lack of room");
            }
        }
    }

    /// <summary>Runs a sync: <paramref name="sync"/>, or <paramref name="fail"/> where the plan says so.</summary>
    internal void Sync(Action sync, Action<Random> fail, string path)
    {
        lock (_gate)
        {
            bool dies = BeginMutation("sync", path);
            Syncs++;
            _planSyncs++;
            if (_plan.Covers(_plan.FailSyncAt, _planSyncs))
            {
                FaultsHappened++;
                fail(_random);
                DieIf(dies);
                throw new StoreIOException($"{path}: sync: planned I/O error");
            }

            if (!dies || _random.Next(2) == 0)
            {
                sync();
            }

            DieIf(dies);
        }
    }

    /// <summary>Runs a change that is done as a whole or, in a crash, perhaps not at all.</summary>
    internal void Mutate(Action change, string verb, string path)
    {
        lock (_gate)
        {
            bool dies = BeginMutation(verb, path);
            if (!dies || _random.Next(2) == 0)
            {
                change();
            }

            DieIf(dies);
        }
    }

    private long FreePages() =>
        Capacity == long.MaxValue ? long.MaxValue : Math.Max(0, (Capacity / SimulatedInode.PageSize) - UsedPages);

    /// <summary>How much of a write is done that does not return: nothing, all, whole pages, or any number of bytes.</summary>
    private int Part(int length) => _random.Next(4) switch
    {
        0 => 0,
        1 => length,
        2 => _random.Next(length + 1) / SimulatedInode.PageSize * SimulatedInode.PageSize,
        _ => _random.Next(length + 1),
    };

    /// <summary>Counts a mutating operation; returns whether it is the one that the process dies in.</summary>
    private bool BeginMutation(string verb, string path)
    {
        ThrowIfDead();
        _lastMutation = (verb, path);
        Mutations++;
        return ++_planMutations == _plan.CrashAtMutation;
    }

    private void DieIf(bool dies)
    {
        if (dies)
        {
            _crashMessage = $"the process died in mutating operation {_planMutations} (seed {_plan.Seed})";
            _isDead = true;
            ThrowIfDead();
        }
    }

    private void ThrowIfDead()
    {
        if (_isDead)
        {
            throw new SimulatedCrashException(_crashMessage);
        }
    }

    private void HandOver()
    {
        _isDead = true;
        if (_isHandedOver)
        {
            throw new InvalidOperationException("what was left of this disk belongs to another one already; Clone first");
        }

        _isHandedOver = true;
    }
}
