namespace Voe.Tidy.Tests;

/// <summary>What broke a rule, a line each: where, and what.</summary>
internal static class Violations
{
    /// <summary>Fails with all of them, so that one run shows everything there is to mend.</summary>
    public static void AssertNone(IEnumerable<string> violations)
    {
        string all = string.Join('\n', violations);
        if (all.Length > 0)
        {
            Assert.Fail(all);
        }
    }
}
