using System.Globalization;
using Voe.Store.Verify;

namespace Voe.Server.Configuration.Sections;

/// <summary><c>[scrub]</c>: how often and how fast the server verifies its packs.</summary>
internal static class ScrubSection
{
    private static readonly ServerOptions Defaults = new();

    private static readonly ValueKind<TimeSpan> Interval = ValueKinds.Parsed<TimeSpan>("DURATION", TryParse, Format);

    /// <summary>The section.</summary>
    public static ConfigSection<ServerOptions> Section { get; } = new("scrub", isRepeated: false,
    [
        new ConfigKey<ServerOptions, TimeSpan>(
            "every", Interval, Defaults.ScrubInterval, static (options, value) => options with { ScrubInterval = value },
            "Verify all packs so long after the last time: 7d, 12h, 30m, or never.")
        {
            Option = "--scrub-every",
        },
        new ConfigKey<ServerOptions, long>(
            "max-bytes-per-second", ValueKinds.Size(0), ScrubOptions.DefaultBytesPerSecond,
            static (options, value) => options with { ScrubBytesPerSecond = value },
            "How fast a scrub reads, and voe scrub unless it says otherwise; 0 for no limit.")
        {
            Option = "--scrub-max-bytes-per-second",
        },
    ]);

    private static bool TryParse(string text, out TimeSpan interval, out string error)
    {
        interval = TimeSpan.Zero;
        error = $"\"{text}\" is no duration: write 7d, 12h, 30m (days, hours, minutes; at most 1000d), or never";
        if (text is "never")
        {
            return true;
        }

        if (text.Length < 2 || !int.TryParse(text.AsSpan()[..^1], NumberStyles.None, CultureInfo.InvariantCulture, out int number)
            || number is < 1 or > 1_440_000)
        {
            return false;
        }

        interval = text[^1] switch
        {
            'd' => TimeSpan.FromDays(number),
            'h' => TimeSpan.FromHours(number),
            'm' => TimeSpan.FromMinutes(number),
            _ => TimeSpan.Zero,
        };
        return interval > TimeSpan.Zero && interval <= TimeSpan.FromDays(1000);
    }

    private static string Format(TimeSpan interval) => interval.TotalMinutes switch
    {
        0 => "never",
        var minutes when minutes % 1440 == 0 => string.Create(CultureInfo.InvariantCulture, $"{interval.TotalDays}d"),
        var minutes when minutes % 60 == 0 => string.Create(CultureInfo.InvariantCulture, $"{interval.TotalHours}h"),
        var minutes => string.Create(CultureInfo.InvariantCulture, $"{minutes}m"),
    };
}
