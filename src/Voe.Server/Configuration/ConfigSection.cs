namespace Voe.Server.Configuration;

/// <summary>A key of a section, as help and documents describe it.</summary>
internal interface IConfigKey
{
    /// <summary>Its name in the file.</summary>
    string Name { get; }

    /// <summary>What it does, in a sentence or two.</summary>
    string Doc { get; }

    /// <summary>What help shows for its value: SIZE.</summary>
    string Placeholder { get; }

    /// <summary>All values there are, if they are few words.</summary>
    IReadOnlyList<string> Choices { get; }

    /// <summary>Whether the value is true or false.</summary>
    bool IsFlag { get; }

    /// <summary>Whether the value is a list.</summary>
    bool IsList { get; }

    /// <summary>Whether an entry of the section makes no sense without it.</summary>
    bool IsRequired { get; }

    /// <summary>
    /// The option of the command line that does the same, with its dashes, or null. That of a flag which is true unless said
    /// otherwise makes it false; by custom it begins with <c>--no-</c>.
    /// </summary>
    string? Option { get; }

    /// <summary>What that option does.</summary>
    string OptionDoc { get; }

    /// <summary>What holds when nothing is said, as it would stand in the file; null when that is nothing.</summary>
    string? Default { get; }
}

/// <summary>A section of the file, as help and documents describe it.</summary>
internal interface IConfigSection
{
    /// <summary>Its name, without brackets.</summary>
    string Name { get; }

    /// <summary>Whether it may stand again and again: <c>[[volume]]</c>.</summary>
    bool IsRepeated { get; }

    /// <summary>Its head as it stands in the file: <c>[store]</c>, <c>[[volume]]</c>.</summary>
    string Head { get; }

    /// <summary>Its keys, in the order in which they are documented.</summary>
    IReadOnlyList<IConfigKey> Keys { get; }
}

/// <summary>A key that sets a part of a <typeparamref name="T"/>.</summary>
internal abstract class ConfigKey<T>(string name, string doc) : IConfigKey
{
    /// <inheritdoc/>
    public string Name { get; } = name;

    /// <inheritdoc/>
    public string Doc { get; } = doc;

    /// <inheritdoc/>
    public bool IsRequired { get; init; }

    /// <inheritdoc/>
    public string? Option { get; init; }

    /// <inheritdoc/>
    public string OptionDoc
    {
        get => field ?? Doc;
        init;
    }

    /// <inheritdoc/>
    public abstract string Placeholder { get; }

    /// <inheritdoc/>
    public abstract IReadOnlyList<string> Choices { get; }

    /// <inheritdoc/>
    public abstract bool IsFlag { get; }

    /// <inheritdoc/>
    public abstract bool IsList { get; }

    /// <inheritdoc/>
    public abstract string? Default { get; }

    /// <summary>Sets the value; one that makes no sense is reported, and the target is returned as it was.</summary>
    public abstract T Apply(T target, ConfigValue value, ReportMistake report);
}

/// <summary>A key with a value of type <typeparamref name="V"/>.</summary>
/// <param name="name">Its name in the file.</param>
/// <param name="kind">How its value is read and written.</param>
/// <param name="set">A copy of the target with this value.</param>
/// <param name="defaultValue">What holds when nothing is said.</param>
/// <param name="hasDefault">False when there is nothing that holds when nothing is said.</param>
/// <param name="doc">What it does.</param>
internal sealed class ConfigKey<T, V>(
    string name, ValueKind<V> kind, Func<T, V, T> set, V? defaultValue, bool hasDefault, string doc)
    : ConfigKey<T>(name, doc)
{
    /// <summary>A key with a default.</summary>
    public ConfigKey(string name, ValueKind<V> kind, V defaultValue, Func<T, V, T> set, string doc)
        : this(name, kind, set, defaultValue, hasDefault: true, doc)
    {
    }

    /// <summary>A key without a default.</summary>
    public ConfigKey(string name, ValueKind<V> kind, Func<T, V, T> set, string doc)
        : this(name, kind, set, default, hasDefault: false, doc)
    {
    }

    /// <inheritdoc/>
    public override string Placeholder => kind.Placeholder;

    /// <inheritdoc/>
    public override IReadOnlyList<string> Choices => kind.Choices;

    /// <inheritdoc/>
    public override bool IsFlag => kind.IsFlag;

    /// <inheritdoc/>
    public override bool IsList => kind.IsList;

    /// <inheritdoc/>
    public override string? Default => hasDefault ? kind.Write(defaultValue!) : null;

    /// <inheritdoc/>
    public override T Apply(T target, ConfigValue value, ReportMistake report) =>
        kind.Read(value, report, out V? result) ? set(target, result) : target;
}

/// <summary>
/// A section of the file: the one place that names its keys, with parser, default and description of each. Help, the
/// command line, checks and tests all read it here.
/// </summary>
internal sealed class ConfigSection<T>(string name, bool isRepeated, IReadOnlyList<ConfigKey<T>> keys) : IConfigSection
{
    /// <inheritdoc/>
    public string Name { get; } = name;

    /// <inheritdoc/>
    public bool IsRepeated { get; } = isRepeated;

    /// <inheritdoc/>
    public string Head => IsRepeated ? $"[[{Name}]]" : $"[{Name}]";

    /// <summary>Its keys.</summary>
    public IReadOnlyList<ConfigKey<T>> Keys { get; } = keys;

    /// <inheritdoc/>
    IReadOnlyList<IConfigKey> IConfigSection.Keys => Keys;

    /// <summary>The key of that name, or null.</summary>
    public ConfigKey<T>? Find(string name) => Keys.FirstOrDefault(key => string.Equals(key.Name, name, StringComparison.Ordinal));

    /// <summary>Applies one table of the file to <paramref name="target"/>; whatever makes no sense is reported and left out.</summary>
    public ConfigEntry<T> Read(ConfigTable table, T target, Mistakes mistakes)
    {
        var lines = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach ((string name, int line, ConfigValue value) in table.Lines)
        {
            // read_only is read-only: other programs' files have underscores, and nobody should have to look it up.
            if (Find(name.Replace('_', '-')) is not { } key)
            {
                mistakes.Add(line, $"{table.Title}: key \"{name}\" is unknown{ConfigSections.Suggest(this, name)}");
            }
            else if (!lines.TryAdd(key.Name, line))
            {
                mistakes.Add(line, $"{table.Title}: key \"{name}\" stands twice, first in line {lines[key.Name]}: keep one of them");
            }
            else
            {
                target = key.Apply(target, value, (at, text) => mistakes.Add(at, $"{table.Title}: key \"{name}\": {text}"));
            }
        }

        foreach (ConfigKey<T> key in Keys.Where(key => key.IsRequired && !lines.ContainsKey(key.Name)))
        {
            mistakes.Add(table.Line, $"{table.Title}: key \"{key.Name}\" is missing: {key.Doc}");
        }

        return new ConfigEntry<T>(target, table, lines);
    }
}

/// <summary>What was read from one table of the file.</summary>
/// <param name="Value">The value.</param>
/// <param name="Table">Where it stands.</param>
/// <param name="KeyLines">The keys that were given, and their lines.</param>
internal sealed record ConfigEntry<T>(T Value, ConfigTable Table, IReadOnlyDictionary<string, int> KeyLines)
{
    /// <summary>The line of a key, or of the table's head if the key was not given.</summary>
    public int LineOf(string key) => KeyLines.GetValueOrDefault(key, Table.Line);
}
