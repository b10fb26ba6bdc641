using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Voe.Testing.Aoe;

namespace Voe.Benchmarks;

/// <summary>
/// The <c>aoe</c> command: moves data to or from one AoE target with a fixed number of frames under way, and prints how long
/// it took, as JSON. The data is made before each part of it is sent, and outside of the time.
/// </summary>
internal static class AoeLoad
{
    private const string Usage = """
        usage: Voe.Benchmarks aoe INTERFACE SHELF SLOT read|write DEPTH KIB START-KIB
          reads or writes KIB from START-KIB of the target on, once through, after a warm-up of an eighth of that
        """;

    private const int SectorSize = 512;
    private const int PartSize = 4 << 20;
    private const long KiB = 1 << 10;

    /// <summary>Runs the command.</summary>
    /// <returns>The process's exit status.</returns>
    public static int Run(ReadOnlySpan<string> args)
    {
        if (args is not [var network, var shelf, var slot, "read" or "write", var depth, var kib, var start]
            || !int.TryParse(shelf, CultureInfo.InvariantCulture, out int shelfNumber)
            || !int.TryParse(slot, CultureInfo.InvariantCulture, out int slotNumber)
            || !int.TryParse(depth, CultureInfo.InvariantCulture, out int frames) || frames is < 1 or > AoeInitiator.MaxDepth
            || !long.TryParse(kib, CultureInfo.InvariantCulture, out long size) || size < 64
            || !long.TryParse(start, CultureInfo.InvariantCulture, out long first))
        {
            Console.Error.WriteLine(Usage);
            return 2;
        }

        using var client = new AoeInitiator(network, shelfNumber, slotNumber) { Depth = frames };
        client.QueryConfig();
        bool isWrite = args[3] is "write";
        Move(client, isWrite, first * KiB, size * KiB / 8, seed: 1);
        int resentBefore = client.Resent;
        TimeSpan time = Move(client, isWrite, first * KiB, size * KiB, seed: 2);
        Console.WriteLine(JsonSerializer.Serialize(new
        {
            bytes = size * KiB,
            seconds = time.TotalSeconds,
            frames = (size * KiB / SectorSize + client.SectorsPerFrame - 1) / client.SectorsPerFrame,
            sectors = client.SectorsPerFrame,
            resent = client.Resent - resentBefore,
        }));
        return 0;
    }

    private static TimeSpan Move(AoeInitiator client, bool isWrite, long start, long size, int seed)
    {
        var random = new Random(seed);
        byte[] part = new byte[Math.Min(PartSize, size)];
        TimeSpan time = TimeSpan.Zero;
        for (long offset = 0; offset < size; offset += part.Length)
        {
            Memory<byte> data = part.AsMemory(0, (int)Math.Min(part.Length, size - offset));
            if (isWrite)
            {
                random.NextBytes(data.Span);
            }

            long began = Stopwatch.GetTimestamp();
            if (isWrite)
            {
                client.Write((start + offset) / SectorSize, data);
            }
            else
            {
                client.Read((start + offset) / SectorSize, data);
            }

            time += Stopwatch.GetElapsedTime(began);
        }

        return time;
    }
}
