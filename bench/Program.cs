using BenchmarkDotNet.Running;
using Voe.Benchmarks;

// throughput: the whole engine, as tables of medians. Anything else: BenchmarkDotNet's own arguments.
if (args is ["throughput", ..])
{
    return ThroughputCommand.Run(args.AsSpan(1));
}

// aoe: the initiator of scripts/bench_aoe.py.
if (args is ["aoe", ..])
{
    return AoeLoad.Run(args.AsSpan(1));
}

// generate-store: a store that is large and takes little room. verify: what voe-fsck verify takes.
if (args is ["generate-store", ..])
{
    return GenerateStoreCommand.Run(args.AsSpan(1));
}

if (args is ["verify", ..])
{
    return VerifyCommand.Run(args.AsSpan(1));
}

if (args is [VerifyProcess.Command, ..])
{
    return VerifyProcess.RunOnce(args.AsSpan(1));
}

BenchmarkSwitcher.FromAssembly(typeof(HashingBenchmarks).Assembly).Run(args);
return 0;
