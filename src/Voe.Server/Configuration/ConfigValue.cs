namespace Voe.Server.Configuration;

/// <summary>What kind of value somebody wrote.</summary>
internal enum ConfigValueKind
{
    /// <summary>A string of the file.</summary>
    Text,

    /// <summary>An argument of the command line, where all is text: a number is one as well.</summary>
    Word,

    /// <summary>A whole number of the file.</summary>
    Number,

    /// <summary>True or false.</summary>
    Flag,

    /// <summary>A list, in brackets; on the command line an option that is given again and again.</summary>
    List,

    /// <summary>Something that no key takes: a date, a fraction, a table.</summary>
    Other,
}

/// <summary>A value as it stands in the file or on the command line, before a key makes sense of it.</summary>
/// <param name="Kind">What was written.</param>
/// <param name="Line">Its line in the file, from 1 on; 0 on the command line.</param>
internal sealed record ConfigValue(ConfigValueKind Kind, int Line)
{
    /// <summary>The text, for <see cref="ConfigValueKind.Text"/> and <see cref="ConfigValueKind.Word"/>; else how it was written.</summary>
    public string Text { get; init; } = "";

    /// <summary>The number, for <see cref="ConfigValueKind.Number"/>.</summary>
    public long Number { get; init; }

    /// <summary>The truth, for <see cref="ConfigValueKind.Flag"/>.</summary>
    public bool Flag { get; init; }

    /// <summary>The items, for <see cref="ConfigValueKind.List"/>.</summary>
    public IReadOnlyList<ConfigValue> Items { get; init; } = [];

    /// <summary>The value as a message shows it.</summary>
    public string Shown => Kind is ConfigValueKind.Text or ConfigValueKind.Word ? $"\"{Text}\"" : Text;

    /// <summary>Whether it can be read as text.</summary>
    public bool IsText => Kind is ConfigValueKind.Text or ConfigValueKind.Word;

    /// <summary>An argument of the command line.</summary>
    public static ConfigValue Word(string text) => new(ConfigValueKind.Word, 0) { Text = text };

    /// <summary>A switch of the command line.</summary>
    public static ConfigValue Switch(bool flag) => new(ConfigValueKind.Flag, 0) { Flag = flag };

    /// <summary>Arguments of an option that may be given again.</summary>
    public static ConfigValue Words(IEnumerable<string> words) => new(ConfigValueKind.List, 0) { Items = [.. words.Select(Word)] };
}
