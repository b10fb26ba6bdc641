using System.CommandLine;

namespace Voe.Fsck;

/// <summary>voe-fsck: works on a store that no server has open, also when no server would open it.</summary>
internal static class Program
{
    private static int Main(string[] args)
    {
        var root = new RootCommand("""
            Checks and repairs a VoE store that no server has open. docs/fsck.md explains what it finds.

            Exit status: 0 clean, 1 what was wrong is corrected (never by verify), 4 something is wrong and left as it is
            (5: what could be corrected is, the rest is lost),
            8 the work could not be done: no store, in use, an I/O error, a wrong argument, interrupted.
            """)
        {
            VerifyCommand.Create(),
            DumpCommand.Create(),
            RepairCommand.CreateRepair(),
            RepairCommand.CreateRebuildIndex(),
        };
        ParseResult parsed = root.Parse(args);
        int status = parsed.Invoke(new InvocationConfiguration { ProcessTerminationTimeout = null });
        return parsed.Errors.Count > 0 ? ExitStatus.OperationalError : status;
    }
}
