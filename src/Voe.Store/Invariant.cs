using System.Diagnostics.CodeAnalysis;

namespace Voe.Store;

/// <summary>Checks that stay in release builds: a broken one is a bug of this program, and going on could harm data.</summary>
internal static class Invariant
{
    /// <summary>Stops with <see cref="InvariantException"/> unless <paramref name="holds"/>.</summary>
    public static void Require([DoesNotReturnIf(false)] bool holds, string what)
    {
        if (!holds)
        {
            throw new InvariantException(what);
        }
    }
}

/// <summary>Something that must always be true was not: a bug in VoE.</summary>
/// <param name="what">The statement that does not hold.</param>
public sealed class InvariantException(string what) : Exception($"a bug in VoE, please report it: it does not hold that {what}");
