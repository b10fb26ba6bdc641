using System.Text.Json;
using Voe.Store.Dump;
using Voe.Store.Tests.Golden;

namespace Voe.Store.Tests.Dump;

/// <summary>Shows stores that are files in memory, and looks at what it does to them: nothing.</summary>
internal static class DumpLab
{
    /// <summary>What a dump shows, as lines for people. Each entry is valid JSON as well, of the same kind.</summary>
    public static string[] Text(
        SortedDictionary<string, byte[]> files, DumpTarget target = DumpTarget.Store, string name = "", Action<byte[]>? content = null)
    {
        var lines = new List<string>();
        foreach (DumpEntry entry in Entries(files, target, name, content))
        {
            JsonElement json = JsonSerializer.Deserialize<JsonElement>(entry.ToJson());
            Assert.Equal(entry.Kind, json.EnumerateObject().First().Value.GetString());
            Assert.DoesNotContain('\n', entry.ToJson());
            lines.AddRange(entry.ToString().Split('\n'));
        }

        return [.. lines];
    }

    /// <summary>What a dump shows.</summary>
    public static List<DumpEntry> Entries(
        SortedDictionary<string, byte[]> files, DumpTarget target, string name, Action<byte[]>? content = null)
    {
        var disk = GoldenStore.ToDisk(files);
        var entries = new List<DumpEntry>();
        try
        {
            StoreDump.Run(disk.Root, new DumpOptions { Target = target, Name = name, Content = content }, entries.Add);
        }
        finally
        {
            foreach ((string path, byte[] bytes) in files)
            {
                Assert.True(bytes.AsSpan().SequenceEqual(disk.Content(path)), $"{path} was changed");
            }

            Assert.Equal(
                files.Keys.Append(StoreLayout.LockFile).Order(StringComparer.Ordinal),
                disk.Files().Select(static file => file.Path).Order(StringComparer.Ordinal));
        }

        return entries;
    }
}
