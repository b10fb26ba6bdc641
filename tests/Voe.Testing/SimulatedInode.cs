namespace Voe.Testing;

/// <summary>
/// The content of a file, twice: as processes see it (the page cache) and as the medium has it, with all changes since
/// the last sync in order. Guarded by the disk's lock.
/// </summary>
/// <remarks>Invariant: bytes of both arrays beyond their lengths are zero.</remarks>
internal sealed class SimulatedInode
{
    public const int PageSize = 4096;
    private const int SectorSize = 512;

    private readonly List<Change> _unsynced = [];
    private PageSet _dirty = new();
    private PageSet _allocated = new();
    private byte[] _visible = [];
    private byte[] _durable = [];
    private long _durableLength;

    // A failed sync has left clean pages that the medium does not have.
    private bool _hasLostPages;

    /// <summary>Visible length in bytes.</summary>
    public long Length { get; private set; }

    /// <summary>Pages that take room on the medium.</summary>
    public int AllocatedPages => _allocated.Count;

    public int Read(Span<byte> buffer, long offset)
    {
        int count = (int)Math.Min(buffer.Length, Math.Max(0, Length - offset));
        if (count > 0)
        {
            _visible.AsSpan((int)offset, count).CopyTo(buffer);
        }

        return count;
    }

    /// <summary>How many bytes from <paramref name="offset"/> on fit when only so many more pages may be allocated.</summary>
    public int Fitting(long offset, int length, long freePages)
    {
        for (long page = offset / PageSize; page * PageSize < offset + length; page++)
        {
            if (!_allocated.Contains(page) && freePages-- <= 0)
            {
                return (int)Math.Max(0, (page * PageSize) - offset);
            }
        }

        return length;
    }

    public void Write(ReadOnlySpan<byte> bytes, long offset)
    {
        if (bytes.IsEmpty)
        {
            return;
        }

        long end = offset + bytes.Length;
        Grow(ref _visible, end);
        bytes.CopyTo(_visible.AsSpan((int)offset));
        Length = Math.Max(Length, end);
        Mark(_dirty, offset, end);
        Mark(_allocated, offset, end);
        _unsynced.Add(new Change(offset, bytes.ToArray(), 0, Length));
    }

    public void Reserve(long length)
    {
        Mark(_allocated, 0, length);
        if (length > Length)
        {
            Grow(ref _visible, length);
            Length = length;
            _unsynced.Add(new Change(0, [], 0, Length));
        }
    }

    public void SetLength(long length)
    {
        long cut = Math.Max(0, Length - length);
        if (cut > 0)
        {
            _visible.AsSpan((int)length, (int)cut).Clear();
            Mark(_dirty, length, Length);
            _allocated.RemoveFrom((length + PageSize - 1) / PageSize);
        }

        Grow(ref _visible, length);
        Length = length;
        _unsynced.Add(new Change(length, [], cut, Length));
    }

    public void Sync()
    {
        foreach (long page in _dirty.ToArray())
        {
            WriteBack(page);
        }

        _durableLength = Length;
        ForgetChanges();
    }

    /// <summary>A sync that the medium refused, as Linux has it: what was not written counts as clean from then on.</summary>
    public void FailSync(Random random)
    {
        foreach (long page in _dirty.ToArray())
        {
            if (random.Next(2) == 0)
            {
                WriteBack(page);
            }
        }

        if (random.Next(2) == 0)
        {
            _durableLength = Length;
        }

        if (_durableLength < _durable.Length)
        {
            _durable.AsSpan((int)_durableLength).Clear();
        }

        ForgetChanges();
        _hasLostPages = true;
    }

    /// <summary>Reads clean pages from the medium again.</summary>
    public void DropCache()
    {
        if (!_hasLostPages)
        {
            return;
        }

        Grow(ref _durable, Length);
        for (long page = 0; page * PageSize < Length; page++)
        {
            if (!_dirty.Contains(page))
            {
                int start = (int)(page * PageSize);
                int count = (int)Math.Min(PageSize, Length - start);
                _durable.AsSpan(start, count).CopyTo(_visible.AsSpan(start));
            }
        }

        _hasLostPages = false;
    }

