using Voe.Store.Log;
using Voe.Store.Packs;

namespace Voe.Store.Verify;

/// <summary>Batches that follow each other in a pack's file without a gap.</summary>
/// <param name="Start">Where the first begins.</param>
/// <param name="FirstLsn">Its LSN.</param>
/// <param name="PreviousChecksum">To which it links.</param>
/// <param name="Count">How many they are.</param>
internal readonly record struct BatchRun(long Start, ulong FirstLsn, uint PreviousChecksum, int Count);

/// <summary>What the first look at a pack found: where its batches are.</summary>
/// <param name="id">The pack.</param>
internal sealed class PackSurvey(uint id)
{
    /// <summary>The pack.</summary>
    public uint Id { get; } = id;

    /// <summary>Length of its file in bytes.</summary>
    public long Length { get; set; }

    /// <summary>Its header; null when it is not whole.</summary>
    public PackHeader? Header { get; set; }

    /// <summary>Why <see cref="Header"/> is null.</summary>
    public string HeaderReason { get; set; } = "";

    /// <summary>The trailer of its footer; null when there is none.</summary>
    public PackFooter? Footer { get; set; }

    /// <summary>Why <see cref="Footer"/> is null.</summary>
    public string FooterReason { get; set; } = "";

    /// <summary>Whether headers and tables are read from the footer, which has been found to be whole.</summary>
    public bool UsesFooter { get; set; }

    /// <summary>The medium does not give it, it is another pack, or it lies behind the end of the log: nothing of it is read.</summary>
    public bool IsSkipped { get; set; }

    /// <summary>Its batches, in order; one run unless some between are damaged.</summary>
    public List<BatchRun> Runs { get; } = [];

    /// <summary>How many batches.</summary>
    public int Batches { get; set; }

    /// <summary>How many chunks are stored in it.</summary>
    public long Chunks { get; set; }

    /// <summary>Chunks stored in it by batches that the index's checkpoint covers.</summary>
    public long CheckpointChunks { get; set; }

    /// <summary>Their stored bytes.</summary>
    public long CheckpointBytes { get; set; }
}

/// <summary>Headers and record tables of the batches of one pack, whose checksums have been verified.</summary>
internal sealed class PackTables
{
    private readonly List<ReadOnlyMemory<byte>> _tables = [];

    /// <summary>The headers, in the order of the log.</summary>
    public List<BatchHeader> Headers { get; } = [];

    /// <summary>How many batches.</summary>
    public int Count => Headers.Count;

    /// <summary>The record table of a batch.</summary>
    public ReadOnlySpan<byte> Table(int index) => _tables[index].Span;

    /// <summary>Reads them. Memory: all tables of the pack.</summary>
    /// <exception cref="StoreIOException">The medium does not give them.</exception>
    public static PackTables Load(PackSurvey pack, IO.IStorageFile file)
    {
        var tables = new PackTables();
        if (pack.UsesFooter && pack.Footer is { } footer && footer.TryReadBody(file, out byte[] body, out _))
        {
            BatchRun run = pack.Runs[0];
            tables.Add(BatchReader.OverFooter(body, pack.Id, run.Start), run, isStable: true);
            return tables;
        }

        foreach (BatchRun run in pack.Runs)
        {
            tables.Add(BatchReader.OverFile(file, pack.Id, run.Start), run, isStable: false);
        }

        return tables;
    }

    private void Add(BatchReader reader, in BatchRun run, bool isStable)
    {
        (ulong lsn, uint checksum) = (run.FirstLsn, run.PreviousChecksum);
        for (int i = 0; i < run.Count && reader.TryRead(lsn, checksum); i++)
        {
            (lsn, checksum) = (reader.Header.LastLsn + 1, reader.Link);
            Headers.Add(reader.Header);
            _tables.Add(isStable ? reader.TableMemory : reader.Table.ToArray());
        }
    }
}
