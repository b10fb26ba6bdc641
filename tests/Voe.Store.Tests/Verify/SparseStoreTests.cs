using Voe.Store.Verify;
using Voe.Testing;

namespace Voe.Store.Tests.Verify;

/// <summary>The generator of large stores that measurements of the quick verification use makes what a store would.</summary>
public sealed class SparseStoreTests
{
    private const long Length = 24 << 20;
    private const int PackSize = 8 << 20;

    [Fact]
    public void A_quick_verification_of_a_generated_store_notes_that_there_is_no_index_and_nothing_else()
    {
        using var directory = new TemporaryDirectory();
        long length = SparseStore.Create(directory.Path, Length, PackSize);
        VerifyResult result = StoreVerifier.Run(directory.Path, new VerifyOptions { Depth = VerifyDepth.Quick });
        Finding finding = Assert.Single(result.Findings);
        Assert.Equal(FindingCode.IndexMissing, finding.Code);
        Assert.Equal(length, result.Bytes);
        Assert.True(length >= Length, $"{length} bytes");
        Assert.Equal(result.Chunks, (result.Batches - 1) * 256); // one batch makes the volume
        Assert.True(result is { Packs: 4, Chunks: > 4000 }, result.ToString());
    }

    [Fact]
    public void A_generated_store_is_one_log_whose_packs_cannot_be_left_out()
    {
        using var directory = new TemporaryDirectory();
        SparseStore.Create(directory.Path, Length, PackSize);
        File.Delete(Path.Combine(directory.Path, "packs", "0000000002.pack"));
        VerifyResult result = StoreVerifier.Run(directory.Path, new VerifyOptions { Depth = VerifyDepth.Quick });
        Assert.False(result.IsSound);
        Assert.Contains(result.Findings, static finding => finding.Code == FindingCode.PackMissing && finding.PackId == 2);
    }

    [Fact]
    public void A_directory_that_holds_a_store_is_refused()
    {
        using var directory = new TemporaryDirectory();
        SparseStore.Create(directory.Path, 1, PackSize);
        Assert.Throws<StoreFormatException>(() => SparseStore.Create(directory.Path, 1, PackSize));
    }
}
