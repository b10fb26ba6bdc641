using System.Globalization;
using Voe.Store;

namespace Voe.Benchmarks;

/// <summary>What the <c>verify</c> command is asked for.</summary>
internal sealed record VerifyCommandOptions
{
    /// <summary>The text that explains the options.</summary>
    public const string Usage = """
        usage: Voe.Benchmarks verify [--directory PATH] [--bytes SIZE] [--chunks N] [--sparse-bytes SIZE] [--threads N]
          --directory     where stores are made and deleted; on a real disk (default: the current directory)
          --bytes         data of the stores for the speed of the deep verification, 0 for none (default 2GiB)
          --chunks        chunks of the store for its memory, of 4 KiB that compress to some bytes, 0 for none (default 4000000)
          --sparse-bytes  length of the packs of the sparse store for the quick verification, 0 for none (default 100GiB)
          --threads       packs that are read at a time, and threads that hash (default: the processors)
        """;

    /// <summary>Where stores are made.</summary>
    public string Directory { get; init; } = Environment.CurrentDirectory;

    /// <summary>Bytes of the volumes whose stores are verified for the speed.</summary>
    public long Bytes { get; init; } = 2L << 30;

    /// <summary>Chunks of the store that is verified for the memory.</summary>
    public long Chunks { get; init; } = 4_000_000;

    /// <summary>Length of the sparse store's packs.</summary>
    public long SparseBytes { get; init; } = 100L << 30;

    /// <summary>Threads of a verification.</summary>
    public int Threads { get; init; } = Environment.ProcessorCount;

    /// <summary>Reads the command line; null when it is not understood.</summary>
    public static VerifyCommandOptions? TryParse(ReadOnlySpan<string> args)
    {
        var options = new VerifyCommandOptions();
        for (int i = 0; i < args.Length; i += 2)
        {
            if (i + 1 == args.Length)
            {
                return null;
            }

            string value = args[i + 1];
            bool isNumber = int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int number);
            bool isSize = ByteSize.TryParse(value, out long size);
            VerifyCommandOptions? next = args[i] switch
            {
                "--directory" => options with { Directory = value },
                "--bytes" when isSize && (size == 0 || size >= 1 << 20) => options with { Bytes = size },
                "--chunks" when isNumber => options with { Chunks = number },
                "--sparse-bytes" when isSize => options with { SparseBytes = size },
                "--threads" when isNumber && number is >= 1 and <= 64 => options with { Threads = number },
                _ => null,
            };
            if (next is null)
            {
                return null;
            }

            options = next;
        }

        return options;
    }
}
