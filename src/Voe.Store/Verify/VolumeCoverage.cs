using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Voe.Store.Hashing;

namespace Voe.Store.Verify;

/// <summary>
/// What a volume's chunks hold, told from the end of the log to its beginning: the first word about a chunk is the last one that
/// was written. One bit a chunk, in pages of 512, and a sum over each page's entries to compare it with another map.
/// </summary>
/// <remarks>Memory: some 110 bytes a page that holds a chunk, so 0.2 to 110 bytes a chunk; and 16 for a long range of holes.</remarks>
internal sealed class VolumeCoverage
{
    /// <summary>Chunks of a page.</summary>
    public const int PageSize = 512;

    private readonly Dictionary<ulong, Page> _pages = [];
    private readonly List<(ulong First, ulong End)> _holes = []; // pages, ascending, apart from each other

    /// <summary>Chunks that are not holes.</summary>
    public long Mapped { get; private set; }

    /// <summary>
    /// First chunks of the pages whose sum is not 0: those that hold chunks, and once another map was subtracted, those that differ.
    /// </summary>
    public IEnumerable<ulong> Pages => _pages.Where(static page => page.Value.Sum != 0).Select(static page => page.Key * PageSize);

    /// <summary>One entry's part of a page's sum. No entry's is 0, but by chance.</summary>
    public static UInt128 EntrySum(ulong chunk, in ChunkHash hash)
    {
        // The hash is random already; the multiplications tie it to its place.
        ulong place = (chunk * 0x9E3779B97F4A7C15) | 1;
        return new UInt128((hash.Word0 ^ (hash.Word2 << 1)) * place, (hash.Word1 ^ (hash.Word3 << 1)) * place);
    }

    /// <summary>An older word about a chunk: it holds this. True when there is no newer one, so that it counts.</summary>
    public bool TrySet(ulong chunk, in ChunkHash hash)
    {
        ulong number = chunk / PageSize;
        if (_holes.Count > 0 && IsHolePage(number))
        {
            return false;
        }

        ref Page page = ref CollectionsMarshal.GetValueRefOrAddDefault(_pages, number, out _);
        if (!page.TryCover((int)(chunk % PageSize)))
        {
            return false;
        }

        page.Sum += EntrySum(chunk, hash);
        Mapped++;
        return true;
    }

    /// <summary>Takes an entry of another map off the sum of its page: maps that are the same leave nothing of it.</summary>
    public void Subtract(ulong chunk, in ChunkHash hash) =>
        CollectionsMarshal.GetValueRefOrAddDefault(_pages, chunk / PageSize, out _).Sum -= EntrySum(chunk, hash);

    /// <summary>An older word about a range of chunks: they are holes, unless there is a newer one.</summary>
    public void Zero(ulong first, ulong count)
    {
        ulong end = count > ulong.MaxValue - first ? ulong.MaxValue : first + count;
        ulong firstPage = (first + PageSize - 1) / PageSize;
        ulong endPage = end / PageSize;
        if (firstPage >= endPage)
        {
            Cover(first, end);
            return;
        }

        Cover(first, firstPage * PageSize);
        Cover(endPage * PageSize, end);
        AddHoles(firstPage, endPage);
    }

    private void Cover(ulong first, ulong end)
    {
        for (ulong chunk = first; chunk < end; chunk++)
        {
            if (_holes.Count == 0 || !IsHolePage(chunk / PageSize))
            {
                CollectionsMarshal.GetValueRefOrAddDefault(_pages, chunk / PageSize, out _).TryCover((int)(chunk % PageSize));
            }
        }
    }

    private bool IsHolePage(ulong page)
    {
        int index = FirstEndingAfter(page);
        return index < _holes.Count && _holes[index].First <= page;
    }

    // The first range that ends behind a page.
    private int FirstEndingAfter(ulong page)
    {
        (int low, int high) = (0, _holes.Count);
        while (low < high)
        {
            int middle = (low + high) / 2;
            (low, high) = _holes[middle].End > page ? (low, middle) : (middle + 1, high);
        }

        return low;
    }

    private void AddHoles(ulong first, ulong end)
    {
        int index = FirstEndingAfter(first == 0 ? 0 : first - 1); // one that ends where this begins is joined
        int count = 0;
        while (index + count < _holes.Count && _holes[index + count].First <= end)
        {
            first = Math.Min(first, _holes[index + count].First);
            end = Math.Max(end, _holes[index + count].End);
            count++;
        }

        _holes.RemoveRange(index, count);
        _holes.Insert(index, (first, end));
    }

    private struct Page
    {
        public UInt128 Sum;
        private Words _covered;

        public bool TryCover(int chunk)
        {
            ulong bit = 1UL << (chunk % 64);
            ref ulong word = ref _covered[chunk / 64];
            bool isNew = (word & bit) == 0;
            word |= bit;
            return isNew;
        }

        [InlineArray(PageSize / 64)]
        private struct Words
        {
            private ulong _first;
        }
    }
}
