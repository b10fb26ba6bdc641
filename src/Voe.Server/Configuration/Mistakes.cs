namespace Voe.Server.Configuration;

/// <summary>What is wrong with the configuration: collected, so that all of it is told at once.</summary>
internal sealed class Mistakes
{
    private readonly List<(int Line, string Text)> _found = [];

    /// <summary>The file, as the user named it; empty without one.</summary>
    public string File { get; set; } = "";

    /// <summary>How many there are.</summary>
    public int Count => _found.Count;

    /// <summary>Notes a mistake of the file.</summary>
    /// <param name="line">Its line, from 1 on.</param>
    /// <param name="text">What is wrong, and what would be right.</param>
    public void Add(int line, string text) => _found.Add((line, $"{At(line)}: {text}"));

    /// <summary>Notes a mistake of the command line.</summary>
    public void Add(string text) => _found.Add((0, $"voe-server: {text}"));

    /// <summary>All of them, each a line: those of the command line, then those of the file in its order.</summary>
    public IEnumerable<string> All => _found.OrderBy(mistake => mistake.Line).Select(mistake => mistake.Text);

    /// <summary>A place in the file, for messages: <c>voe.toml:12</c>.</summary>
    public string At(int line) => line > 0 ? $"{File}:{line}" : File;
}
