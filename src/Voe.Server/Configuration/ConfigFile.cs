using Tomlyn.Parsing;
using Tomlyn.Syntax;

namespace Voe.Server.Configuration;

/// <summary>A table of the file: a head and the lines below it.</summary>
/// <param name="Name">The section's name, without brackets.</param>
/// <param name="IsRepeated">Whether it stands in double brackets.</param>
/// <param name="Line">The line of its head, from 1 on.</param>
/// <param name="Title">How messages call it: <c>[store]</c>, <c>[[volume]] 2</c>.</param>
/// <param name="Lines">Its keys with lines and values, as they stand.</param>
internal sealed record ConfigTable(
    string Name, bool IsRepeated, int Line, string Title, IReadOnlyList<(string Key, int Line, ConfigValue Value)> Lines);

/// <summary>From the text of a configuration file (TOML 1.1) to tables, with the line of each key.</summary>
internal static class ConfigFile
{
    // A megabyte is thousands of volumes; a file that is larger is some other file.
    private const long LongestFile = 1 << 20;

    /// <summary>Reads a file; what is wrong with it is noted.</summary>
    public static IReadOnlyList<ConfigTable> Read(string path, Mistakes mistakes)
    {
        try
        {
            using FileStream file = File.OpenRead(path);
            if (file.Length > LongestFile)
            {
                mistakes.Add(0, $"{file.Length} bytes are too many for a configuration: at most {LongestFile}");
                return [];
            }

            using var reader = new StreamReader(file);
            return Parse(reader.ReadToEnd(), mistakes);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            mistakes.Add(0, $"cannot be read: {failure.Message}");
            return [];
        }
    }

    /// <summary>Reads a text; what is wrong with it is noted. With a mistake of TOML itself nothing else is looked at.</summary>
    public static IReadOnlyList<ConfigTable> Parse(string text, Mistakes mistakes)
    {
        DocumentSyntax document;
        try
        {
            // Not validated by Tomlyn: that tables and keys stand only once is told by the sections, which know their names.
            document = SyntaxParser.Parse(text, mistakes.File, validate: false);
        }
        catch (ArgumentException failure)
        {
            // Of an escape in a text, such as \ud800, that stands for no character.
            mistakes.Add(0, $"this is no TOML: {failure.Message}");
            return [];
        }

        if (document.HasErrors)
        {
            ReportSyntax(document, mistakes);
            return [];
        }

        foreach (KeyValueSyntax stray in document.KeyValues)
        {
            string name = FullName(stray.Key);
            mistakes.Add(LineOf(stray), $"key \"{name}\" stands in no section{ConfigSections.SuggestPlace(name)}");
        }

        var counts = new Dictionary<string, int>(StringComparer.Ordinal);
        var tables = new List<ConfigTable>();
        foreach (TableSyntaxBase table in document.Tables)
        {
            string name = FullName(table.Name);
            bool isRepeated = table is TableArraySyntax;
            string title = isRepeated ? $"[[{name}]]" : $"[{name}]";
            int number = counts[title] = counts.GetValueOrDefault(title) + 1;
            title = isRepeated ? $"{title} {number}" : title;
            tables.Add(new ConfigTable(name, isRepeated, LineOf(table), title, [.. table.Items.Select(ToLine)]));
        }

        return tables;
    }

    private static (string Key, int Line, ConfigValue Value) ToLine(KeyValueSyntax item) =>
        (FullName(item.Key), LineOf(item), ToValue(item.Value, LineOf(item)));

    // A slip in one line makes the lines below senseless as well: of neighbours only the first is told.
    private static void ReportSyntax(DocumentSyntax document, Mistakes mistakes)
    {
        int last = int.MinValue;
        foreach (DiagnosticMessage message in document.Diagnostics.Where(message => message.Kind == DiagnosticMessageKind.Error))
        {
            int line = message.Span.Start.Line + 1;
            if (line > last + 1)
            {
                mistakes.Add(line, $"this is no TOML: {message.Message}");
            }

            last = Math.Max(last, line);
        }
    }

    private static ConfigValue ToValue(ValueSyntax? value, int keyLine)
    {
        int line = value is null ? keyLine : LineOf(value);
        string written = value?.ToString().Trim() ?? "";
        return value switch
        {
            StringValueSyntax text => new ConfigValue(ConfigValueKind.Text, line) { Text = text.Value ?? "" },
            IntegerValueSyntax number => new ConfigValue(ConfigValueKind.Number, line) { Text = written, Number = number.Value },
            BooleanValueSyntax flag => new ConfigValue(ConfigValueKind.Flag, line) { Text = written, Flag = flag.Value },
            ArraySyntax list => new ConfigValue(ConfigValueKind.List, line)
            {
                Text = "a list",
                Items = [.. list.Items.Select(item => ToValue(item.Value, line))],
            },
            InlineTableSyntax => new ConfigValue(ConfigValueKind.Other, line) { Text = "a table" },
            _ => new ConfigValue(ConfigValueKind.Other, line) { Text = written },
        };
    }

    private static string FullName(KeySyntax? key)
    {
        string name = Part(key?.Key);
        return key is null ? name : string.Join('.', key.DotKeys.Select(dotted => Part(dotted.Key)).Prepend(name));
    }

    private static string Part(BareKeyOrStringValueSyntax? part) => part switch
    {
        BareKeySyntax bare => bare.Key?.Text ?? "",
        StringValueSyntax text => text.Value ?? "",
        _ => "",
    };

    private static int LineOf(SyntaxNodeBase node) => node.Span.Start.Line + 1;
}
