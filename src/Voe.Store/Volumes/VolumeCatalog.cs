using System.Globalization;
using Voe.Store.Log;

namespace Voe.Store.Volumes;

/// <summary>
/// The volumes of a store, as the log has them so far. Changed in the log's order only (by replay, or by the batch that
/// carries the change); read from any thread.
/// </summary>
/// <remarks>Invariants: no two volumes have one name or one id; ids only grow, and a deleted volume's is not used again.</remarks>
internal sealed class VolumeCatalog : IVolumeRecords
{
    private readonly Lock _volumesLock = new();
    private readonly Dictionary<uint, VolumeState> _byId = []; // guarded by _volumesLock
    private readonly Dictionary<string, VolumeState> _byName = new(StringComparer.Ordinal); // guarded by _volumesLock
    private uint _nextId = 1; // guarded by _volumesLock
    private volatile bool _hasLosses;

    /// <inheritdoc/>
    public uint NextId
    {
        get
        {
            lock (_volumesLock)
            {
                return _nextId;
            }
        }
    }

    /// <inheritdoc/>
    public bool HasLosses
    {
        get => _hasLosses;
        set => _hasLosses = value;
    }

    /// <summary>Restores <see cref="NextId"/> from a checkpoint.</summary>
    public void RestoreNextId(uint nextId)
    {
        lock (_volumesLock)
        {
            _nextId = Math.Max(_nextId, nextId);
        }
    }

    /// <summary>All volumes, by name in ordinal order.</summary>
    public List<VolumeState> List()
    {
        lock (_volumesLock)
        {
            var volumes = new List<VolumeState>(_byId.Values);
            volumes.Sort(static (left, right) => string.CompareOrdinal(left.Record.Name, right.Record.Name));
            return volumes;
        }
    }

    /// <summary>The volume of that name, or null.</summary>
    public VolumeState? Find(string name)
    {
        lock (_volumesLock)
        {
            return _byName.GetValueOrDefault(name);
        }
    }

    /// <summary>The volume with that id, or null.</summary>
    public VolumeState? Find(uint id)
    {
        lock (_volumesLock)
        {
            return _byId.GetValueOrDefault(id);
        }
    }

    /// <inheritdoc/>
    public void Put(VolumeRecord record)
    {
        lock (_volumesLock)
        {
            if (_byId.TryGetValue(record.Id, out VolumeState? volume))
            {
                _byName.Remove(volume.Record.Name);
                volume.Record = record;
            }
            else
            {
                volume = new VolumeState(record);
                _byId.Add(record.Id, volume);
            }

            if (HasLosses && _byName.Remove(record.Name, out VolumeState? other))
            {
                // The record that gave the other one a new name, or deleted it, is among what was lost.
                other.Record = other.Record with { Name = NameOfLost(record.Name, other.Record.Id) };
                _byName.Add(other.Record.Name, other);
            }

            Invariant.Require(_byName.TryAdd(record.Name, volume), "no two volumes have one name");
            _nextId = Math.Max(_nextId, checked(record.Id + 1));
        }
    }

    // A name that no volume has, made from one that two would have.
    private string NameOfLost(string name, uint id)
    {
        string suffix = string.Create(CultureInfo.InvariantCulture, $".lost-{id}");
        string stem = name[..Math.Min(name.Length, VolumeLimits.MaxNameLength - suffix.Length - 10)];
        string result = stem + suffix;
        for (int i = 2; _byName.ContainsKey(result); i++)
        {
            result = string.Create(CultureInfo.InvariantCulture, $"{stem}{suffix}.{i}");
        }

        return result;
    }

    /// <inheritdoc/>
    public void Remove(uint id)
    {
        lock (_volumesLock)
        {
            if (_byId.Remove(id, out VolumeState? volume))
            {
                _byName.Remove(volume.Record.Name);
                volume.IsDeleted = true;
            }
        }
    }
}

/// <summary>One volume as the log has it so far.</summary>
/// <param name="record">Its settings.</param>
internal sealed class VolumeState(VolumeRecord record)
{
    private volatile VolumeRecord _record = record;
    private volatile bool _isDeleted;
    private ulong _lastLsn;
    private long _newBytes;

    /// <summary>The last batch that changed its chunks since the log was opened; 0 when none did. Set in the log's order.</summary>
    public ulong LastLsn
    {
        get => Volatile.Read(ref _lastLsn);
        set => Volatile.Write(ref _lastLsn, value);
    }

    /// <summary>Stored bytes of new chunks that its batches brought since the log was opened. Set in the log's order.</summary>
    public long NewBytes
    {
        get => Volatile.Read(ref _newBytes);
        set => Volatile.Write(ref _newBytes, value);
    }

    /// <summary>Its settings; replaced as a whole.</summary>
    public VolumeRecord Record
    {
        get => _record;
        set => _record = value;
    }

    /// <summary>Whether it was deleted.</summary>
    public bool IsDeleted
    {
        get => _isDeleted;
        set => _isDeleted = value;
    }
}
