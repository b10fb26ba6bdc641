using Voe.Admin;
using Voe.Tool;

namespace Voe.Server.Tests.Tools;

/// <summary>How far something is, for people at a terminal.</summary>
public sealed class ProgressBarTests
{
    [Theory]
    [InlineData("copying  [############............]  50 %  512.0 MiB of 1.0 GiB  128.0 MiB/s  0:04 left", 512L << 20, 1L << 30, 4)]
    [InlineData("copying  [........................]   0 %  0 bytes of 1.0 GiB", 0, 1L << 30, 4)]
    [InlineData("copying  [########################] 100 %  1.0 GiB of 1.0 GiB  256.0 MiB/s", 1L << 30, 1L << 30, 4)]
    [InlineData("copying  [........................]   0 %  1.0 KiB of 1.0 TiB  256 bytes/s  2376:00:00 left", 1024, 1L << 40, 4)]
    [InlineData("copying  512.0 MiB  128.0 MiB/s", 512L << 20, 0, 4)]
    [InlineData("copying", 0, 0, 4)]
    public void A_line_tells_part_rate_and_time_left(string expected, long done, long total, int seconds) =>
        Assert.Equal(expected, ProgressBar.Line(new AdminProgress("copying", done, total), TimeSpan.FromSeconds(seconds)));

    [Fact]
    public void Nothing_is_shown_in_the_first_second_then_ten_times_a_second_and_the_line_is_removed_in_the_end()
    {
        var clock = new ManualClock();
        using var error = new StringWriter();
        using (var bar = new ProgressBar(new ToolConsole(TextWriter.Null, error) { ProgressWidth = 40, Time = clock }))
        {
            for (int ms = 0; ms < 3000; ms += 10)
            {
                bar.Show(new AdminProgress("copying", ms, 3000));
                if (ms == 990)
                {
                    Assert.Equal("", error.ToString());
                }

                clock.Advance(TimeSpan.FromMilliseconds(10));
            }
        }

        string[] lines = error.ToString().Split("\r\e[K");
        Assert.Equal(22, lines.Length); // nothing, 20 lines, nothing
        Assert.All(lines, line => Assert.InRange(line.Length, 0, 39));
        Assert.Equal("", lines[^1]);
    }

    [Fact]
    public void Where_nobody_watches_nothing_is_written()
    {
        var clock = new ManualClock();
        using var error = new StringWriter();
        using (var bar = new ProgressBar(new ToolConsole(TextWriter.Null, error) { ProgressWidth = 0, Time = clock }))
        {
            clock.Advance(TimeSpan.FromSeconds(2));
            bar.Show(new AdminProgress("copying", 1, 2));
        }

        Assert.Equal("", error.ToString());
    }

    private sealed class ManualClock : TimeProvider
    {
        private long _now;

        public override long TimestampFrequency => TimeSpan.TicksPerSecond;

        public override long GetTimestamp() => _now;

        public void Advance(TimeSpan time) => _now += time.Ticks;
    }
}
