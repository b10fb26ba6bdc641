using System.Globalization;
using Voe.Store.Chunks;
using Voe.Store.IO;
using Voe.Store.Log;
using Voe.Store.Recovery;
using Voe.Store.Verify;
using Voe.Store.Volumes;

namespace Voe.Store;

/// <summary>The door to a store: opens it, creates, finds and deletes volumes, closes it. Safe from many threads.</summary>
/// <remarks>
/// When a write or sync of the log fails, writes and flushes are refused from then on, since the end of the log is in an
/// unknown state; reads go on. The store recovers by itself: when the medium works again, the next write or flush finds
/// the log reopened and its end read back from the medium. What had been acknowledged but not flushed may be lost by
/// then, and the flush that would have covered it has failed.
/// </remarks>
public sealed class VoeStore : IVolumeHost, IDisposable
{
    private static readonly TimeSpan RecoveryInterval = TimeSpan.FromSeconds(1);

    private readonly IStorageDirectory _directory;
    private readonly IStorageDirectory _packDirectory;
    private readonly string _indexPath;
    private readonly StoreOptions _options;
    private readonly Superblock _superblock;
    private readonly IDisposable _lock;
    private readonly OperationGate _gate = new();
    private readonly UnreportedLosses _losses = new();
    private readonly Lock _recoveryLock = new();
    private readonly Lock _catalogLock = new(); // one change of the catalog at a time
    private long _lastRecovery; // guarded by _recoveryLock; a timestamp
    private volatile StoreEngine? _engine; // changes only while the gate is closed
    private StoreException? _reopenError;
    private List<VolumeState> _failedVolumes = []; // guarded by _recoveryLock; those of the engine that failed last
    private bool _isDisposed;
    private bool _isScrubbing; // by Interlocked

    private VoeStore(
        IStorageDirectory directory, string indexPath, StoreOptions options, in Superblock superblock, IDisposable storeLock, bool isNew)
    {
        _directory = directory;
        _packDirectory = directory.OpenDirectory(StoreLayout.PacksDirectory);
        _indexPath = indexPath;
        _options = options;
        _superblock = superblock;
        _lock = storeLock;
        directory.Sync();
        _engine = StoreEngine.Open(_packDirectory, indexPath, superblock, options);
        Recovery = _engine.Report with { IsNew = isNew };
        _lastRecovery = options.Clock.GetTimestamp();
    }

    /// <summary>What opening found and did.</summary>
    public RecoveryReport Recovery { get; }

    /// <inheritdoc/>
    UnreportedLosses IVolumeHost.Losses => _losses;

    /// <summary>The store's identity, made when it was created.</summary>
    public Guid Id => _superblock.StoreId;

    /// <summary>How the store names its chunks.</summary>
    public Hashing.HashAlgorithm HashAlgorithm => _superblock.HashAlgorithm;

    /// <summary>All volumes, by name in ordinal order.</summary>
    public IReadOnlyList<Volume> Volumes
    {
        get
        {
            using StoreOperation operation = Enter();
            return operation.Engine.Catalog.List().ConvertAll(state => new Volume(this, state.Record.Id));
        }
    }

    /// <summary>Opens or creates the store in a local directory.</summary>
    /// <exception cref="StoreLockedException">Somebody else has it open.</exception>
    /// <exception cref="StoreFormatException">The directory holds something else, or a format that this program does not know.</exception>
    /// <exception cref="StoreDamagedException">Something that was durable is not there whole.</exception>
    public static VoeStore Open(string path, StoreOptions? options = null)
    {
        options ??= new StoreOptions();
        string indexPath = Path.Combine(Path.GetFullPath(path), StoreLayout.IndexDirectory);
        return Open(LocalDirectory.Open(path, options.CreateIfMissing), indexPath, options);
    }

    /// <summary>
    /// Opens or creates the store in <paramref name="directory"/>, with RocksDB in the local directory 
    /// <paramref name="indexPath"/>.
    /// </summary>
    internal static VoeStore Open(IStorageDirectory directory, string indexPath, StoreOptions options)
    {
        options.Validate();
        if (!options.CreateIfMissing && !directory.FileExists(Superblock.FileName))
        {
            // Before the lock, whose file has no business in a directory of something else.
            throw new StoreFormatException($"{directory.Path} holds no store: there is no file \"{Superblock.FileName}\"");
        }

        string holder = string.Create(
            CultureInfo.InvariantCulture, $"{options.Holder}, process {Environment.ProcessId} on {Environment.MachineName}");
        IDisposable storeLock = directory.Lock(StoreLayout.LockFile, holder);
        try
        {
            StoreLayout.RequireNoRepair(directory);
            bool isNew = !directory.FileExists(Superblock.FileName);
            if (isNew)
            {
                Create(directory, options);
            }

            return new VoeStore(directory, indexPath, options, Superblock.ReadFrom(directory), storeLock, isNew);
        }
        catch
        {
            storeLock.Dispose();
            throw;
        }
    }