    /// <summary>The power fails: of each page, or sector, what it held at some moment since the last sync is kept.</summary>
    public void LosePower(Random random)
    {
        byte[] content = (byte[])_durable.Clone();
        long length = _durableLength;
        switch (_unsynced.Count == 0 ? 0 : random.Next(6))
        {
            case 0:
                break;
            case 1:
                length = KeepPrefix(ref content, _unsynced.Count, null);
                break;
            case 2:
                length = KeepPrefix(ref content, random.Next(_unsynced.Count), random);
                break;
            default:
                length = KeepUnits(ref content, random.Next(2) == 0 ? PageSize : SectorSize, random);
                break;
        }

        Grow(ref content, length);
        content.AsSpan((int)length).Clear();
        _visible = content;
        _durable = (byte[])content.Clone();
        Length = length;
        _durableLength = length;
        ForgetChanges();
        _hasLostPages = false;
        _allocated.Clear();
        Mark(_allocated, 0, length);
    }

    /// <summary>Changes a byte on the medium and in the cache, as damage does.</summary>
    public void Damage(long offset, byte flip)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(offset, Length);
        _visible[offset] ^= flip;
        if (offset < _durableLength)
        {
            Grow(ref _durable, offset + 1);
            _durable[offset] ^= flip;
        }
    }

    public SimulatedInode Clone()
    {
        var clone = new SimulatedInode
        {
            _dirty = _dirty.Clone(),
            _allocated = _allocated.Clone(),
            _visible = (byte[])_visible.Clone(),
            _durable = (byte[])_durable.Clone(),
            _durableLength = _durableLength,
            _hasLostPages = _hasLostPages,
            Length = Length,
        };
        clone._unsynced.AddRange(_unsynced);
        return clone;
    }

    /// <summary>The first changes in order, then, where random, the next one up to some byte of it.</summary>
    private long KeepPrefix(ref byte[] content, int count, Random? random)
    {
        long length = _durableLength;
        for (int i = 0; i < count; i++)
        {
            Apply(ref content, _unsynced[i], _unsynced[i].Start, _unsynced[i].End);
            length = _unsynced[i].LengthAfter;
        }

        if (random is not null)
        {
            Change torn = _unsynced[count];
            long cut = torn.Start + random.NextInt64(torn.End - torn.Start + 1);
            Apply(ref content, torn, torn.Start, cut);
            length = random.Next(2) == 0 ? length : torn.LengthAfter;
        }

        return length;
    }

    private long KeepUnits(ref byte[] content, int unitSize, Random random)
    {
        // For each unit the number of changes that it has seen: what it held at that moment is what the medium has.
        var seen = new Dictionary<long, int>();
        for (int i = 0; i < _unsynced.Count; i++)
        {
            Change change = _unsynced[i];
            for (long unit = change.Start / unitSize; unit * unitSize < change.End; unit++)
            {
                if (!seen.TryGetValue(unit, out int cut))
                {
                    cut = Moment(random);
                    seen.Add(unit, cut);
                }

                if (i < cut)
                {
                    Apply(ref content, change, Math.Max(change.Start, unit * unitSize), Math.Min(change.End, (unit + 1) * unitSize));
                }
            }
        }

        int moment = Moment(random);
        return moment == 0 ? _durableLength : _unsynced[moment - 1].LengthAfter;
    }

    /// <summary>A number of changes: none and all more often than each in between.</summary>
    private int Moment(Random random) => random.Next(4) switch
    {
        0 => 0,
        1 => _unsynced.Count,
        _ => random.Next(_unsynced.Count + 1),
    };

    private static void Apply(ref byte[] content, Change change, long start, long end)
    {
        if (start >= end)
        {
            return;
        }

        Grow(ref content, end);
        Span<byte> target = content.AsSpan((int)start, (int)(end - start));
        if (change.CutLength > 0)
        {
            target.Clear();
        }
        else
        {
            change.Bytes.AsSpan((int)(start - change.Start), target.Length).CopyTo(target);
        }
    }

    private void WriteBack(long page)
    {
        int start = (int)(page * PageSize);
        int count = (int)Math.Min(PageSize, _visible.Length - start);
        Grow(ref _durable, start + count);
        _visible.AsSpan(start, count).CopyTo(_durable.AsSpan(start));
    }

    private void ForgetChanges()
    {
        _dirty.Clear();
        _unsynced.Clear();
    }

    private static void Mark(PageSet pages, long start, long end)
    {
        for (long page = start / PageSize; page * PageSize < end; page++)
        {
            pages.Add(page);
        }
    }

    private static void Grow(ref byte[] array, long length)
    {
        if (length > array.Length)
        {
            Array.Resize(ref array, (int)Math.Max(length, Math.Min(array.Length * 2L, array.Length + (1 << 20))));
        }
    }

    /// <summary>A write of bytes, or a cut of so many bytes at the end, or (neither) a new length; and the length after it.</summary>
    private readonly record struct Change(long Start, byte[] Bytes, long CutLength, long LengthAfter)
    {
        public long End => Start + Math.Max(CutLength, Bytes.Length);
    }
}
