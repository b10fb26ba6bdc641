namespace Voe.Store.Log;

/// <summary>
/// Tells whether syncs follow each other closely, each after few bytes, as databases and fsync-heavy clients have them.
/// One thread.
/// </summary>
internal struct SyncRhythm
{
    private const int FewBytes = 128 << 10;
    private const int DenseCount = 8;
    private long _syncCount;
    private long _bytesSinceSync;
    private long _denseSyncs; // in a row

    /// <summary>Notes that <paramref name="bytes"/> more are written, after <paramref name="syncCount"/> syncs in all.</summary>
    public bool IsDense(long syncCount, long bytes)
    {
        if (syncCount != _syncCount)
        {
            _denseSyncs += syncCount - _syncCount;
            _syncCount = syncCount;
            _bytesSinceSync = 0;
        }

        _bytesSinceSync += bytes;
        if (_bytesSinceSync > FewBytes)
        {
            _denseSyncs = 0;
        }

        return _denseSyncs >= DenseCount;
    }
}