    /// <summary>Creates a volume. Durable on return.</summary>
    /// <param name="name">1 to 255 characters of letters, digits, <c>.</c>, <c>_</c>, <c>-</c>, beginning with a letter or digit.</param>
    /// <param name="size">In bytes, a multiple of 512.</param>
    /// <param name="chunkSize">4 to 64 KiB, a power of two.</param>
    /// <param name="compression">LZ4 when null.</param>
    /// <exception cref="VolumeExistsException">A volume has that name.</exception>
    /// <exception cref="InvalidVolumeException">The name, size or chunk size is not possible.</exception>
    public Volume CreateVolume(string name, long size, int chunkSize = VolumeLimits.MinChunkSize, CompressionSetting? compression = null)
    {
        VolumeLimits.RequireName(name);
        VolumeLimits.RequireSize(size);
        VolumeLimits.RequireChunkSize(chunkSize);
        CompressionSetting setting = compression ?? CompressionSetting.Lz4;
        if (!setting.IsValid)
        {
            throw new InvalidVolumeException($"compression {setting} is not possible: none, lz4, or zstd:1 to "
                + $"zstd:{CompressionSetting.MaxZstdLevel}");
        }

        lock (_catalogLock)
        {
            using StoreOperation operation = EnterToWrite();
            VolumeCatalog catalog = operation.Engine.Catalog;
            if (catalog.Find(name) is not null)
            {
                throw new VolumeExistsException($"a volume \"{name}\" exists already");
            }

            long created = _options.Clock.GetUtcNow().ToUnixTimeMilliseconds();
            var record = new VolumeRecord(catalog.NextId, name, size, chunkSize, setting, created, default);
            Append(operation.Engine, CatalogBatch.Put(operation.Engine.Index, catalog, record));
            return new Volume(this, record.Id);
        }
    }

    /// <summary>The volume of that name.</summary>
    /// <exception cref="VolumeNotFoundException">There is none; the message lists what there is.</exception>
    public Volume OpenVolume(string name)
    {
        using StoreOperation operation = Enter();
        if (operation.Engine.Catalog.Find(name) is { } state)
        {
            return new Volume(this, state.Record.Id);
        }

        string known = string.Join(", ", operation.Engine.Catalog.List().Select(static volume => volume.Record.Name));
        throw new VolumeNotFoundException($"there is no volume \"{name}\"; the store has: {(known.Length > 0 ? known : "none")}");
    }

    /// <summary>Makes everything that was acknowledged durable.</summary>
    public void Flush()
    {
        using StoreOperation operation = EnterToWrite();
        _losses.ThrowOnce(UnreportedLosses.WholeStore);
        operation.Engine.Log.Flush();
    }

    /// <summary>Brings RocksDB up to date, so that the next opening replays nothing of what was written so far.</summary>
    public void Checkpoint()
    {
        using StoreOperation operation = EnterToWrite();
        operation.Engine.Checkpoint();
    }

    /// <summary>
    /// Verifies all packs while the store is in use: each checksum and hash of what is durable now, read from the disk itself. Takes
    /// its time; one at a time.
    /// </summary>
    /// <exception cref="StoreException">One is running.</exception>
    /// <exception cref="OperationCanceledException">It was ended.</exception>
    public VerifyResult Scrub(ScrubOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (Interlocked.Exchange(ref _isScrubbing, true))
        {
            throw new StoreException("a scrub of this store is running already: one at a time");
        }

        try
        {
            return new StoreScrubber(_packDirectory, _superblock, Enter, _options.Clock, options).Run();
        }
        finally
        {
            Volatile.Write(ref _isScrubbing, false);
        }
    }

    /// <summary>What the store holds, in bytes. Counts of what is referred to are as of the last checkpoint.</summary>
    public StoreUsage GetUsage()
    {
        using StoreOperation operation = Enter();
        return operation.Engine.GetUsage();
    }

    /// <summary>Where the log and the caches are, now.</summary>
    public StoreActivity GetActivity()
    {
        using StoreOperation operation = Enter();
        return operation.Engine.GetActivity();
    }

    /// <summary>
    /// What a program keeps with the store under <paramref name="name"/>, a plain file name; null when that is nothing.
    /// </summary>
    /// <exception cref="StoreFormatException">The file is damaged, of another store, or of a newer version.</exception>
    public byte[]? ReadSideFile(string name) => SideFile.Read(_directory, name, Id);

