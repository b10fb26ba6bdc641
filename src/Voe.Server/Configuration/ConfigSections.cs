using Voe.Server.Configuration.Sections;

namespace Voe.Server.Configuration;

/// <summary>All sections that the file can have, and guesses at what was meant by others.</summary>
internal static class ConfigSections
{
    /// <summary>All sections, in the order in which they are documented.</summary>
    public static IReadOnlyList<IConfigSection> All { get; } =
        [ServerSection.Section, StoreSection.Section, ScrubSection.Section, VolumeSection.Section, TargetSection.Section];

    private static string Heads => string.Join(", ", All.Select(section => section.Head));

    /// <summary>Notes tables that no section takes, and those that stand again though there can be one only.</summary>
    public static void CheckTables(IReadOnlyList<ConfigTable> tables, Mistakes mistakes)
    {
        var first = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (ConfigTable table in tables)
        {
            IConfigSection? section = All.FirstOrDefault(section => string.Equals(section.Name, table.Name, StringComparison.Ordinal));
            if (section is null)
            {
                string? near = Nearest(table.Name, All.Select(known => known.Name));
                string guess = near is null ? "" : $"; did you mean {All.First(known => known.Name == near).Head}?";
                mistakes.Add(table.Line, $"section \"{table.Name}\" is unknown: there are {Heads}{guess}");
            }
            else if (section.IsRepeated != table.IsRepeated)
            {
                mistakes.Add(table.Line, $"{table.Title}: write {section.Head}");
            }
            else if (!section.IsRepeated && !first.TryAdd(table.Name, table.Line))
            {
                mistakes.Add(table.Line, $"{table.Title} stands twice, first in line {first[table.Name]}: put all of it in one place");
            }
        }
    }

    /// <summary>What may have been meant by a key that the section does not have: text to append, perhaps empty.</summary>
    public static string Suggest(IConfigSection section, string key)
    {
        if (Nearest(key, section.Keys.Select(known => known.Name)) is { } near)
        {
            return $"; did you mean \"{near}\"?";
        }

        string[] others = [.. All.Where(other => other.Keys.Any(known => known.Name == key)).Select(other => other.Head)];
        return others.Length > 0
            ? $" here: it belongs to {string.Join(" or ", others)}"
            : $"; {section.Head} has {string.Join(", ", section.Keys.Select(known => known.Name))}";
    }

    /// <summary>Where a key belongs that stands above all sections: text to append.</summary>
    public static string SuggestPlace(string key)
    {
        string last = key[(key.LastIndexOf('.') + 1)..];
        string[] heads = [.. All.Where(section => section.Keys.Any(known => known.Name == last)).Select(section => section.Head)];
        return heads.Length > 0
            ? $": write \"{last}\" below {string.Join(" or ", heads)}"
            : $": there are {Heads}";
    }

    /// <summary>The known word that differs least, if it differs in about a third of its letters at most.</summary>
    internal static string? Nearest(string word, IEnumerable<string> known)
    {
        (string? nearest, int least) = (null, int.MaxValue);
        foreach (string candidate in known.Where(candidate => Math.Abs(candidate.Length - word.Length) <= 3))
        {
            int distance = Distance(word, candidate);
            if (distance < least && distance <= Math.Max(1, candidate.Length / 3))
            {
                (nearest, least) = (candidate, distance);
            }
        }

        return nearest;
    }

    /// <summary>How many letters must be inserted, deleted, changed or swapped with their neighbour (optimal string alignment).</summary>
    private static int Distance(string a, string b)
    {
        // The last three rows of the table of costs: row i, column j holds what it takes from a[..i] to b[..j].
        int[] beforeLast = [], last = [], row = [];
        for (int i = 0; i <= a.Length; i++)
        {
            (beforeLast, last, row) = (last, row, new int[b.Length + 1]);
            for (int j = 0; j <= b.Length; j++)
            {
                if (i == 0 || j == 0)
                {
                    row[j] = i + j;
                    continue;
                }

                int change = last[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
                row[j] = Math.Min(change, Math.Min(last[j], row[j - 1]) + 1);
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                {
                    row[j] = Math.Min(row[j], beforeLast[j - 2] + 1);
                }
            }
        }

        return row[b.Length];
    }
}
