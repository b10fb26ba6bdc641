namespace Voe.Store.Tests.Index;

/// <summary>A directory of its own, deleted in the end.</summary>
internal sealed class TempDirectory : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("voe-index-").FullName;

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
