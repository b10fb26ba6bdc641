using Voe.Store.IO;
using Voe.Store.Log;
using Voe.Store.Packs;

namespace Voe.Store.Repair;

/// <summary>
/// Writes the new file of a pack beside the old one, makes it durable, and renames it over the old one: at any moment one of the
/// two is there whole. The new one is sealed.
/// </summary>
internal sealed class PackRewriter(IStorageDirectory packs, Superblock superblock)
{
    private const int CopySize = 1 << 20;
    private const string NewSuffix = ".new";
    private readonly byte[] _buffer = GC.AllocateUninitializedArray<byte>(CopySize);

    /// <summary>Writes what the plan says. Durable on return.</summary>
    public void Write(PackPlan plan)
    {
        string name = PackSet.FileName(plan.Id) + NewSuffix;
        packs.DeleteFile(name);
        using (IStorageFile target = packs.CreateFile(name))
        {
            WriteHeader(plan, target);
            CopyBatches(plan, target);
            Seal(plan, target);
            target.SyncData();
        }

        packs.RenameFile(name, PackSet.FileName(plan.Id));
        packs.Sync();
    }

    private void WriteHeader(PackPlan plan, IStorageFile target)
    {
        byte[] bytes = new byte[PackHeader.Size];
        new PackHeader(superblock.HashAlgorithm, superblock.StoreId, plan.Id, plan.Start.Link, plan.Start.LastLsn + 1, plan.Start.LastLsn)
            .Write(bytes);
        target.Write(bytes, 0);
    }

    private void CopyBatches(PackPlan plan, IStorageFile target)
    {
        if (plan.Own is not null)
        {
            Copy(plan.Own, target, PackHeader.Size, plan.EndOffset - PackHeader.Size);
        }

        if (target.Length < plan.EndOffset)
        {
            target.SetLength(plan.EndOffset);
        }

        foreach (PackPatch patch in plan.Patches)
        {
            if (patch.Bytes is { } bytes)
            {
                target.Write(bytes, patch.Offset);
            }
            else if (patch.Source is { } source)
            {
                Copy(source, target, patch.Offset, patch.Length);
            }
            else
            {
                WriteZeroes(target, patch.Offset, patch.Length);
            }
        }
    }

    private void Copy(PackSource source, IStorageFile target, long offset, long length)
    {
        using RescueFile file = source.Open();
        while (length > 0)
        {
            int read = file.Read(_buffer.AsSpan(0, (int)Math.Min(length, CopySize)), offset);
            if (read == 0)
            {
                return;
            }

            target.Write(_buffer.AsSpan(0, read), offset);
            offset += read;
            length -= read;
        }
    }

    private void WriteZeroes(IStorageFile target, long offset, long length)
    {
        while (length > 0)
        {
            int count = (int)Math.Min(length, CopySize);
            _buffer.AsSpan(0, count).Clear();
            target.Write(_buffer.AsSpan(0, count), offset);
            offset += count;
            length -= count;
        }
    }

    private static void Seal(PackPlan plan, IStorageFile target)
    {
        if (plan.EndOffset == PackHeader.Size)
        {
            return; // no batch: the pack goes on being written
        }

        var pack = new OpenPack(plan.Id, target, plan.Start.LastLsn + 1, plan.Start.Link)
        {
            End = plan.EndOffset,
            LastLsn = plan.End.LastLsn,
        };
        (byte[] body, PackFooter footer) = FooterBuilder.Build(pack);
        byte[] trailer = new byte[PackFooter.Size];
        footer.Write(trailer);
        target.Write([body.AsMemory(0, footer.BodyLength), trailer], plan.EndOffset);
    }
}
