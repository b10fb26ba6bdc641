using System.Diagnostics;
using Voe.Store;
using Voe.Testing;

namespace Voe.Benchmarks;

/// <summary>Makes a <see cref="SparseStore"/>.</summary>
internal static class GenerateStoreCommand
{
    private const string Usage = """
        usage: Voe.Benchmarks generate-store DIRECTORY [--packs-bytes SIZE]
          --packs-bytes  length of all packs together, nearly all of it holes (default 100GiB, which takes 3.5 GB of the disk)
        The store is for 'voe-fsck verify --quick', which reads no payload. A deep verification finds every chunk damaged.
        """;

    /// <summary>Runs the command; the exit code.</summary>
    public static int Run(ReadOnlySpan<string> args)
    {
        long bytes = 100L << 30;
        bool isUnderstood = args.Length == 1
            || (args is [_, "--packs-bytes", var size] && ByteSize.TryParse(size, out bytes) && bytes > 0);
        if (!isUnderstood)
        {
            Console.Error.WriteLine(Usage);
            return 2;
        }

        long before = Stopwatch.GetTimestamp();
        long length = SparseStore.Create(args[0], bytes);
        Console.WriteLine(
            $"{args[0]}: packs of {ByteSize.Round(length)} in {Stopwatch.GetElapsedTime(before).TotalSeconds:F1} s");
        return 0;
    }
}
