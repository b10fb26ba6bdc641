using System.Globalization;
using System.Text.Json;
using Voe.Admin;
using Voe.Admin.Commands;
using Voe.Store;
using Voe.Tool.Images;

namespace Voe.Tool;

/// <summary>What voe does with a store: each command is one method, which asks and prints.</summary>
/// <param name="admin">Who has the store open.</param>
/// <param name="console">Where results go.</param>
/// <param name="json">Whether they are for programs.</param>
internal sealed class Commands(IStoreAdmin admin, ToolConsole console, bool json)
{
    private static readonly AdminJson Json = new(new JsonSerializerOptions(AdminJson.Default.Options) { WriteIndented = true });

    /// <summary>Prints what the store holds and who serves it.</summary>
    public void Status(bool isQuick)
    {
        StoreStatus status = Ask(AdminCommands.Status, new StatusRequest(isQuick));
        if (!PrintJson(status))
        {
            StatusReport.Write(status, console.Output);
        }
    }

    /// <summary>Prints all volumes.</summary>
    public void List(bool isQuick)
    {
        VolumeList list = Ask(AdminCommands.VolumeList, new VolumeListRequest(isQuick));
        if (PrintJson(list))
        {
            return;
        }

        var table = new TextTable("NAME", "SIZE", "DATA", "STORED", "CHUNK", "COMPRESSION", "CLIENTS", "CREATED");
        foreach (VolumeInfo volume in list.Volumes)
        {
            table.Add(
                volume.Name, ByteSize.Format(volume.Size), ByteSize.Round(volume.MappedBytes), ByteSize.Round(volume.ReferencedBytes),
                ByteSize.Format(volume.ChunkSize), volume.Compression, Clients(volume), Time(volume.Created));
        }

        table.Write(console.Output);
    }

    /// <summary>Prints one volume.</summary>
    public void Show(string name)
    {
        VolumeInfo volume = Ask(AdminCommands.VolumeShow, new VolumeRequest(name));
        if (PrintJson(volume))
        {
            return;
        }

        console.Output.WriteLine($"name         {volume.Name}");
        console.Output.WriteLine($"size         {ByteSize.Format(volume.Size)} ({volume.Size} bytes)");
        console.Output.WriteLine($"data         {ByteSize.Round(volume.MappedBytes)}");
        console.Output.WriteLine($"stored       {ByteSize.Round(volume.ReferencedBytes)}, before deduplication");
        console.Output.WriteLine($"chunk size   {ByteSize.Format(volume.ChunkSize)}");
        console.Output.WriteLine($"compression  {volume.Compression}");
        console.Output.WriteLine($"clients      {Clients(volume)}");
        console.Output.WriteLine($"created      {Time(volume.Created)}");
    }

    /// <summary>Makes a volume.</summary>
    public void Create(VolumeCreateRequest request)
    {
        VolumeInfo volume = Ask(AdminCommands.VolumeCreate, request);
        Tell(
            volume,
            $"created {volume.Name}: {ByteSize.Format(volume.Size)} in chunks of {ByteSize.Format(volume.ChunkSize)}, compression "
            + volume.Compression);
    }

    /// <summary>Changes the size of a volume.</summary>
    public void Resize(VolumeResizeRequest request)
    {
        VolumeChange change = Ask(AdminCommands.VolumeResize, request);
        string hint = change.After.Connections > 0 ? "; its clients see that when they attach it anew" : "";
        Tell(change, $"resized {request.Name} from {ByteSize.Format(change.Before.Size)} to {ByteSize.Format(change.After.Size)}{hint}");
    }

    /// <summary>Changes the name of a volume.</summary>
    public void Rename(VolumeRenameRequest request)
    {
        VolumeChange change = Ask(AdminCommands.VolumeRename, request);
        string hint = change.After.Connections > 0 ? "; clients that have it attached keep it" : "";
        Tell(change, $"renamed {change.Before.Name} to {change.After.Name}{hint}");
    }

    /// <summary>Changes how new chunks of a volume are compressed.</summary>
    public void Set(VolumeSetRequest request)
    {
        VolumeChange change = Ask(AdminCommands.VolumeSet, request);
        Tell(
            change,
            $"{request.Name}: compression {change.After.Compression} for what is written from now on, before {change.Before.Compression}");
    }

