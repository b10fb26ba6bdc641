using Voe.Admin;

return new CommandLine(Console.Out, Console.Error).Invoke(args);
