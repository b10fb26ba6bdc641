// Serves a device in memory over NBD, to measure what the protocol alone costs:
//   voe-server-bench ADDRESS [SIZE_IN_MIB [SPIN_IN_MICROSECONDS]]
// Ends with its standard input, and prints the processor time that it used.
using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.Logging.Abstractions;
using Voe.Server.Exports;
using Voe.Server.Nbd;
using Voe.Testing;

if (args.Length == 0 || !NbdEndPoint.TryParse(args[0], out NbdEndPoint? endPoint, out string error))
{
    Console.Error.WriteLine("usage: ADDRESS [SIZE_IN_MIB [SPIN_IN_MICROSECONDS]]");
    return 2;
}

long size = (args.Length > 1 ? long.Parse(args[1], CultureInfo.InvariantCulture) : 1024) << 20;
var exports = new ExportTable();
exports.TryAdd(new Export("memory", new MemoryDevice(size), "a device in memory"));
NbdLimits limits = args.Length > 2
    ? new NbdLimits { SpinTime = TimeSpan.FromMicroseconds(double.Parse(args[2], CultureInfo.InvariantCulture)) }
    : new NbdLimits();
using var server = new NbdServer([endPoint], exports, limits, NullLogger.Instance, TimeProvider.System);
server.Start();
Console.WriteLine($"ready: {server.EndPoints[0]}");
while (Console.In.ReadLine() is not null)
{
    Console.WriteLine($"cpu {Process.GetCurrentProcess().TotalProcessorTime.TotalMilliseconds} ms");
}

server.Stop(TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(2));
return error.Length;
