using Voe.Store.Devices;
using Voe.Store.Volumes;

namespace Voe.Admin.Images;

/// <summary>A volume as an image: read in parallel, written in parallel, holes left out.</summary>
internal static class VolumeImage
{
    private const int ExtentCount = 256;

    /// <summary>Reads all blocks of the first <paramref name="size"/> bytes that hold data, in order.</summary>
    /// <param name="volume">The volume.</param>
    /// <param name="size">How far; not more than the volume's size.</param>
    /// <param name="operation">What is told to the caller of the command.</param>
    /// <param name="session">Who watches.</param>
    /// <param name="output">Takes the blocks, on the calling thread; or null.</param>
    /// <returns>The digest of the image, and how many bytes were read.</returns>
    public static (string Digest, long DataBytes) Read(
        Volume volume, long size, string operation, AdminSession session, IBlockOutput? output)
    {
        var digest = new ImageDigest();
        long dataBytes = 0;
        using var window = new BlockWindow(
            block =>
            {
                Memory<byte> buffer = block.Buffer.AsMemory(0, block.Length);
                volume.Read([new BlockRead(block.Offset, buffer)]);
                digest.Add(block.Offset, buffer.Span);
            },
            block =>
            {
                output?.Write(block.Offset, block.Buffer.AsSpan(0, block.Length));
                dataBytes += block.Length;
                session.Report(operation, block.Offset + block.Length, size);
            });
        foreach (long offset in DataBlocks(volume, size))
        {
            Block block = window.Take();
            block.Offset = offset;
            block.Length = (int)Math.Min(ImageDigest.BlockSize, size - offset);
            window.Post(block);
        }

        window.Finish();
        session.Report(operation, size, size);
        return (digest.Finish(size), dataBytes);
    }

    /// <summary>Writes the stream to the volume: visible on return, not durable.</summary>
    /// <param name="volume">The volume, which reads as zeroes.</param>
    /// <param name="grows">Whether the volume becomes larger as the stream does; else more than it can take is an error.</param>
    /// <param name="input">The stream.</param>
    /// <param name="session">Who watches.</param>
    /// <returns>How many bytes came, gaps left out.</returns>
    public static long Write(Volume volume, bool grows, IBlockInput input, AdminSession session)
    {
        long dataBytes = 0;
        long end = 0;
        long size = volume.Size;
        using var window = new BlockWindow(
            block => volume.Write([new BlockWrite(block.Offset, block.Buffer.AsMemory(0, block.Length))]));
        while (true)
        {
            session.Cancellation.ThrowIfCancellationRequested();
            Block block = window.Take();
            block.Length = input.Read(block.Buffer, out long offset);
            if (block.Length == 0)
            {
                break;
            }

            if (offset < end)
            {
                throw new AdminException(
                    AdminErrorKind.Protocol, $"a block at {offset} comes after one that ends at {end}: they must come in order");
            }

            block.Offset = offset;
            end = offset + block.Length;
            if (end > size)
            {
                size = grows ? Grow(volume, size, end) : throw TooLarge(end, size);
            }

            dataBytes += block.Length;
            window.Post(block);
        }

        window.Finish();
        return dataBytes;
    }

    /// <summary>What a volume is told that is too small for its image.</summary>
    public static AdminException TooLarge(long image, long size) =>
        new(AdminErrorKind.Invalid, $"the image has {image} bytes or more, the volume is to have {size}: give a larger --size");

    // Twice as large each time, so that few changes of the catalog, which are flushed, are needed.
    private static long Grow(Volume volume, long size, long needed)
    {
        while (size < needed)
        {
            size *= 2;
        }

        volume.Resize(size);
        return size;
    }

    private static IEnumerable<long> DataBlocks(Volume volume, long size)
    {
        var extents = new DeviceExtent[ExtentCount];
        long nextBlock = 0;
        for (long at = 0; at < size;)
        {
            int count = volume.GetExtents(at, size - at, extents);
            for (int i = 0; i < count; i++)
            {
                DeviceExtent extent = extents[i];
                at = extent.Offset + extent.Length;
                if (extent.Kind == ExtentKind.Hole)
                {
                    continue;
                }

                long first = extent.Offset - (extent.Offset % ImageDigest.BlockSize);
                for (nextBlock = Math.Max(nextBlock, first); nextBlock < at; nextBlock += ImageDigest.BlockSize)
                {
                    yield return nextBlock;
                }
            }
        }
    }
}
