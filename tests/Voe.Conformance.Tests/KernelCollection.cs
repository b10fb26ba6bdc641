namespace Voe.Conformance.Tests;

/// <summary>The tests that boot a machine: one after another, since an emulated machine keeps a processor busy.</summary>
[CollectionDefinition(Name)]
public sealed class KernelCollection
{
    /// <summary>The collection's name.</summary>
    public const string Name = "kernel";

    /// <summary>Whether this is the long form of the tests (VOE_TEST_LONG=1, as scripts/test.sh --long sets it).</summary>
    public static bool IsLong => Environment.GetEnvironmentVariable("VOE_TEST_LONG") == "1";
}