    /// <summary>
    /// Keeps something with the store in place of what was kept under that name. Durable on return; a crash before leaves
    /// what was there. 16 MiB at most. The caller sees to it that there is one writer of a name at a time.
    /// </summary>
    public void WriteSideFile(string name, ReadOnlySpan<byte> content) => SideFile.Write(_directory, name, Id, content);

    /// <summary>
    /// Flushes, makes a checkpoint, and gives up the lock; waits for operations that are running. When flushing fails the
    /// store is closed all the same and the error is thrown.
    /// </summary>
    public void Dispose()
    {
        if (_isDisposed)
        {
            return;
        }

        _isDisposed = true;
        _gate.Close();
        StoreEngine? engine = _engine;
        _engine = null;
        _gate.Open(); // those that come now are told that the store is closed
        try
        {
            engine?.Close();
        }
        finally
        {
            _lock.Dispose();
        }
    }

    /// <summary>Drops everything in memory without writing a byte, as the death of the process does. For tests.</summary>
    internal void Abandon()
    {
        _isDisposed = true;
        _gate.Close();
        StoreEngine? engine = _engine;
        _engine = null;
        _gate.Open();
        engine?.Abandon();
        _lock.Dispose();
    }

    /// <inheritdoc/>
    StoreOperation IVolumeHost.Enter() => Enter();

    /// <inheritdoc/>
    StoreOperation IVolumeHost.EnterToWrite() => EnterToWrite();

    private StoreOperation Enter()
    {
        _gate.Enter();
        if (_engine is { } engine)
        {
            return new StoreOperation(_gate, engine);
        }

        _gate.Exit();
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        if (TryReopen())
        {
            return Enter();
        }

        throw new StoreFailedException($"the store could not be reopened: {_reopenError?.Message}", _reopenError);
    }

    private StoreOperation EnterToWrite()
    {
        StoreOperation operation = Enter();
        if (operation.Engine.Log.Failure is null)
        {
            return operation;
        }

        StoreException failure = operation.Engine.Log.Failure;
        operation.Dispose();
        if (TryReopen())
        {
            return EnterToWrite();
        }

        throw new StoreFailedException(failure.Message, failure);
    }

    /// <inheritdoc/>
    void IVolumeHost.ChangeVolume(Volume volume, Func<StoreEngine, VolumeState, CatalogBatch> change)
    {
        lock (_catalogLock)
        {
            using StoreOperation operation = EnterToWrite();
            Append(operation.Engine, change(operation.Engine, volume.State(operation)));
        }
    }

    private static void Append(StoreEngine engine, CatalogBatch batch)
    {
        using (batch)
        {
            engine.Log.Append(batch);
            engine.Log.Flush();
        }
    }

    private static void Create(IStorageDirectory directory, StoreOptions options)
    {
        IStorageDirectory packs = directory.OpenDirectory(StoreLayout.PacksDirectory);
        if (packs.ListFiles().Count > 0)
        {
            throw new StoreFormatException(
                $"{directory.Path} has packs but no file \"{Superblock.FileName}\": bring that file back from a copy; it "
                + "is not made anew beside packs");
        }

        new Superblock(options.NewGuid(), options.HashAlgorithm, options.Clock.GetUtcNow().ToUnixTimeMilliseconds()).WriteTo(directory);
    }

    // Opens the store anew after its log failed. False when it is too early, or the medium still refuses to write.
    private bool TryReopen()
    {
        lock (_recoveryLock)
        {
            if (_engine is { Log.Failure: null })
            {
                return true; // another thread did it
            }

            if (_isDisposed || _options.Clock.GetElapsedTime(_lastRecovery) < RecoveryInterval || !CanWrite())
            {
                return false;
            }

            _gate.Close();
            try
            {
                StoreEngine? failed = _engine;
                _failedVolumes = failed?.Catalog.List() ?? _failedVolumes;
                failed?.Abandon();
                _engine = null;
                StoreEngine engine = StoreEngine.Open(_packDirectory, _indexPath, _superblock, _options);
                _losses.Add(_failedVolumes, engine.Log.AppliedLsn);
                _engine = engine;
                _reopenError = null;
                return true;
            }
            catch (StoreException e)
            {
                _reopenError = e;
                return false;
            }
            finally
            {
                _lastRecovery = _options.Clock.GetTimestamp();
                _gate.Open();
            }
        }
    }

    // Whether the medium takes a write and a sync again: else the engine that still reads is better than none.
    private bool CanWrite()
    {
        try
        {
            _directory.DeleteFile(StoreLayout.ProbeFile);
            using (IStorageFile file = _directory.CreateFile(StoreLayout.ProbeFile))
            {
                file.Write(new byte[Superblock.Size], 0);
                file.SyncData();
            }

            _directory.DeleteFile(StoreLayout.ProbeFile);
            return true;
        }
        catch (StoreException)
        {
            return false;
        }
    }
}
