using Voe.Store.IO;
using Voe.Store.Verify;

namespace Voe.Store.Repair;

/// <summary>Whether the index is what the packs say.</summary>
internal static class IndexCheck
{
    /// <summary>What is wrong with it, or empty. The packs are whole; the caller holds the store's lock.</summary>
    public static string FindFault(IStorageDirectory directory, string indexPath, Action<StoreProgress>? progress)
    {
        VerifyResult result = StoreVerifier.RunLocked(directory, indexPath, new VerifyOptions { Progress = progress });
        return result.Findings.FirstOrDefault(static finding => finding.Severity == Severity.Repairable
            && finding.Code is >= FindingCode.IndexMissing and <= FindingCode.IndexFormatUnknown)?.Message ?? "";
    }
}
