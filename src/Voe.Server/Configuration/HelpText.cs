using System.CommandLine;

namespace Voe.Server.Configuration;

/// <summary>What <c>--help</c> prints: how to begin, the options in groups, the exit statuses.</summary>
/// <param name="groups">The options, in groups with a heading.</param>
internal sealed class HelpText(IReadOnlyList<(string Heading, IReadOnlyList<Option> Options)> groups)
{
    private const int Width = 100;
    private const int Indent = 6;

    private const string Beginning = """
        Serves the volumes of a VoE store, files and block devices over NBD and AoE.

        Usage:
          voe-server --store DIR [--volume NAME=SIZE[,OPTION=VALUE]...]... [--nbd ADDRESS]... [OPTION]...
          voe-server --config FILE [OPTION]...

        Examples:
          voe-server --store /srv/voe --volume disk0=10GiB
              makes a store with a volume of 10 GiB, and serves it at 127.0.0.1:10809
          voe-server --store /srv/voe --nbd unix:/run/voe.sock --read-only
              serves the volumes that are there, to programs of this machine, for reading
          voe-server --config /etc/voe.toml --aoe eth1
              serves the file's targets with shelf and slot over AoE, too, on the network of eth1
          voe-server --config /etc/voe.toml --check-config
              tells what is wrong with the file, each mistake with its line; voe.example.toml has all keys

        When it accepts connections it prints one line, "voe-server ready: ...", with its addresses to
        standard output, and tells systemd; everything else goes to standard error. SIGTERM and SIGINT stop
        it: requests in flight are finished, the store is flushed and closed, within 10 seconds. Sizes are
        bytes or have a unit: 64K or 64KiB, 10G or 10GiB.
        """;

    private const string End = """
        Exit status:
          0 stopped as asked   1 an error that nobody expected   2 a mistake in the command line or the file
          3 the store, a file or a device cannot be opened, or a volume not be created
          4 an address cannot be listened at   5 the last flush failed
        """;

    /// <summary>Prints it.</summary>
    public void Write(TextWriter output)
    {
        output.WriteLine(Beginning);
        foreach ((string heading, IReadOnlyList<Option> options) in groups)
        {
            output.WriteLine();
            output.WriteLine($"{heading}:");
            foreach (Option option in options)
            {
                string names = string.Join(", ", option.Aliases.Where(alias => alias[0] == '-').Prepend(option.Name));
                output.WriteLine($"  {names} {option.HelpName}".TrimEnd());
                WriteWrapped(output, option.Description ?? "");
            }
        }

        output.WriteLine();
        output.WriteLine(End);
    }

    private static void WriteWrapped(TextWriter output, string text)
    {
        string line = "";
        foreach (string word in text.Split(' ', StringSplitOptions.RemoveEmptyEntries))
        {
            if (line.Length + 1 + word.Length > Width - Indent)
            {
                output.WriteLine($"{new string(' ', Indent)}{line}");
                line = "";
            }

            line = line.Length == 0 ? word : $"{line} {word}";
        }

        output.WriteLine($"{new string(' ', Indent)}{line}");
    }
}