    /// <summary>Deletes a volume.</summary>
    public void Delete(VolumeDeleteRequest request)
    {
        VolumeInfo volume = Ask(AdminCommands.VolumeDelete, request);
        string hint = volume.Connections > 0 ? $", and disconnected {Count(volume.Connections.Value, "client")}" : "";
        Tell(volume, $"deleted {volume.Name}{hint}");
    }

    /// <summary>Prints all AoE targets.</summary>
    public void ListTargets()
    {
        TargetList list = Ask(AdminCommands.TargetList, new TargetListRequest());
        if (PrintJson(list))
        {
            return;
        }

        var table = new TextTable("ADDRESS", "NAME", "SIZE", "ACCESS", "DURABILITY", "READ", "WRITTEN", "FROM", "CONFIG STRING");
        foreach (TargetInfo target in list.Targets)
        {
            table.Add(
                target.Address, target.Name, target.Size is { } size ? ByteSize.Format(size) : "gone", Access(target), target.Durability,
                target.Activity is { } read ? ByteSize.Round(read.ReadBytes) : "-",
                target.Activity is { } written ? ByteSize.Round(written.WrittenBytes) : "-", target.From ?? "store", target.ConfigString);
        }

        table.Write(console.Output);
    }

    /// <summary>Makes a volume an AoE target.</summary>
    public void AddTarget(TargetAddRequest request)
    {
        TargetInfo target = Ask(AdminCommands.TargetAdd, request);
        Tell(target, $"added {target.Address}: {target.Name}, {Access(target)}, durability {target.Durability}");
    }

    /// <summary>Takes an AoE target away.</summary>
    public void RemoveTarget(TargetRemoveRequest request)
    {
        TargetInfo target = Ask(AdminCommands.TargetRemove, request);
        Tell(target, $"removed {target.Address}; the volume {target.Name} stays");
    }

    /// <summary>Makes a volume of an image.</summary>
    public void Import(string path, ImportRequest request, CancellationToken cancellation)
    {
        using var bar = new ProgressBar(console);
        using ImageReader reader = ImageReader.Open(path, bar.Show, cancellation);
        ImportReply reply = admin.Invoke(
            AdminCommands.VolumeImport,
            request with { Size = request.Size ?? RoundUp(reader.Size) },
            new AdminSession { Input = reader, Progress = bar.Show, Cancellation = cancellation });
        bar.Dispose();
        if (PrintJson(reply))
        {
            return;
        }

        string copy = Rate(reply.DataBytes, reply.CopySeconds);
        string verify = Rate(reply.DataBytes, reply.VerifySeconds);
        VolumeInfo volume = reply.Volume;
        console.Output.WriteLine(
            $"imported {reader.Name} as {volume.Name}: {ByteSize.Format(volume.Size)}, {ByteSize.Round(reply.DataBytes)} of data");
        console.Output.WriteLine($"copied at {copy}, verified at {verify}: what the volume reads back is what was read");
        string anew = reply.NewBytes > 0
            ? $"{ByteSize.Round(reply.NewBytes)} stored anew: deduplication {Ratio(reply.DeduplicationRatio)}"
            : "nothing stored anew, all of it was there";
        console.Output.WriteLine($"{anew}, compression {Ratio(reply.CompressionRatio)}");
    }

