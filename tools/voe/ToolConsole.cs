namespace Voe.Tool;

/// <summary>Where voe writes.</summary>
/// <param name="output">Results.</param>
/// <param name="error">Mistakes, refusals, how far it is.</param>
internal sealed class ToolConsole(TextWriter output, TextWriter error)
{
    private const int UsualWidth = 80;

    /// <summary>How wide the terminal on standard error is.</summary>
    public static int TerminalWidth
    {
        get
        {
            try
            {
                return Console.WindowWidth is > 0 and int width ? width : UsualWidth;
            }
            catch (IOException)
            {
                return UsualWidth;
            }
        }
    }

    /// <summary>Results.</summary>
    public TextWriter Output => output;

    /// <summary>Mistakes, refusals, how far it is.</summary>
    public TextWriter Error => error;

    /// <summary>How many columns a progress bar may take; 0 where nobody watches.</summary>
    public int ProgressWidth { get; init; }

    /// <summary>Whether standard output is a terminal, which an image must not be written to.</summary>
    public bool IsOutputForPeople { get; init; }

    /// <summary>The clock.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;
}
