using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;
using Voe.Store;

namespace Voe.Server.Configuration;

/// <summary>Takes note of a mistake: in which line (0: none), and what is wrong and would be right.</summary>
internal delegate void ReportMistake(int line, string text);

/// <summary>Makes sense of a value; false when it has none, which was reported then.</summary>
internal delegate bool ValueReader<V>(ConfigValue value, ReportMistake report, [MaybeNullWhen(false)] out V result);

/// <summary>Parses text; if that fails, <paramref name="error"/> says what would be right.</summary>
internal delegate bool TextParser<V>(string text, [MaybeNullWhen(false)] out V value, out string error);

/// <summary>A kind of value that a key can have: how it is read and written, and what help calls it.</summary>
/// <param name="Placeholder">What help shows for it: SIZE.</param>
/// <param name="Read">Reads one.</param>
/// <param name="Write">Writes one as it stands in the file.</param>
internal sealed record ValueKind<V>(string Placeholder, ValueReader<V> Read, Func<V, string> Write)
{
    /// <summary>All values there are, if they are few words.</summary>
    public IReadOnlyList<string> Choices { get; init; } = [];

    /// <summary>Whether it is true or false.</summary>
    public bool IsFlag { get; init; }

    /// <summary>Whether it is a list.</summary>
    public bool IsList { get; init; }
}

/// <summary>The kinds of values that keys have.</summary>
internal static class ValueKinds
{
    /// <summary>True or false.</summary>
    public static ValueKind<bool> Flag { get; } = new("BOOL", ReadFlag, static flag => flag ? "true" : "false") { IsFlag = true };

    /// <summary>A path of a file or directory.</summary>
    public static ValueKind<string> Path { get; } = Parsed<string>("PATH", ParsePath, static path => path);

    /// <summary>A text of one line, which may be empty.</summary>
    public static ValueKind<string> Line { get; } = Parsed<string>("TEXT", ParseLine, static text => text);

    /// <summary>A size in bytes within bounds, and a multiple of <paramref name="unit"/>.</summary>
    public static ValueKind<long> Size(long min, long max = long.MaxValue, long unit = 1)
    {
        string bounds = max == long.MaxValue
            ? $"at least {ByteSize.Format(min)}"
            : $"{ByteSize.Format(min)} to {ByteSize.Format(max)}";
        string expected = unit == 1 ? bounds : $"{bounds}, a multiple of {unit}";
        return new ValueKind<long>("SIZE", Read, Write);

        bool Read(ConfigValue value, ReportMistake report, out long size)
        {
            size = value.Number;
            if (value.Kind != ConfigValueKind.Number && !(value.IsText && ByteSize.TryParse(value.Text, out size)))
            {
                report(value.Line, $"{value.Shown} is no size: {ByteSize.Expected}, {expected}");
                return false;
            }

            if (size < min || size > max || size % unit != 0)
            {
                report(value.Line, $"{value.Shown} is out of range: {expected}");
                return false;
            }

            return true;
        }

        static string Write(long size)
        {
            string text = ByteSize.Format(size);
            return text.EndsWith(" bytes", StringComparison.Ordinal) ? text[..^6] : Quote(text.Replace(" ", "", StringComparison.Ordinal));
        }
    }

    /// <summary>A whole number within bounds.</summary>
    public static ValueKind<int> Count(int min, int max = int.MaxValue)
    {
        string expected = max == int.MaxValue ? $"a whole number from {min} on" : $"a whole number from {min} to {max}";
        return new ValueKind<int>("COUNT", Read, static count => count.ToString(CultureInfo.InvariantCulture));

        bool Read(ConfigValue value, ReportMistake report, out int count)
        {
            long number = value.Number;
            bool isNumber = value.Kind == ConfigValueKind.Number
                || (value.Kind == ConfigValueKind.Word
                    && long.TryParse(value.Text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out number));
            count = (int)Math.Clamp(number, int.MinValue, int.MaxValue);
            if (isNumber && number >= min && number <= max)
            {
                return true;
            }

            string quotes = value.Kind == ConfigValueKind.Text ? ", without quotes" : "";
            report(value.Line, $"{value.Shown} is not possible: write {expected}{quotes}");
            return false;
        }
    }