    /// <summary>Makes an image of a volume.</summary>
    public void Export(string name, string path, bool force, CancellationToken cancellation)
    {
        // Where the image goes to standard output, words do not.
        TextWriter words = path is "-" ? console.Error : console.Output;
        if (path is "-" && console.IsOutputForPeople)
        {
            throw new AdminException(AdminErrorKind.Invalid, "an image is not written to a terminal: name a file, or use a pipe");
        }

        using var bar = new ProgressBar(console);
        using ImageWriter writer = path is "-"
            ? new PipeImageWriter(Console.OpenStandardOutput())
            : ImageWriter.Open(path, force, bar.Show);
        long start = console.Time.GetTimestamp();
        ExportReply reply = admin.Invoke(
            AdminCommands.VolumeExport,
            new VolumeRequest(name),
            new AdminSession { Output = writer, Progress = bar.Show, Cancellation = cancellation });
        TimeSpan copied = console.Time.GetElapsedTime(start);
        writer.Complete(reply.ImageBytes, reply.Digest, cancellation);
        TimeSpan verified = console.Time.GetElapsedTime(start) - copied;
        bar.Dispose();
        if (reply.Volume.Connections > 0)
        {
            console.Error.WriteLine(
                $"voe: {name} is attached by {Count(reply.Volume.Connections.Value, "client")}: what they wrote meanwhile is in the image "
                + "or not");
        }

        if (json)
        {
            words.WriteLine(JsonSerializer.Serialize(reply, typeof(ExportReply), Json));
            return;
        }

        words.WriteLine(
            $"exported {name} to {(path is "-" ? "standard output" : path)}: {ByteSize.Format(reply.ImageBytes)}, "
            + $"{ByteSize.Round(reply.DataBytes)} of data");
        words.WriteLine(path is "-"
            ? $"copied at {Rate(reply.DataBytes, copied.TotalSeconds)}; what was written is what the volume holds"
            : $"copied at {Rate(reply.DataBytes, copied.TotalSeconds)}, flushed and verified at "
                + $"{Rate(reply.DataBytes, verified.TotalSeconds)}: what the file reads back is what the volume holds");
    }

    /// <summary>Verifies all packs.</summary>
    /// <exception cref="AdminException">There is damage, which was printed.</exception>
    public void Scrub(long? bytesPerSecond, CancellationToken cancellation)
    {
        using var bar = new ProgressBar(console);
        ScrubReply reply = admin.Invoke(
            AdminCommands.Scrub,
            new ScrubRequest(bytesPerSecond),
            new AdminSession { Progress = bar.Show, Cancellation = cancellation });
        bar.Dispose();
        if (!PrintJson(reply))
        {
            StatusReport.WriteScrub(reply, console.Output);
        }

        if (!reply.IsSound)
        {
            throw new AdminException(AdminErrorKind.Verification, "the store is damaged; docs/fsck.md says what each code means");
        }
    }

    /// <summary>A point in time, for people.</summary>
    internal static string Time(DateTimeOffset time) =>
        time.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    /// <summary>A ratio, for people; 0 stands for one that nothing is behind.</summary>
    internal static string Ratio(double ratio) => ratio > 0 ? ratio.ToString("F2", CultureInfo.InvariantCulture) : "-";

    /// <summary>A number of things, for people.</summary>
    internal static string Count(int count, string thing) =>
        string.Create(CultureInfo.InvariantCulture, $"{count} {thing}{(count == 1 ? "" : "s")}");

    private static string Access(TargetInfo target)
    {
        string mode = target.ReadOnly ? "read-only" : "read-write";
        return target.Macs.Count == 0 ? mode : $"{mode}, {Count(target.Macs.Count, "MAC")}";
    }

    private static string Clients(VolumeInfo volume) => volume.Connections?.ToString(CultureInfo.InvariantCulture) ?? "-";

    private static string Rate(long bytes, double seconds) =>
        seconds > 0 ? ByteSize.Round((long)(bytes / seconds)) + "/s" : "once";

    private static long? RoundUp(long? size) =>
        size is { } known and > 0 ? (known + VolumeLimits.SectorSize - 1) / VolumeLimits.SectorSize * VolumeLimits.SectorSize : null;

    private TReply Ask<TRequest, TReply>(AdminCommand<TRequest, TReply> command, TRequest request)
        where TRequest : class
        where TReply : class
    {
        using var bar = new ProgressBar(console);
        return admin.Invoke(command, request, new AdminSession { Progress = bar.Show });
    }

    private void Tell<T>(T reply, string words)
        where T : class
    {
        if (!PrintJson(reply))
        {
            console.Output.WriteLine(words);
        }
    }

    private bool PrintJson<T>(T reply)
        where T : class
    {
        if (json)
        {
            console.Output.WriteLine(JsonSerializer.Serialize(reply, typeof(T), Json));
        }

        return json;
    }
}
