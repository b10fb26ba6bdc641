using Voe.Store.Chunks;

namespace Voe.Testing;

/// <summary>One step that a client takes on a store: what a <see cref="ReferenceStore"/> keeps in its log.</summary>
/// <param name="VolumeId">The reference's own number of the volume, never used again.</param>
public abstract record StoreChange(int VolumeId)
{
    /// <summary>What a store takes in one atomic batch; a larger change is split at chunk boundaries.</summary>
    public const long LargestBatch = 1 << 20;

    /// <summary>Whether the store makes it durable before it returns.</summary>
    public virtual bool IsDurable => true;

    /// <summary>Whether a crash may leave some of its chunks done and others not.</summary>
    public virtual bool MayBeSplit => false;

    /// <summary>Does it to the volumes of a reference.</summary>
    public abstract void Apply(IDictionary<int, ReferenceVolume> volumes);

    /// <summary>A volume comes.</summary>
    public sealed record Create(int VolumeId, string Name, long Size, int ChunkSize, CompressionSetting Compression) : StoreChange(VolumeId)
    {
        /// <inheritdoc/>
        public override void Apply(IDictionary<int, ReferenceVolume> volumes) =>
            volumes[VolumeId] = new ReferenceVolume(Name, Size, ChunkSize, Compression);
    }

    /// <summary>A volume goes.</summary>
    public sealed record Delete(int VolumeId) : StoreChange(VolumeId)
    {
        /// <inheritdoc/>
        public override void Apply(IDictionary<int, ReferenceVolume> volumes) => volumes.Remove(VolumeId);
    }

    /// <summary>A volume gets another name.</summary>
    public sealed record Rename(int VolumeId, string Name) : StoreChange(VolumeId)
    {
        /// <inheritdoc/>
        public override void Apply(IDictionary<int, ReferenceVolume> volumes) => volumes[VolumeId].Name = Name;
    }

    /// <summary>A volume gets another size.</summary>
    public sealed record Resize(int VolumeId, long Size) : StoreChange(VolumeId)
    {
        /// <inheritdoc/>
        public override void Apply(IDictionary<int, ReferenceVolume> volumes) => volumes[VolumeId].Resize(Size);
    }

    /// <summary>A volume's new chunks are compressed otherwise.</summary>
    public sealed record SetCompression(int VolumeId, CompressionSetting Compression) : StoreChange(VolumeId)
    {
        /// <inheritdoc/>
        public override void Apply(IDictionary<int, ReferenceVolume> volumes) => volumes[VolumeId].Compression = Compression;
    }

    /// <summary>A group of writes that do not overlap.</summary>
    public sealed record Write(int VolumeId, IReadOnlyList<(long Offset, byte[] Bytes)> Parts) : StoreChange(VolumeId)
    {
        /// <inheritdoc/>
        public override bool IsDurable => false;

        /// <inheritdoc/>
        public override bool MayBeSplit => Parts.Sum(part => part.Bytes.LongLength) > LargestBatch;

        /// <inheritdoc/>
        public override void Apply(IDictionary<int, ReferenceVolume> volumes)
        {
            foreach ((long offset, byte[] bytes) in Parts)
            {
                volumes[VolumeId].Write(offset, bytes);
            }
        }

        /// <summary>The places, not the bytes.</summary>
        public override string ToString() =>
            $"Write to {VolumeId}: {string.Join(", ", Parts.Select(part => $"{part.Offset}+{part.Bytes.Length}"))}";
    }

    /// <summary>A trim or write-zeroes.</summary>
    public sealed record Zero(int VolumeId, long Offset, long Length) : StoreChange(VolumeId)
    {
        /// <inheritdoc/>
        public override bool IsDurable => false;

        /// <inheritdoc/>
        public override void Apply(IDictionary<int, ReferenceVolume> volumes) => volumes[VolumeId].Zero(Offset, Length);
    }
}
