using Voe.Tool;

using var interruption = new Interruption();
var terminal = new ToolConsole(Console.Out, Console.Error)
{
    ProgressWidth = Console.IsErrorRedirected ? 0 : ToolConsole.TerminalWidth,
    IsOutputForPeople = !Console.IsOutputRedirected,
};
return new CommandLine(terminal, interruption).Invoke(args);
