using Voe.Store;
using Voe.Store.Devices;
using Voe.Store.Volumes;
using Voe.Testing;

namespace Voe.Crash.Tests;

/// <summary>P4: flipped bits anywhere in the packs give errors, never other bytes.</summary>
public sealed class DamageTests
{
    [Fact]
    public void Damaged_packs_give_errors_and_never_other_bytes() => Schedules.Run(400, seed =>
    {
        using var lab = new StoreLab(seed);
        try
        {
            Run(lab);
        }
        catch (Exception exception) when (exception is not ScheduleFailedException)
        {
            throw lab.Failure($"{exception.GetType().Name}: {exception.Message}", exception);
        }
    });

    private static void Run(StoreLab lab)
    {
        lab.Open();
        lab.Steps(lab.Random.Next(20, 80));
        bool isOpen = lab.Random.Next(3) == 0;
        bool loseIndex = lab.Random.Next(3) == 0;
        if (isOpen)
        {
            lab.Require(lab.Client.Flush());
        }
        else
        {
            lab.Close();
        }

        // Without the index, damage at the log's very end cannot be told from a batch that was never finished.
        (string Path, long Length)[] packs = [.. lab.Disk.Files().Where(file => file.Length > 0)];
        string? newest = packs.Select(pack => pack.Path).Where(path => path.StartsWith("packs/", StringComparison.Ordinal)).Max(StringComparer.Ordinal);
        for (int flips = lab.Random.Next(1, 6); flips > 0; flips--)
        {
            (string path, long length) = packs[lab.Random.Next(packs.Length)];
            if (isOpen || !loseIndex || !string.Equals(path, newest, StringComparison.Ordinal))
            {
                long offset = lab.Random.NextInt64(length);
                lab.Note($"flip {path} {offset}");
                lab.Disk.FlipBit(path, offset, lab.Random.Next(8));
            }
        }

        if (!isOpen)
        {
            if (loseIndex)
            {
                lab.LoseIndex();
            }

            try
            {
                lab.Reopen();
            }
            catch (StoreException exception) when (exception is StoreDamagedException or StoreFormatException)
            {
                return;
            }
        }

        CheckBytes(lab);
    }

    private static void CheckBytes(StoreLab lab)
    {
        foreach (ReferenceVolume model in lab.Reference.Volumes.Values)
        {
            Volume volume = lab.Store.OpenVolume(model.Name);
            for (int offset = 0; offset < model.Size; offset += model.ChunkSize)
            {
                var bytes = new byte[Math.Min(model.ChunkSize, model.Size - offset)];
                try
                {
                    volume.Read([new BlockRead(offset, bytes)]);
                }
                catch (StoreDamagedException)
                {
                    continue;
                }

                if (!model.Content.Slice(offset, bytes.Length).SequenceEqual(bytes))
                {
                    throw lab.Failure($"volume {model.Name}, offset {offset}: other bytes than were written");
                }
            }
        }
    }
}
