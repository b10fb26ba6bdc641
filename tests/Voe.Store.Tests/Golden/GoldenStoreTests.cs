using System.Runtime.CompilerServices;
using Voe.Store.Packs;
using Voe.Store.Volumes;
using Voe.Testing;

namespace Voe.Store.Tests.Golden;

/// <summary>Stores of format version 1, kept for ever: what was once written stays readable, and is still written so.</summary>
public sealed class GoldenStoreTests
{
    [Theory]
    [InlineData("store-v1.zip")]
    [InlineData("store-v1-raw.zip")]
    public void A_store_of_version_1_opens_and_holds_what_it_held(string name)
    {
        using var index = new TemporaryDirectory(inMemory: true);
        using VoeStore store = VoeStore.Open(GoldenStore.ToDisk(GoldenStore.Load(name)).Root, index.Path, GoldenStore.Options);
        Assert.InRange(store.Recovery.CutBytes, 1, 8192);
        Assert.Equal(GoldenStore.LoadDescription(), store.Volumes.Select(Describe).ToArray());
    }

    [Fact]
    public void A_stranger_who_knows_the_format_page_alone_reads_the_same()
    {
        StrangerReader compressed = StrangerReader.Read(GoldenStore.Load("store-v1.zip"));
        StrangerReader raw = StrangerReader.Read(GoldenStore.Load("store-v1-raw.zip"));
        Assert.Equal(Contents(GoldenStore.LoadDescription()), Contents(compressed));
        Assert.Equal(Contents(GoldenStore.LoadDescription()), Contents(raw));

        // The store shows all that version 1 writes.
        Assert.Equal<byte>([0, 1, 2], compressed.Codecs);
        Assert.Equal<byte>([0], raw.Codecs);
        Assert.Equal<byte>([1, 2, 4, 6, 7], compressed.Kinds);
        Assert.True(raw.Packs.Sealed >= 2 && raw.Packs.All == raw.Packs.Sealed + 1, raw.Packs.ToString());
        Assert.True(compressed.Packs.Sealed >= 1 && compressed.Packs.All == compressed.Packs.Sealed + 1, compressed.Packs.ToString());
        Assert.InRange(raw.TornBytes, 1, 8192);
    }

    [Fact]
    public void The_same_operations_write_the_same_bytes()
    {
        SortedDictionary<string, byte[]> golden = GoldenStore.Load("store-v1-raw.zip");
        SortedDictionary<string, byte[]> made = GoldenStore.Make(isRaw: true);
        Assert.Equal(golden.Keys.ToArray(), made.Keys.ToArray());
        foreach (string path in golden.Keys)
        {
            // A footer's body is compressed, and need not be so by the same library: the stranger compares what is in it.
            Assert.True(
                WithoutFooter(golden[path]).SequenceEqual(WithoutFooter(made[path])),
                $"{path}: byte {WithoutFooter(golden[path]).CommonPrefixLength(WithoutFooter(made[path]))} differs");
        }

        Assert.Equal(Contents(GoldenStore.LoadDescription()), Contents(StrangerReader.Read(made)));
    }

    [Fact]
    public void The_same_operations_give_the_same_volumes_when_chunks_are_compressed() =>
        Assert.Equal(Contents(GoldenStore.LoadDescription()), Contents(StrangerReader.Read(GoldenStore.Make(isRaw: false))));

    [Fact(Explicit = true)]
    public void Golden_files_are_made_anew() => Regenerate();

    private static void Regenerate([CallerFilePath] string thisFile = "")
    {
        string folder = Path.GetDirectoryName(thisFile)!;
        SortedDictionary<string, byte[]> compressed = GoldenStore.Make(isRaw: false);
        File.WriteAllBytes(Path.Combine(folder, "store-v1.zip"), GoldenStore.Zip(compressed));
        File.WriteAllBytes(Path.Combine(folder, "store-v1-raw.zip"), GoldenStore.Zip(GoldenStore.Make(isRaw: true)));
        using var index = new TemporaryDirectory(inMemory: true);
        using VoeStore store = VoeStore.Open(GoldenStore.ToDisk(compressed).Root, index.Path, GoldenStore.Options);
        File.WriteAllLines(Path.Combine(folder, "store-v1.txt"), store.Volumes.Select(Describe));
    }

    private static string Describe(Volume volume) => GoldenStore.Describe(volume.Name, volume.ChunkSize, GoldenStore.ReadAll(volume));

    // Without the chunk size, which the stranger's volumes do not tell.
    private static string[] Contents(string[] description) =>
        [.. description.Select(static line => line.Split(' ')).Select(static parts => $"{parts[0]} {parts[1]} {parts[3]}")];

    private static string[] Contents(StrangerReader reader) => Contents(
        [.. reader.Volumes.OrderBy(static volume => volume.Key, StringComparer.Ordinal)
            .Select(static volume => GoldenStore.Describe(volume.Key, 0, volume.Value))]);

    private static ReadOnlySpan<byte> WithoutFooter(byte[] file) =>
        PackFooter.TryRead(file.AsSpan(Math.Max(0, file.Length - PackFooter.Size)), out PackFooter footer, out _)
            ? file.AsSpan(0, (int)footer.DataEnd)
            : file;
}
