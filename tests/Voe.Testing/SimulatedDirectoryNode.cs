namespace Voe.Testing;

/// <summary>The names in a directory, as processes see them and as the medium has them. Guarded by the disk's lock.</summary>
internal sealed class SimulatedDirectoryNode
{
    private readonly List<NameChange> _unsynced = [];
    private Names _durable = new();

    /// <summary>What processes see.</summary>
    public Names Visible { get; private set; } = new();

    /// <summary>Locks that are held, by name, with the line of their holder. They end with the process.</summary>
    public Dictionary<string, string> Locks { get; } = new(StringComparer.Ordinal);

    public void Change(NameChange change)
    {
        change.Apply(Visible);
        _unsynced.Add(change);
    }

    public void Sync()
    {
        _durable = Visible.Copy();
        _unsynced.Clear();
    }

    /// <summary>A sync that the medium refused: which names it has is open, and stays so until the next one succeeds.</summary>
    public void FailSync(Random random)
    {
        foreach (NameChange change in _unsynced)
        {
            if (random.Next(2) == 0)
            {
                change.Apply(_durable);
            }
        }
    }

    /// <summary>The process dies: its locks go, all else stays as it is.</summary>
    public void LoseProcess()
    {
        Locks.Clear();
        foreach (SimulatedDirectoryNode directory in Visible.Directories.Values)
        {
            directory.LoseProcess();
        }
    }

    /// <summary>The power fails: unsynced changes are lost, or kept in part: the first ones, or any.</summary>
    public void LosePower(Random random)
    {
        int manner = random.Next(4);
        int prefix = manner switch { 0 => 0, 1 => _unsynced.Count, _ => random.Next(_unsynced.Count + 1) };
        for (int i = 0; i < _unsynced.Count; i++)
        {
            if (manner == 3 ? random.Next(2) == 0 : i < prefix)
            {
                _unsynced[i].Apply(_durable);
            }
        }

        _unsynced.Clear();
        Locks.Clear();
        Visible = _durable.Copy();
        foreach (SimulatedInode inode in Visible.Files.Values)
        {
            inode.LosePower(random);
        }

        foreach (SimulatedDirectoryNode directory in Visible.Directories.Values)
        {
            directory.LosePower(random);
        }
    }

    /// <summary>All files below, with paths from here.</summary>
    public IEnumerable<KeyValuePair<string, SimulatedInode>> AllFiles(string prefix = "")
    {
        foreach ((string name, SimulatedInode inode) in Visible.Files)
        {
            yield return KeyValuePair.Create(prefix + name, inode);
        }

        foreach ((string name, SimulatedDirectoryNode directory) in Visible.Directories)
        {
            foreach (KeyValuePair<string, SimulatedInode> file in directory.AllFiles(prefix + name + "/"))
            {
                yield return file;
            }
        }
    }

    /// <summary>
    /// A deep copy without locks; <paramref name="inodes"/> keeps one copy for each file that several names or changes share.
    /// </summary>
    public SimulatedDirectoryNode Clone(Dictionary<object, object> inodes)
    {
        if (inodes.TryGetValue(this, out object? known))
        {
            return (SimulatedDirectoryNode)known;
        }

        var clone = new SimulatedDirectoryNode();
        inodes.Add(this, clone);
        clone.Visible = Visible.Clone(inodes);
        clone._durable = _durable.Clone(inodes);
        clone._unsynced.AddRange(_unsynced.Select(change => change with
        {
            File = change.File is null ? null : Names.CloneFile(change.File, inodes),
            Directory = change.Directory?.Clone(inodes),
        }));
        return clone;
    }

    /// <summary>Files and directories by name, in ordinal order.</summary>
    internal sealed class Names
    {
        public SortedDictionary<string, SimulatedInode> Files { get; } = new(StringComparer.Ordinal);

        public SortedDictionary<string, SimulatedDirectoryNode> Directories { get; } = new(StringComparer.Ordinal);

        /// <summary>The same files under the same names.</summary>
        public Names Copy()
        {
            var copy = new Names();
            foreach ((string name, SimulatedInode file) in Files)
            {
                copy.Files.Add(name, file);
            }

            foreach ((string name, SimulatedDirectoryNode directory) in Directories)
            {
                copy.Directories.Add(name, directory);
            }

            return copy;
        }

        public Names Clone(Dictionary<object, object> inodes)
        {
            var clone = new Names();
            foreach ((string name, SimulatedInode file) in Files)
            {
                clone.Files.Add(name, CloneFile(file, inodes));
            }

            foreach ((string name, SimulatedDirectoryNode directory) in Directories)
            {
                clone.Directories.Add(name, directory.Clone(inodes));
            }

            return clone;
        }

        internal static SimulatedInode CloneFile(SimulatedInode file, Dictionary<object, object> inodes)
        {
            if (!inodes.TryGetValue(file, out object? clone))
            {
                clone = file.Clone();
                inodes.Add(file, clone);
            }

            return (SimulatedInode)clone;
        }
    }

    /// <summary>
    /// One change of names: <paramref name="Remove"/> goes (null: nothing), <paramref name="Add"/> comes (null: nothing).
    /// </summary>
    internal sealed record NameChange(string? Remove, string? Add, SimulatedInode? File, SimulatedDirectoryNode? Directory = null)
    {
        public void Apply(Names names)
        {
            if (Directory is not null)
            {
                names.Directories[Add!] = Directory;
                return;
            }

            // A change that is kept while one before it was lost finds another file under the old name, or none.
            if (Remove is not null && (Add is null || names.Files.GetValueOrDefault(Remove) == File))
            {
                names.Files.Remove(Remove);
            }

            if (Add is not null)
            {
                names.Files[Add] = File!;
            }
        }
    }
}
