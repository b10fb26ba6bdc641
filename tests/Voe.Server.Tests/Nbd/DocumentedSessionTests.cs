using Voe.Testing;

namespace Voe.Server.Tests.Nbd;

/// <summary>The example of docs/protocols.md, played against a server: the document and the code say the same bytes.</summary>
public sealed class DocumentedSessionTests
{
    [Fact]
    public void Documented_session_happens_byte_by_byte_as_it_is_documented()
    {
        string[] lines = [.. File.ReadLines(Path.Combine(RepositoryRoot(), "docs", "protocols.md"))
            .Where(line => line.StartsWith("S ", StringComparison.Ordinal) || line.StartsWith("C ", StringComparison.Ordinal))];
        Assert.True(lines.Length > 15);
        using var server = new TestServer(("disk0", new MemoryDevice(1 << 20)));
        using var client = new NbdClient(server.Unix);
        foreach (string line in lines)
        {
            byte[] bytes = Convert.FromHexString(string.Concat(line[2..].Split("  ")[0].Split(' ')));
            if (line[0] == 'C')
            {
                client.Send(bytes);
            }
            else
            {
                Assert.Equal(Convert.ToHexString(bytes), Convert.ToHexString(client.Receive(bytes.Length)));
            }
        }

        Assert.True(client.IsClosedByServer());
    }

    private static string RepositoryRoot()
    {
        DirectoryInfo? directory = new(AppContext.BaseDirectory);
        while (directory is not null && !File.Exists(Path.Combine(directory.FullName, "Voe.sln")))
        {
            directory = directory.Parent;
        }

        return directory?.FullName ?? throw new DirectoryNotFoundException("there is no Voe.sln above the tests");
    }
}
