using Voe.Store;
using Voe.Store.Devices;
using Voe.Store.Volumes;
using Voe.Testing;

namespace Voe.Crash.Tests;

/// <summary>P4: flipped bits anywhere in the packs give errors, never other bytes.</summary>
public sealed class DamageTests
{
    [Fact]
    public void Damaged_packs_give_errors_and_never_other_bytes() => Schedules.Run(200, seed =>
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
    }, 111, 145, 202);

    [Fact]
    public void A_damaged_index_is_told_or_rebuilt_and_never_leads_to_other_bytes() => Schedules.Run(100, seed =>
    {
        using var lab = new StoreLab(seed);
        lab.Open();
        lab.Steps(40);
        lab.Close();
        DamageIndex(lab);
        try
        {
            lab.Open();
            lab.CheckAll();
            lab.Steps(10);
            lab.CheckAll();
            lab.Close();
            return;
        }
        catch (StoreException exception) when (exception is StoreDamagedException or StoreIOException)
        {
            lab.Note("index damaged: " + exception.Message);
        }

        // What the message advises must help.
        lab.Crash(CrashKind.ProcessDied, IndexFate.Lost);
        lab.Open();
        lab.CheckAll();
        lab.Close();
    });

    [Fact]
    public void The_verification_finds_every_damage_that_a_reader_meets() => Schedules.Run(150, seed =>
    {
        using var lab = new StoreLab(seed);
        lab.Open();
        lab.Steps(lab.Random.Next(10, 60));
        lab.Close();
        (string Path, long Length)[] packs = [.. lab.Disk.Files().Where(file => file.Path.StartsWith("packs/", StringComparison.Ordinal))];
        (string path, long length) = packs[lab.Random.Next(packs.Length)];
        long offset = lab.Random.NextInt64(length);
        lab.Note($"flip {path} {offset}");
        lab.Disk.FlipBit(path, offset, lab.Random.Next(8));
        bool isSound = lab.Verify().Findings.Count == 0;
        bool isRefused = false;
        try
        {
            lab.Reopen();
            isRefused = CheckBytes(lab) > 0;
        }
        catch (StoreException exception) when (exception is StoreDamagedException or StoreFormatException)
        {
            isRefused = true;
        }

        if (isSound && isRefused)
        {
            throw lab.Failure("the verification found nothing, but a reader did");
        }
    });

    private static void DamageIndex(StoreLab lab)
    {
        string[] files = Directory.GetFiles(lab.IndexPath, "*", SearchOption.AllDirectories);
        Array.Sort(files, StringComparer.Ordinal);
        string file = files[lab.Random.Next(files.Length)];
        byte[] bytes = File.ReadAllBytes(file);
        int manner = lab.Random.Next(4);
        lab.Note($"damage {Path.GetFileName(file)} of {bytes.Length} bytes, manner {manner}");
        switch (manner)
        {
            case 0:
                File.Delete(file);
                break;
            case 1:
                File.WriteAllBytes(file, bytes[..lab.Random.Next(bytes.Length + 1)]);
                break;
            case 2:
                lab.Random.NextBytes(bytes.AsSpan(bytes.Length / 2));
                File.WriteAllBytes(file, bytes);
                break;
            case 3 when bytes.Length > 0:
                bytes[lab.Random.Next(bytes.Length)] ^= (byte)(1 << lab.Random.Next(8));
                File.WriteAllBytes(file, bytes);
                break;
            default:
                break;
        }
    }

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
        string? newest = packs.Select(pack => pack.Path)
            .Where(path => path.StartsWith("packs/", StringComparison.Ordinal)).Max(StringComparer.Ordinal);
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

    /// <summary>Reads each chunk; returns how many were refused. Fails on bytes that were not written.</summary>
    private static int CheckBytes(StoreLab lab)
    {
        int refused = 0;
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
                    refused++;
                    continue;
                }

                if (!model.Content.Slice(offset, bytes.Length).SequenceEqual(bytes))
                {
                    throw lab.Failure($"volume {model.Name}, offset {offset}: other bytes than were written");
                }
            }
        }

        return refused;
    }
}
