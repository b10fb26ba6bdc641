namespace Voe.Tool;

/// <summary>Rows of text under each other for people: columns as wide as their longest cell, two blanks between them.</summary>
/// <param name="header">The first row.</param>
internal sealed class TextTable(params string[] header)
{
    private readonly List<string[]> _rows = [header];

    /// <summary>Adds a row with as many cells as the header.</summary>
    public void Add(params string[] cells) => _rows.Add(cells);

    /// <summary>Prints it.</summary>
    public void Write(TextWriter output)
    {
        int[] widths = [.. header.Select((_, column) => _rows.Max(row => row[column].Length))];
        foreach (string[] row in _rows)
        {
            output.WriteLine(string.Join("  ", row.Select((cell, column) => cell.PadRight(widths[column]))).TrimEnd());
        }
    }
}