    /// <summary>One of a few words.</summary>
    public static ValueKind<V> Choice<V>(string placeholder, params (string Word, V Value)[] choices)
    {
        string[] words = [.. choices.Select(choice => choice.Word)];
        string expected = words.Length == 1 ? words[0] : $"{string.Join(", ", words[..^1])} or {words[^1]}";
        ValueKind<V> kind = Parsed<V>(placeholder, Parse, value => choices.First(choice => Equals(choice.Value, value)).Word);
        return kind with { Choices = words };

        bool Parse(string text, [MaybeNullWhen(false)] out V value, out string error)
        {
            int index = Array.IndexOf(words, text);
            value = index < 0 ? default : choices[index].Value;
            error = $"\"{text}\" is not possible: write {expected}";
            return index >= 0;
        }
    }

    /// <summary>A text that <paramref name="parse"/> makes sense of.</summary>
    public static ValueKind<V> Parsed<V>(string placeholder, TextParser<V> parse, Func<V, string> write)
    {
        return new ValueKind<V>(placeholder, Read, value => Quote(write(value)));

        bool Read(ConfigValue value, ReportMistake report, [MaybeNullWhen(false)] out V result)
        {
            result = default;
            string error = $"{value.Shown} is not possible: write a text, in quotes";
            if (value.IsText && parse(value.Text, out result, out error))
            {
                return true;
            }

            report(value.Line, error);
            return false;
        }
    }

    /// <summary>A list of values of one kind.</summary>
    public static ValueKind<IReadOnlyList<V>> List<V>(ValueKind<V> item)
    {
        return new ValueKind<IReadOnlyList<V>>(item.Placeholder, Read, list => $"[{string.Join(", ", list.Select(item.Write))}]")
        {
            Choices = item.Choices,
            IsList = true,
        };

        bool Read(ConfigValue value, ReportMistake report, [MaybeNullWhen(false)] out IReadOnlyList<V> result)
        {
            var list = new List<V>();
            result = list;
            if (value.Kind != ConfigValueKind.List)
            {
                report(value.Line, $"{value.Shown} is not possible: write a list, in brackets: [{value.Shown}]");
                return false;
            }

            bool isGood = true;
            foreach (ConfigValue written in value.Items)
            {
                if (item.Read(written, report, out V? read))
                {
                    list.Add(read);
                }
                else
                {
                    isGood = false;
                }
            }

            return isGood;
        }
    }

    private static string Quote(string text) =>
        $"\"{text.Replace("\\", @"\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal)}\"";

    private static bool ReadFlag(ConfigValue value, ReportMistake report, out bool flag)
    {
        // On the command line a switch has no word, but an option of a volume or target has.
        flag = value.Kind == ConfigValueKind.Word ? value.Text is "true" : value.Flag;
        if (value.Kind == ConfigValueKind.Flag || (value.Kind == ConfigValueKind.Word && value.Text is "true" or "false"))
        {
            return true;
        }

        string quotes = value.Kind == ConfigValueKind.Text ? ", without quotes" : "";
        report(value.Line, $"{value.Shown} is not possible: write true or false{quotes}");
        return false;
    }

    private static bool ParsePath(string text, out string path, out string error)
    {
        path = text;
        error = text.Length == 0 ? "a path is not empty" : $"\"{text}\" is no path: it has a NUL";
        return text.Length > 0 && !text.Contains('\0', StringComparison.Ordinal);
    }

    private static bool ParseLine(string text, out string line, out string error)
    {
        line = text;
        error = "write a text of one line, of at most 4,096 bytes of UTF-8";
        return Encoding.UTF8.GetByteCount(text) <= 4096 && !text.Any(char.IsControl);
    }
}
