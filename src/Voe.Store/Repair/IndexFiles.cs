using Voe.Store.Index;
using Voe.Store.Log;
using Voe.Store.Recovery;

namespace Voe.Store.Repair;

/// <summary>
/// The directories of an index that is made anew: the old one is put aside by a rename, and stays, as a witness of what the log
/// lost, until the new one is complete.
/// </summary>
/// <param name="path">The index's directory.</param>
internal sealed class IndexFiles(string path)
{
    private readonly string _old = path + ".old";
    private readonly string _done = path + ".done";
    private readonly string _new = path + ".new";

    /// <summary>Where a new index is built beside the old one.</summary>
    public string NewPath => _new;

    /// <summary>The index as it was before the repair, or null.</summary>
    public string? Witness => Directory.Exists(_old) ? _old : Directory.Exists(path) ? path : null;

    /// <summary>The index that was put aside, or null.</summary>
    public string? OldPath => Directory.Exists(_old) ? _old : null;

    /// <summary>Up to where the index as it was has the log; the default when there is none that can be read.</summary>
    /// <param name="nextVolumeId">The next volume's number, as it knows.</param>
    /// <param name="hasLosses">Whether the log up to there had lost something.</param>
    public LogPosition PeekCheckpoint(out uint nextVolumeId, out bool hasLosses)
    {
        hasLosses = false;
        nextVolumeId = 0;
        return Witness is { } witness
            && Checkpointer.TryDecodeState(ReadState(witness), out LogPosition position, out nextVolumeId, out hasLosses)
            ? position
            : default;
    }

    /// <summary>Puts the index aside, unless that was done by a repair that did not finish, whose own index is then dropped.</summary>
    public void PutAside()
    {
        DropLeftovers();
        if (Directory.Exists(_old))
        {
            Drop(path);
        }
        else if (Directory.Exists(path))
        {
            Directory.Move(path, _old);
        }
    }

    /// <summary>Puts the index that was built beside in the place of the old one, which is dropped.</summary>
    public void Replace()
    {
        if (Directory.Exists(path))
        {
            Directory.Move(path, _done);
        }

        Directory.Move(_new, path);
        Drop(_done);
    }

    /// <summary>Drops the old index, by a rename first, so that half of one is never taken for a witness.</summary>
    public void DropOld()
    {
        if (Directory.Exists(_old))
        {
            Drop(_done);
            Directory.Move(_old, _done);
        }

        Drop(_done);
    }

    /// <summary>Drops what earlier attempts left behind.</summary>
    public void DropLeftovers()
    {
        Drop(_done);
        Drop(_new);
    }

    private static ReadOnlySpan<byte> ReadState(string directory)
    {
        try
        {
            if (IndexScan.Exists(directory))
            {
                using var index = IndexScan.Open(directory);
                return index.FormatVersion == IndexKeys.FormatVersion ? index.CheckpointState.ToArray() : default;
            }
        }
        catch (StoreException)
        {
            // It cannot be read, so it knows nothing.
        }

        return default;
    }

    private static void Drop(string directory)
    {
        if (Directory.Exists(directory))
        {
            Directory.Delete(directory, recursive: true);
        }
    }
}
