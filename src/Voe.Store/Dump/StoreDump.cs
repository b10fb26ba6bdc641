using Voe.Store.IO;

namespace Voe.Store.Dump;

/// <summary>
/// Shows what a store that nobody has open is made of, for people who debug it, and changes nothing. It works on damaged stores as far
/// as they can be read: a <see cref="ProblemEntry"/> stands in the place of what cannot be. Holds the store's lock meanwhile.
/// </summary>
/// <remarks>
/// What is shown is handed over piece by piece. Memory: record tables of one pack at a time; for the store and for chunks the volumes'
/// coverage (<see cref="Verify.VolumeCoverage"/>); for volumes and roots what <see cref="VolumeDump"/> says.
/// </remarks>
public static class StoreDump
{
    /// <summary>Shows the store in a local directory.</summary>
    /// <param name="path">The store's directory.</param>
    /// <param name="options">What of it.</param>
    /// <param name="output">Gets what is shown, in order, on the caller's thread.</param>
    /// <exception cref="StoreLockedException">The store is in use.</exception>
    /// <exception cref="StoreFormatException">It is no store, or of a format that this program does not know.</exception>
    /// <exception cref="StoreIOException">It cannot be read at all.</exception>
    /// <exception cref="DumpTargetException">What was asked for is not there.</exception>
    /// <exception cref="OperationCanceledException">It was ended.</exception>
    public static void Run(string path, DumpOptions options, Action<DumpEntry> output) =>
        Run(LocalDirectory.Open(path, createIfMissing: false), options, output);

    /// <summary>The same for the store in <paramref name="directory"/>.</summary>
    internal static void Run(IStorageDirectory directory, DumpOptions options, Action<DumpEntry> output)
    {
        using var session = new DumpSession(directory, options, output);
        switch (options.Target)
        {
            case DumpTarget.Store:
                Overview.Run(session);
                break;
            case DumpTarget.Pack:
                PackDump.RunPack(session, options.Name);
                break;
            case DumpTarget.Batch:
                PackDump.RunBatch(session, options.Name);
                break;
            case DumpTarget.Chunk:
                ChunkDump.Run(session, options);
                break;
            case DumpTarget.Volume:
                new VolumeDump(session).Run(options.Name);
                break;
            case DumpTarget.Root:
                RootDump.Run(session, options.Name);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(options), options.Target, "no such thing to show");
        }
    }
}
