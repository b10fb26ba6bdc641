namespace Voe.Store.Recovery;

/// <summary>What opening a store found and did.</summary>
/// <param name="IsNew">The store was made.</param>
/// <param name="IsIndexRebuilt">The index was missing or damaged and was rebuilt from the packs.</param>
/// <param name="ReplayedBatches">Batches that the index did not have yet.</param>
/// <param name="ReplayedBytes">Their length in the log, in bytes.</param>
/// <param name="CutBytes">Bytes of a torn tail that were cut off: writes that were never covered by a flush.</param>
/// <param name="CutPacks">Packs that held nothing but such a tail and were deleted.</param>
public sealed record RecoveryReport(
    bool IsNew, bool IsIndexRebuilt, long ReplayedBatches, long ReplayedBytes, long CutBytes, int CutPacks);
