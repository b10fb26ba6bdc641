using Voe.Store;

namespace Voe.Server.Aoe;

/// <summary>
/// The config string of a target (AoEr11, 3.2). A new one is durable before anybody sees it. Safe from many threads.
/// </summary>
internal sealed class TargetConfig(AoeTargetOptions options)
{
    private readonly Lock _changing = new();
    private volatile byte[] _text = options.ConfigString.ToArray();

    /// <summary>The string.</summary>
    public ReadOnlyMemory<byte> Text => _text;

    /// <summary>Sets the string; says what went wrong, if anything.</summary>
    /// <param name="text">The new string.</param>
    /// <param name="isForced">
    /// Whether it replaces another. Without that, the string that is there already may be set again: the frame may be a repetition.
    /// </param>
    /// <param name="failure">Why it could not be made durable.</param>
    public AoeError Set(ReadOnlySpan<byte> text, bool isForced, out Exception? failure)
    {
        failure = null;
        lock (_changing)
        {
            if (_text.AsSpan().SequenceEqual(text))
            {
                return AoeError.None;
            }

            if (!isForced && _text.Length > 0)
            {
                return AoeError.ConfigPresent;
            }

            byte[] added = text.ToArray();
            try
            {
                options.PersistConfigString?.Invoke(added);
            }
            catch (Exception error) when (error is StoreException or IOException)
            {
                failure = error;
                return AoeError.Unavailable;
            }

            _text = added;
            return AoeError.None;
        }
    }
}
