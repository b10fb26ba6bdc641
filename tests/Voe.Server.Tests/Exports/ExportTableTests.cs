using Voe.Server.Exports;
using Voe.Testing;

namespace Voe.Server.Tests.Exports;

public sealed class ExportTableTests
{
    private readonly ExportTable _table = new();

    private static Export Named(string name) => new(name, new MemoryDevice(512), "");

    [Fact]
    public void Name_that_is_taken_stays_with_its_first_export()
    {
        Export first = Named("a");
        Assert.True(_table.TryAdd(first));
        Assert.False(_table.TryAdd(Named("a")));
        Assert.True(_table.TryFind("a", out Export? found));
        Assert.Same(first, found);
    }

    [Fact]
    public void Exports_are_listed_in_ordinal_order()
    {
        foreach (string name in new[] { "b", "B", "a", "a.1" })
        {
            _table.TryAdd(Named(name));
        }

        Assert.Equal("B a a.1 b", string.Join(' ', _table.All.Select(export => export.Name)));
    }

    [Fact]
    public void Default_export_exists_only_while_there_is_one_export()
    {
        Assert.False(_table.TryFind("", out _));
        _table.TryAdd(Named("a"));
        Assert.True(_table.TryFind("", out Export? only));
        Assert.Equal("a", only.Name);
        _table.TryAdd(Named("b"));
        Assert.False(_table.TryFind("", out _));
        Assert.True(_table.TryRemove("a"));
        Assert.False(_table.TryRemove("a"));
        Assert.True(_table.TryFind("", out only));
        Assert.Equal("b", only.Name);
        Assert.Equal(1, _table.Count);
    }
}
