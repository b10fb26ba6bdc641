using System.Globalization;

namespace Voe.Benchmarks;

/// <summary>What the <c>throughput</c> command is asked for.</summary>
internal sealed record ThroughputOptions
{
    /// <summary>The text that explains the options.</summary>
    public const string Usage = """
        usage: Voe.Benchmarks throughput [--directory PATH] [--size MIB] [--runs N] [--request KIB] [--index-chunks N] [--only WORD]
          --directory     where stores are made and deleted; on a real disk (default: the current directory)
          --size          MiB that each load writes (default 1024)
          --runs          runs of each load, by turns; the table has the medians (default 3)
          --request       KiB of a write or sequential read (default 256)
          --index-chunks  chunks in the measurement of the index, 0 for none (default 10000000)
          --only          only loads whose name has this word
        """;

    /// <summary>Where stores are made.</summary>
    public string Directory { get; init; } = Environment.CurrentDirectory;

    /// <summary>Bytes that each load writes.</summary>
    public long Size { get; init; } = 1L << 30;

    /// <summary>Runs of each load.</summary>
    public int Runs { get; init; } = 3;

    /// <summary>Bytes of a request.</summary>
    public int RequestSize { get; init; } = 256 << 10;

    /// <summary>Chunks in the measurement of the index.</summary>
    public int IndexChunks { get; init; } = 10_000_000;

    /// <summary>A word that the loads' names must have.</summary>
    public string Only { get; init; } = "";

    /// <summary>Reads the command line; null when it is not understood.</summary>
    public static ThroughputOptions? TryParse(ReadOnlySpan<string> args)
    {
        var options = new ThroughputOptions();
        for (int i = 0; i < args.Length; i += 2)
        {
            if (i + 1 == args.Length)
            {
                return null;
            }

            string value = args[i + 1];
            bool isNumber = int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int number);
            ThroughputOptions? next = args[i] switch
            {
                "--directory" => options with { Directory = value },
                "--only" => options with { Only = value },
                "--size" when isNumber && number >= 16 => options with { Size = (long)number << 20 },
                "--runs" when isNumber && number > 0 => options with { Runs = number },
                "--request" when isNumber && number is >= 4 and <= 4096 && number % 4 == 0 => options with { RequestSize = number << 10 },
                "--index-chunks" when isNumber => options with { IndexChunks = number },
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
