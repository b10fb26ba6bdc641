using System.Numerics;

namespace Voe.Testing;

/// <summary>A set of page numbers of one file, as a bitmap that grows.</summary>
internal sealed class PageSet
{
    private ulong[] _bits = new ulong[4];

    /// <summary>How many pages are in the set.</summary>
    public int Count { get; private set; }

    public bool Contains(long page) => page / 64 < _bits.Length && (_bits[page / 64] & (1UL << (int)(page % 64))) != 0;

    /// <summary>Adds a page; returns whether it is new.</summary>
    public bool Add(long page)
    {
        if (Contains(page))
        {
            return false;
        }

        if (page / 64 >= _bits.Length)
        {
            Array.Resize(ref _bits, (int)Math.Max((page / 64) + 1, _bits.Length * 2));
        }

        _bits[page / 64] |= 1UL << (int)(page % 64);
        Count++;
        return true;
    }

    /// <summary>Removes all pages from <paramref name="first"/> on.</summary>
    public void RemoveFrom(long first)
    {
        foreach (long page in ToArray())
        {
            if (page >= first)
            {
                _bits[page / 64] &= ~(1UL << (int)(page % 64));
                Count--;
            }
        }
    }

    public void Clear()
    {
        Array.Clear(_bits);
        Count = 0;
    }

    /// <summary>The pages in ascending order.</summary>
    public long[] ToArray()
    {
        var pages = new long[Count];
        int found = 0;
        for (int word = 0; word < _bits.Length; word++)
        {
            for (ulong rest = _bits[word]; rest != 0; rest &= rest - 1)
            {
                pages[found++] = (word * 64L) + BitOperations.TrailingZeroCount(rest);
            }
        }

        return pages;
    }

    public PageSet Clone() => new() { _bits = (ulong[])_bits.Clone(), Count = Count };
}
