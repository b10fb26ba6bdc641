namespace Voe.Testing;

/// <summary>An empty directory of its own, gone with all its content when disposed.</summary>
public sealed class TemporaryDirectory : IDisposable
{
    /// <summary>Makes one below the system's directory for temporary files, or in memory where there is such a place.</summary>
    public TemporaryDirectory(bool inMemory = false)
    {
        string parent = inMemory && Directory.Exists("/dev/shm") ? "/dev/shm" : System.IO.Path.GetTempPath();
        Path = System.IO.Path.Combine(parent, "voe-test-" + Guid.NewGuid().ToString("N"));
        Directory.CreateDirectory(Path);
    }

    /// <summary>Its absolute path.</summary>
    public string Path { get; }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Directory.Exists(Path))
        {
            Directory.Delete(Path, recursive: true);
        }
    }
}
