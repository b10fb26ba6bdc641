using System.Diagnostics.CodeAnalysis;
using Voe.Server.Configuration.Sections;
using Voe.Store;
using Voe.Store.Chunks;

namespace Voe.Server.Configuration;

/// <summary>A volume that is to exist; on the command line <c>NAME=SIZE[,OPTION=VALUE]...</c> with the keys of [[volume]].</summary>
/// <param name="Name">Its name.</param>
/// <param name="Size">Its size in bytes, a multiple of 512.</param>
/// <param name="Compression">How its chunks are compressed, or null for the default of new volumes.</param>
/// <param name="ChunkSize">Its chunk size in bytes, or null for the default of new volumes.</param>
internal sealed record VolumeSpec(string Name, long Size, CompressionSetting? Compression, int? ChunkSize)
{
    /// <summary>The chunk size of a new volume that asks for none.</summary>
    public const int DefaultChunkSize = VolumeLimits.MinChunkSize;

    /// <summary>A volume of which nothing is said yet.</summary>
    public static VolumeSpec Empty { get; } = new("", 0, null, null);

    private static IEnumerable<ConfigKey<VolumeSpec>> Options => VolumeSection.Section.Keys.Where(key => !key.IsRequired);

    /// <summary>Parses the text form; if that fails, <paramref name="error"/> says what would be right.</summary>
    public static bool TryParse(string text, [NotNullWhen(true)] out VolumeSpec? spec, out string error)
    {
        spec = null;
        string problem = "";
        string[] parts = text.Split(',');
        (string volume, string size) = Split(parts[0]);
        if (volume.Length == 0 || volume == parts[0])
        {
            string form = string.Concat(Options.Select(key => $"[,{key.Name}={key.Placeholder}]"));
            error = $"\"{text}\" is no volume: write NAME=SIZE{form}";
            return false;
        }

        VolumeSpec read = Apply(Apply(Empty, "name", volume), "size", size);
        foreach ((string name, string value) in parts.Skip(1).Select(Split).TakeWhile(_ => problem.Length == 0))
        {
            if (Options.Any(key => key.Name == name))
            {
                read = Apply(read, name, value);
            }
            else
            {
                problem = $"\"{name}\" is not known: after NAME=SIZE come {string.Join(", ", Options.Select(key => $"{key.Name}="))}";
            }
        }

        error = problem.Length > 0 ? $"\"{text}\": {problem}" : "";
        spec = problem.Length > 0 ? null : read;
        return spec is not null;

        VolumeSpec Apply(VolumeSpec target, string key, string value) =>
            VolumeSection.Section.Find(key)!.Apply(target, ConfigValue.Word(value), (_, mistake) => problem = $"{key}: {mistake}");
    }

    private static (string Name, string Value) Split(string part)
    {
        int equals = part.IndexOf('=', StringComparison.Ordinal);
        return equals < 0 ? (part, "") : (part[..equals], part[(equals + 1)..]);
    }
}
