using Voe.Server;
using Voe.Server.Configuration;

return new CommandLine().Invoke(args, Console.Out, Console.Error, options => ServerHost.Run(options, Console.Out));
