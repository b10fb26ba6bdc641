using Voe.Store.Index;

namespace Voe.Store.Tests.Index;

public sealed class RegionSetTests
{
    private const ulong Region = 4096;

    [Fact]
    public void Search_ends_at_the_first_region_that_was_touched()
    {
        var set = new RegionSet();
        set.Add(1, (10 * Region) + 5);
        set.Add(2, 3 * Region);
        Assert.Equal(10 * Region, set.FindTouched(1, 0, 20 * Region));
        Assert.Equal((10 * Region) + 7, set.FindTouched(1, (10 * Region) + 7, 20 * Region));
        Assert.Equal(7 * Region, set.FindTouched(1, 0, 7 * Region));
        Assert.Equal(3 * Region, set.FindTouched(2, 1, 20 * Region));
    }

    [Fact]
    public void Search_of_a_range_without_end_stops_somewhere_inside_it()
    {
        var set = new RegionSet();
        set.Add(1, 0);
        Assert.InRange(set.FindTouched(1, Region, ulong.MaxValue), Region + 1, ulong.MaxValue - 1);
    }

    [Fact]
    public void Set_that_is_full_says_yes_to_everything_until_it_is_cleared()
    {
        var set = new RegionSet();
        for (ulong i = 0; i < 20_000; i++)
        {
            set.Add(1, 2 * i * Region);
        }

        Assert.Equal(Region, set.FindTouched(1, Region, 2 * Region));
        set.Clear();
        Assert.Equal(2 * Region, set.FindTouched(1, Region, 2 * Region));
    }
}
