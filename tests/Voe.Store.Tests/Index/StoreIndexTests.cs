using Voe.Store.Index;

namespace Voe.Store.Tests.Index;

public sealed class StoreIndexTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void It_says_what_a_dictionary_says_whatever_is_frozen_written_or_reopened(int seed)
    {
        using var driver = new IndexDriver(seed);
        var random = new Random(seed + 1000);
        for (int round = 0; round < 60; round++)
        {
            driver.Change(random.Next(1, 60));
            switch (random.Next(6))
            {
                case < 3 when driver.Index.CanFreeze:
                    driver.Freeze();
                    break;
                case < 4:
                    driver.WriteFrozen();
                    driver.CompareDurable();
                    break;
                case 4:
                    driver.ReopenAfterCrash();
                    driver.CompareRecords();
                    driver.CompareDurable();
                    driver.Replay();
                    break;
                default:
                    break;
            }

            driver.CompareLookups();
        }
    }

    [Fact]
    public void What_was_not_in_a_checkpoint_is_gone_after_it_is_closed()
    {
        using var driver = new IndexDriver(5);
        driver.Change(300);
        driver.Freeze();
        driver.WriteFrozen();
        driver.Change(300);
        driver.Freeze();
        driver.Change(300);
        driver.ReopenAfterCrash();
        driver.Revert();
        driver.CompareRecords();
        driver.CompareDurable();
        driver.CompareLookups();
    }

    [Theory]
    [InlineData(nameof(CheckpointStep.WriteChunkFile))]
    [InlineData(nameof(CheckpointStep.IngestChunkFile))]
    [InlineData(nameof(CheckpointStep.WriteRows))]
    [InlineData(nameof(CheckpointStep.Flush))]
    [InlineData(nameof(CheckpointStep.UpdateCaches))]
    [InlineData(nameof(CheckpointStep.Release))]
    public void A_checkpoint_that_was_killed_anywhere_leaves_a_state_from_which_replay_gives_the_same(string step)
    {
        using var driver = new IndexDriver(6);
        for (int round = 0; round < 4; round++)
        {
            driver.Change(200);
            driver.Freeze();
            driver.WriteFrozen();
            driver.Change(200);
            driver.Freeze();
            driver.Change(50);
            KillIn(driver, Enum.Parse<CheckpointStep>(step));
            driver.ReopenAfterCrash();
            driver.CompareRecords();
            driver.CompareDurable();
            driver.Replay();
            driver.CompareLookups();
            driver.Freeze();
            driver.WriteFrozen();
            driver.CompareDurable();
            driver.CompareLookups();
        }
    }

    [Theory]
    [InlineData(nameof(CheckpointStep.WriteChunkFile))]
    [InlineData(nameof(CheckpointStep.IngestChunkFile))]
    [InlineData(nameof(CheckpointStep.WriteRows))]
    [InlineData(nameof(CheckpointStep.Flush))]
    [InlineData(nameof(CheckpointStep.UpdateCaches))]
    [InlineData(nameof(CheckpointStep.Release))]
    public void A_checkpoint_that_failed_anywhere_can_be_repeated(string step)
    {
        using var driver = new IndexDriver(7);
        for (int round = 0; round < 4; round++)
        {
            driver.Change(200);
            driver.Freeze();
            driver.Change(50);
            KillIn(driver, Enum.Parse<CheckpointStep>(step));
            driver.CompareLookups();
            Assert.False(driver.Index.CanFreeze);
            driver.WriteFrozen();
            Assert.True(driver.Index.CanFreeze);
            driver.CompareDurable();
            driver.CompareLookups();
        }
    }

    private static void KillIn(IndexDriver driver, CheckpointStep step)
    {
        driver.FailPoint = reached =>
        {
            if (reached == step)
            {
                throw new InvalidOperationException($"killed in {step}");
            }
        };
        Assert.Throws<InvalidOperationException>(driver.WriteFrozen);
        driver.FailPoint = null;
    }
}
