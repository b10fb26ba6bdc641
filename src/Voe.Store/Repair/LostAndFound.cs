using System.Globalization;
using System.Text;
using System.Text.Json;
using Voe.Store.IO;
using Voe.Store.Verify;

namespace Voe.Store.Repair;

/// <summary>
/// The directory <c>lost+found</c> of a store: for each repair a record, as lines of JSON and as text, and the bytes that were
/// dropped, as they were found. docs/fsck.md, "lost+found".
/// </summary>
internal sealed class LostAndFound
{
    /// <summary>The directory's name.</summary>
    public const string DirectoryName = "lost+found";

    private const int CopySize = 1 << 20;
    private const string RawSuffix = ".bin";
    private readonly IStorageDirectory _directory;
    private readonly string _name;

    /// <summary>Begins a record in the store in <paramref name="store"/>.</summary>
    public LostAndFound(IStorageDirectory store)
    {
        _directory = store.OpenDirectory(DirectoryName);
        store.Sync();
        int number = 1;
        while (_directory.FileExists(NameOf(number) + ".txt"))
        {
            number++;
        }

        _name = NameOf(number);
    }

    /// <summary>Saves the bytes that the steps drop, before anything is changed. Durable on return.</summary>
    public void SaveBytes(LogPlan plan)
    {
        foreach (PackPlan pack in plan.Packs)
        {
            foreach (RepairStep step in pack.Steps)
            {
                if (pack.Own is { } own && step.Kind is RepairKind.ChunkLost or RepairKind.BatchesLost or RepairKind.PackHeaderRestored)
                {
                    Save(own, step);
                }
            }
        }

        _directory.Sync();
    }

    /// <summary>Reads bytes of a pack that this repair or an earlier one has dropped; false when they were not saved.</summary>
    public bool TryRead(uint packId, long offset, Span<byte> bytes)
    {
        string prefix = string.Create(CultureInfo.InvariantCulture, $"pack-{packId:d10}-offset-");
        foreach (string name in _directory.ListFiles())
        {
            if (name.StartsWith(prefix, StringComparison.Ordinal) && name.EndsWith(RawSuffix, StringComparison.Ordinal)
                && long.TryParse(name.AsSpan(prefix.Length, name.Length - prefix.Length - RawSuffix.Length), NumberStyles.None,
                    CultureInfo.InvariantCulture, out long start) && offset >= start)
            {
                using IStorageFile file = _directory.OpenFile(name, writable: false);
                if (offset + bytes.Length <= start + file.Length && file.Read(bytes, offset - start) == bytes.Length)
                {
                    return true;
                }
            }
        }

        return false;
    }

    /// <summary>Writes the record. Durable on return.</summary>
    public void WriteRecord(IEnumerable<RepairStep> steps, IReadOnlyList<AffectedRange> lost, DateTimeOffset time)
    {
        var json = new StringBuilder();
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"Repair of {time:u}\n\nWhat was done:\n");
        foreach (RepairStep step in steps)
        {
            json.Append(JsonSerializer.Serialize(StepReport.Of(step, step.IsLoss ? RawName(step) : null))).Append('\n');
            text.Append("  ").Append(step).Append('\n');
        }

        text.Append(lost.Count == 0
            ? "\nNo volume lost anything.\n"
            : "\nWhat volumes lost; reading it is an error until it is written again:\n");
        foreach (AffectedRange range in lost)
        {
            var report = new AffectedReport(range.Volume, range.VolumeId, range.Offset, range.Length);
            json.Append(JsonSerializer.Serialize(new { lost = report })).Append('\n');
            text.Append("  ").Append(range).Append('\n');
        }

        Write(_name + ".jsonl", json.ToString());
        Write(_name + ".txt", text.ToString());
        _directory.Sync();
    }

    private static string NameOf(int number) => string.Create(CultureInfo.InvariantCulture, $"repair-{number:d4}");

    private static string RawName(RepairStep step) =>
        string.Create(CultureInfo.InvariantCulture, $"pack-{step.PackId:d10}-offset-{step.Offset}{RawSuffix}");

    private void Save(PackSource own, RepairStep step)
    {
        using RescueFile source = own.Open();
        long length = Math.Min(step.Length, source.Length - step.Offset);
        if (length <= 0)
        {
            return;
        }

        string name = RawName(step);
        _directory.DeleteFile(name);
        using IStorageFile target = _directory.CreateFile(name);
        byte[] buffer = new byte[Math.Min(CopySize, length)];
        for (long done = 0; done < length;)
        {
            int read = source.Read(buffer.AsSpan(0, (int)Math.Min(buffer.Length, length - done)), step.Offset + done);
            target.Write(buffer.AsSpan(0, read), done);
            done += read;
        }

        target.SyncData();
    }

    private void Write(string name, string content)
    {
        _directory.DeleteFile(name);
        using IStorageFile file = _directory.CreateFile(name);
        file.Write(Encoding.UTF8.GetBytes(content), 0);
        file.SyncData();
    }
}
