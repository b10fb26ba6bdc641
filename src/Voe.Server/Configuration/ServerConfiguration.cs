using Voe.Server.Aoe;
using Voe.Server.Aoe.Link;
using Voe.Server.Configuration.Sections;
using Voe.Server.Nbd;

namespace Voe.Server.Configuration;

/// <summary>What the command line says, before it is joined with the file.</summary>
/// <param name="File">The configuration file, or null.</param>
/// <param name="Keys">Keys of [server] and [store] whose options were given.</param>
/// <param name="Volumes">The volumes, as they were written.</param>
internal sealed record Arguments(string? File, IReadOnlyList<(IConfigKey Key, ConfigValue Value)> Keys, IReadOnlyList<string> Volumes);

/// <summary>
/// Joins defaults, file and command line: what is later in this row wins. A list (<c>--nbd</c>) takes the place of the
/// file's; a volume is added to the file's, or takes the place of the one with its name.
/// </summary>
internal static class ServerConfiguration
{
    /// <summary>Reads all that the server is told.</summary>
    /// <returns>The options; of no use when a mistake was noted.</returns>
    public static ServerOptions Read(Arguments arguments, Mistakes mistakes)
    {
        mistakes.File = arguments.File ?? "";
        IReadOnlyList<ConfigTable> tables = arguments.File is null ? [] : ConfigFile.Read(arguments.File, mistakes);
        ConfigSections.CheckTables(tables, mistakes);

        var options = new ServerOptions();
        ConfigSection<ServerOptions>[] sections = [ServerSection.Section, StoreSection.Section, ScrubSection.Section];
        foreach (ConfigSection<ServerOptions> section in sections)
        {
            foreach (ConfigTable table in TablesOf(section, tables))
            {
                options = section.Read(table, options, mistakes).Value;
            }
        }

        foreach ((IConfigKey key, ConfigValue value) in arguments.Keys)
        {
            options = ((ConfigKey<ServerOptions>)key).Apply(options, value, (_, text) => mistakes.Add($"{key.Option}: {text}"));
        }

        options = options with
        {
            Volumes = ReadVolumes(arguments.Volumes, tables, mistakes),
            Targets = ReadTargets(tables, mistakes),
        };
        foreach (TargetSpec target in options.Targets)
        {
            if (options.Volumes.Any(volume => volume.Name == target.Name) && options.ExportsVolume(target.Name))
            {
                mistakes.Add(
                    target.Line,
                    $"[[target]] \"{target.Name}\": the volume of that name is exported too: choose another name, or say "
                    + "export-volumes = false below [server]");
            }
        }

        var interfaces = new HashSet<string>(StringComparer.Ordinal);
        foreach (AoeLinkSpec twice in options.AoeLinks.Where(link => !interfaces.Add(link.Interface)))
        {
            mistakes.Add($"aoe: the interface {twice.Interface} is given twice: keep one of them");
        }

        CheckTls(options.Tls, mistakes);
        if (options.StorePath.Length == 0 && mistakes.Count == 0)
        {
            mistakes.Add("there is no store: say --store DIR, or path = \"DIR\" below [store] in the file of --config");
        }

        return options;
    }

    private static void CheckTls(NbdTlsOptions tls, Mistakes mistakes)
    {
        if ((tls.CertificateFile.Length == 0) != (tls.KeyFile.Length == 0))
        {
            mistakes.Add("tls-certificate and tls-key belong together: say both, or neither");
        }
        else if (tls.CertificateFile.Length == 0 && (tls.ClientCaFile.Length > 0 || tls.IsRequired))
        {
            mistakes.Add("tls-client-ca and tls-required need a certificate: say tls-certificate and tls-key too");
        }
    }

    private static VolumeSpec[] ReadVolumes(IReadOnlyList<string> arguments, IReadOnlyList<ConfigTable> tables, Mistakes mistakes)
    {
        var volumes = new OrderedDictionary<string, VolumeSpec>(StringComparer.Ordinal);
        var lines = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (ConfigTable table in TablesOf(VolumeSection.Section, tables))
        {
            ConfigEntry<VolumeSpec> entry = VolumeSection.Section.Read(table, VolumeSpec.Empty, mistakes);
            RequireNewName(entry, entry.Value.Name, lines, mistakes);
            volumes[entry.Value.Name] = entry.Value;
        }

        var said = new HashSet<string>(StringComparer.Ordinal);
        foreach (string argument in arguments)
        {
            if (!VolumeSpec.TryParse(argument, out VolumeSpec? volume, out string error))
            {
                mistakes.Add($"--volume: {error}");
            }
            else if (!said.Add(volume.Name))
            {
                mistakes.Add($"--volume: \"{volume.Name}\" is given twice: keep one of them");
            }
            else
            {
                volumes[volume.Name] = volume;
            }
        }

        return [.. volumes.Values];
    }

    private static TargetSpec[] ReadTargets(IReadOnlyList<ConfigTable> tables, Mistakes mistakes)
    {
        var targets = new List<TargetSpec>();
        var lines = new Dictionary<string, int>(StringComparer.Ordinal);
        var paths = new Dictionary<string, TargetSpec>(StringComparer.Ordinal);
        var addresses = new Dictionary<AoeAddress, int>();
        int firstDefault = 0;
        foreach (ConfigTable table in TablesOf(TargetSection.Section, tables))
        {
            ConfigEntry<TargetSpec> entry = TargetSection.Section.Read(table, new TargetSpec(), mistakes);
            TargetSpec target = entry.Value with { Line = table.Line, Where = $"{mistakes.At(table.Line)}: {table.Title}" };
            TargetSection.CheckBackend(entry, mistakes);
            TargetSection.CheckAoe(entry, mistakes);
            if (target.AoeAddress is { } address && !addresses.TryAdd(address, table.Line))
            {
                mistakes.Add(
                    entry.LineOf("shelf"),
                    $"{table.Title}: the AoE address {address} is that of the target in line {addresses[address]} already: choose another");
            }

            RequireNewName(entry, target.Name, lines, mistakes);
            if (target.IsDefault && firstDefault > 0)
            {
                mistakes.Add(
                    entry.LineOf("default"), $"{table.Title}: key \"default\" is true already in line {firstDefault}: keep one of them");
            }

            if (target.IsDefault && firstDefault == 0)
            {
                firstDefault = entry.LineOf("default");
            }

            if (target.Path.Length > 0 && !paths.TryAdd(Path.GetFullPath(target.Path), target)
                && !(target.IsReadOnly && paths[Path.GetFullPath(target.Path)].IsReadOnly))
            {
                mistakes.Add(
                    entry.LineOf("path"),
                    $"{table.Title}: \"{target.Path}\" is behind \"{paths[Path.GetFullPath(target.Path)].Name}\" already: "
                    + "two exports that may write to one file would not know of each other");
            }

            targets.Add(target);
        }

        return [.. targets];
    }

    private static void RequireNewName<T>(ConfigEntry<T> entry, string name, Dictionary<string, int> lines, Mistakes mistakes)
    {
        int line = entry.LineOf("name");
        if (name.Length > 0 && !lines.TryAdd(name, line))
        {
            mistakes.Add(line, $"{entry.Table.Title}: the name \"{name}\" is taken already in line {lines[name]}: choose another");
        }
    }

    private static IEnumerable<ConfigTable> TablesOf(IConfigSection section, IEnumerable<ConfigTable> tables) =>
        tables.Where(table => table.IsRepeated == section.IsRepeated
            && string.Equals(table.Name, section.Name, StringComparison.Ordinal));
}
