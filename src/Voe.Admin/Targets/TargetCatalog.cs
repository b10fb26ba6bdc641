using System.Text.Json;
using Voe.Store;
using Voe.Store.Volumes;

namespace Voe.Admin.Targets;

/// <summary>
/// The AoE targets that a store keeps, and the config strings that were set over the wire. Safe from many threads. What changed is
/// durable on return, and before that nobody sees it.
/// </summary>
public sealed class TargetCatalog
{
    /// <summary>The file in the store's directory.</summary>
    public const string FileName = "targets";

    private readonly VoeStore _store;
    private readonly Lock _changeLock = new(); // held while the file is written
    private TargetFile _file;

    /// <summary>Reads what the store keeps.</summary>
    /// <exception cref="StoreException">The file is damaged, or of a newer version.</exception>
    public TargetCatalog(VoeStore store)
    {
        _store = store;
        _file = store.ReadSideFile(FileName) is { } content ? Parse(content) : TargetFile.Empty;
    }

    /// <summary>All targets, by address.</summary>
    public IReadOnlyList<TargetRecord> Targets => Volatile.Read(ref _file).Targets;

    /// <summary>The target at an address, or null.</summary>
    public TargetRecord? Find(int shelf, int slot) => Targets.FirstOrDefault(target => target.Shelf == shelf && target.Slot == slot);

    /// <summary>The targets of a volume.</summary>
    public IReadOnlyList<TargetRecord> Of(Volume volume) => [.. Targets.Where(target => VolumeOf(target)?.Id == volume.Id)];

    /// <summary>The volume of a target; null when it was deleted by a program that knew of no targets.</summary>
    public Volume? VolumeOf(TargetRecord target)
    {
        IReadOnlyList<Volume> volumes = _store.Volumes;
        return volumes.FirstOrDefault(volume => volume.Id == target.VolumeId)
            ?? volumes.FirstOrDefault(volume => string.Equals(volume.Name, target.VolumeName, StringComparison.Ordinal));
    }

    /// <summary>Adds a target.</summary>
    /// <exception cref="AdminException">Its address is taken.</exception>
    public void Add(TargetRecord target) => Change(file =>
        file.Targets.FirstOrDefault(other => other.Shelf == target.Shelf && other.Slot == target.Slot) is { } taken
            ? throw new AdminException(
                AdminErrorKind.Exists, $"the AoE address {target.Address} is that of {taken.VolumeName} already: choose another")
            : file with { Targets = [.. file.Targets.Append(target).OrderBy(other => (other.Shelf, other.Slot))] });

    /// <summary>Removes the targets that are meant.</summary>
    public void Remove(Predicate<TargetRecord> isMeant) =>
        Change(file => file with { Targets = [.. file.Targets.Where(target => !isMeant(target))] });

    /// <summary>The targets of one volume are those of another from now on, or of the same with another name.</summary>
    public void Move(Volume from, Volume to, string name)
    {
        HashSet<string> moved = [.. Of(from).Select(target => target.Address)];
        if (moved.Count > 0)
        {
            Change(file => file with
            {
                Targets = [.. file.Targets.Select(target =>
                    moved.Contains(target.Address) ? target with { VolumeId = to.Id, VolumeName = name } : target)],
            });
        }
    }

    /// <summary>Keeps the config string of a target of the store.</summary>
    public void SetConfigString(int shelf, int slot, ReadOnlyMemory<byte> configString) => Change(file => file with
    {
        Targets = [.. file.Targets.Select(target =>
            target.Shelf == shelf && target.Slot == slot ? target with { ConfigString = configString.ToArray() } : target)],
    });

    /// <summary>Keeps the config string of a target of the configuration, which says <paramref name="configured"/>.</summary>
    public void SetConfigString(int shelf, int slot, string target, string configured, ReadOnlyMemory<byte> configString) =>
        Change(file => file with
        {
            ConfigStrings =
            [
                .. file.ConfigStrings.Where(other => other.Shelf != shelf || other.Slot != slot),
                new ConfigStringRecord(shelf, slot, target, configured, configString.ToArray()),
            ],
        });

    /// <summary>The config string that was kept for a target of the configuration; null when what that says counts.</summary>
    public byte[]? FindConfigString(int shelf, int slot, string target, string configured) =>
        Volatile.Read(ref _file).ConfigStrings.FirstOrDefault(kept => kept.Shelf == shelf && kept.Slot == slot
            && string.Equals(kept.Target, target, StringComparison.Ordinal)
            && string.Equals(kept.Configured, configured, StringComparison.Ordinal))?.ConfigString;

    private static TargetFile Parse(byte[] content)
    {
        try
        {
            TargetFile? file = JsonSerializer.Deserialize(content, TargetJson.Default.TargetFile);
            return file is { Version: TargetFile.CurrentVersion }
                ? file
                : throw new StoreFormatException(
                    $"the store's file \"{FileName}\" has version {file?.Version}, this program reads {TargetFile.CurrentVersion}: "
                    + "use the program that wrote it, or a newer one");
        }
        catch (JsonException e)
        {
            throw new StoreFormatException($"the store's file \"{FileName}\" is none of this program's: {e.Message}");
        }
    }

    private void Change(Func<TargetFile, TargetFile> change)
    {
        lock (_changeLock)
        {
            TargetFile changed = change(_file);
            _store.WriteSideFile(FileName, JsonSerializer.SerializeToUtf8Bytes(changed, TargetJson.Default.TargetFile));
            Volatile.Write(ref _file, changed);
        }
    }
}
