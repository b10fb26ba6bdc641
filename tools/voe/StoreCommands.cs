using System.Globalization;
using System.Text.Json;
using Voe.Store;
using Voe.Store.Chunks;
using Voe.Store.Volumes;

namespace Voe.Admin;

/// <summary>What voe does with a store that it has open: each command is one method, which prints and returns the exit status.</summary>
/// <param name="store">The store.</param>
/// <param name="output">Where results go.</param>
/// <param name="error">Where refusals go.</param>
internal sealed class StoreCommands(VoeStore store, TextWriter output, TextWriter error)
{
    private static readonly JsonSerializerOptions Json = new() { PropertyNamingPolicy = JsonNamingPolicy.CamelCase, WriteIndented = true };

    /// <summary>Prints what the store holds.</summary>
    public int Status(bool json)
    {
        StoreUsage usage = CountedUsage();
        int volumes = store.Volumes.Count;
        if (json)
        {
            Print(new
            {
                store.Id,
                Hash = HashName,
                Packs = usage.PackCount,
                usage.PackBytes,
                Volumes = volumes,
                usage.VolumeBytes,
                usage.MappedBytes,
                usage.StoredBytes,
                usage.DeduplicationRatio,
                usage.CompressionRatio,
            });
            return ExitStatus.Done;
        }

        output.WriteLine($"store    {store.Id}, {HashName}");
        (string packBytes, string stored) = (ByteSize.Round(usage.PackBytes), ByteSize.Round(usage.StoredBytes));
        (string size, string mapped) = (ByteSize.Round(usage.VolumeBytes), ByteSize.Round(usage.MappedBytes));
        output.WriteLine($"packs    {usage.PackCount}, {packBytes} on disk, chunks take {stored} of it");
        output.WriteLine($"volumes  {volumes}, {size}, of which {mapped} hold data");
        output.WriteLine(usage.StoredBytes == 0 || usage.MappedBytes == 0
            ? "ratio    nothing is stored yet"
            : string.Create(
                CultureInfo.InvariantCulture,
                $"ratio    deduplication {usage.DeduplicationRatio:F2}, compression {usage.CompressionRatio:F2}, together "
                + $"{usage.DeduplicationRatio * usage.CompressionRatio:F2}"));
        return ExitStatus.Done;
    }

    /// <summary>Prints all volumes.</summary>
    public int List(bool json)
    {
        store.Checkpoint(); // brings the counts up to date
        IReadOnlyList<Volume> volumes = store.Volumes;
        if (json)
        {
            Print(volumes.Select(Describe));
            return ExitStatus.Done;
        }

        var table = new TextTable("NAME", "SIZE", "DATA", "CHUNK", "COMPRESSION", "CREATED");
        foreach (Volume volume in volumes)
        {
            table.Add(
                volume.Name, ByteSize.Format(volume.Size), ByteSize.Round(volume.MappedBytes), ByteSize.Format(volume.ChunkSize),
                volume.Compression.ToString(), Time(volume));
        }

        table.Write(output);
        return ExitStatus.Done;
    }

    /// <summary>Prints one volume.</summary>
    public int Show(string name, bool json)
    {
        store.Checkpoint();
        Volume volume = store.OpenVolume(name);
        if (json)
        {
            Print(Describe(volume));
            return ExitStatus.Done;
        }

        output.WriteLine($"name         {volume.Name}");
        output.WriteLine($"size         {ByteSize.Format(volume.Size)} ({volume.Size} bytes)");
        output.WriteLine($"data         {ByteSize.Round(volume.MappedBytes)}");
        output.WriteLine($"chunk size   {ByteSize.Format(volume.ChunkSize)}");
        output.WriteLine($"compression  {volume.Compression}");
        output.WriteLine($"created      {Time(volume)}");
        return ExitStatus.Done;
    }

    /// <summary>Makes a volume.</summary>
    public int Create(string name, long size, int chunkSize, CompressionSetting? compression)
    {
        Volume volume = store.CreateVolume(name, size, chunkSize, compression);
        output.WriteLine(
            $"created {name}: {ByteSize.Format(size)} in chunks of {ByteSize.Format(chunkSize)}, compression {volume.Compression}");
        return ExitStatus.Done;
    }

    /// <summary>Changes the size of a volume; to a smaller one only with <paramref name="isConfirmed"/>.</summary>
    public int Resize(string name, long size, bool isConfirmed)
    {
        Volume volume = store.OpenVolume(name);
        long before = volume.Size;
        if (size < before && !isConfirmed)
        {
            return Refuse(
                $"{name} has {ByteSize.Format(before)}; what lies beyond {ByteSize.Format(size)} would be lost: "
                + "say --yes if that is right");
        }

        volume.Resize(size);
        output.WriteLine($"resized {name} from {ByteSize.Format(before)} to {ByteSize.Format(size)}");
        return ExitStatus.Done;
    }

    /// <summary>Changes the name of a volume.</summary>
    public int Rename(string name, string newName)
    {
        store.OpenVolume(name).Rename(newName);
        output.WriteLine($"renamed {name} to {newName}");
        return ExitStatus.Done;
    }

    /// <summary>Deletes a volume, with <paramref name="isConfirmed"/>.</summary>
    public int Delete(string name, bool isConfirmed)
    {
        Volume volume = store.OpenVolume(name);
        if (!isConfirmed)
        {
            store.Checkpoint();
            return Refuse($"{name} holds {ByteSize.Round(volume.MappedBytes)}, which would be lost: say --yes if that is right");
        }

        volume.Delete();
        output.WriteLine($"deleted {name}");
        return ExitStatus.Done;
    }

    private string HashName => store.HashAlgorithm.ToString().ToUpperInvariant();

    private static string Time(Volume volume) => volume.Created.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    private static object Describe(Volume volume) => new
    {
        volume.Name,
        volume.Size,
        volume.MappedBytes,
        volume.ChunkSize,
        Compression = volume.Compression.ToString(),
        volume.Created,
    };

    private StoreUsage CountedUsage()
    {
        store.Checkpoint();
        return store.GetUsage();
    }

    private int Refuse(string reason)
    {
        error.WriteLine($"voe: {reason}");
        return ExitStatus.Refused;
    }

    private void Print(object value) => output.WriteLine(JsonSerializer.Serialize(value, Json));
}
