using System.Globalization;
using System.Security.Cryptography;
using Voe.Testing;

namespace Voe.Conformance.Tests.Nbd;

/// <summary>The clients that people use, over TLS, with the certificates that docs/protocols.md says how to make.</summary>
public sealed class TlsToolTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new(inMemory: true);
    private readonly ServerProcess _server;
    private readonly string _pki;

    public TlsToolTests()
    {
        _pki = Path.Combine(_directory.Path, "pki");
        string page = File.ReadAllText(Path.Combine(RepositoryRoot(), "docs", "protocols.md"));
        int start = page.IndexOf("mkdir pki", StringComparison.Ordinal);
        string script = page[start..page.IndexOf("```", start, StringComparison.Ordinal)];
        ExternalTool.Run("bash", "-c", $"set -e; cd '{_directory.Path}'; {script}");
        _server = ServerProcess.Start(
            Path.Combine(_directory.Path, "store"), "--volume", "disk0=16MiB", "--nbd", "127.0.0.1:0",
            "--tls-certificate", Path.Combine(_pki, "server-cert.pem"), "--tls-key", Path.Combine(_pki, "server-key.pem"),
            "--tls-client-ca", Path.Combine(_pki, "ca-cert.pem"), "--tls-required");
    }

    private string Address =>
        string.Create(CultureInfo.InvariantCulture, $"nbds://localhost:{_server.Port}/disk0?tls-certificates={_pki}");

    private string[] QemuImage =>
    [
        "--object", $"tls-creds-x509,id=tls0,endpoint=client,dir={_pki}", "--image-opts",
        string.Create(CultureInfo.InvariantCulture, $"driver=nbd,host=localhost,port={_server.Port},export=disk0,tls-creds=tls0"),
    ];

    public void Dispose()
    {
        _server.Dispose();
        _directory.Dispose();
    }

    [Fact]
    public void Nbdinfo_nbdcopy_and_qemu_speak_tls_with_certificates_on_both_sides()
    {
        string original = Path.Combine(_directory.Path, "original");
        string copy = Path.Combine(_directory.Path, "copy");
        byte[] content = [.. RandomNumberGenerator.GetBytes(5 << 20), .. new byte[11 << 20]];
        File.WriteAllBytes(original, content);
        ExternalTool.Run("nbdcopy", "--flush", original, Address);
        ExternalTool.Run("nbdcopy", Address, copy);
        Assert.True(content.AsSpan().SequenceEqual(File.ReadAllBytes(copy)));
        string info = ExternalTool.Run("nbdinfo", Address);
        Assert.Contains("with TLS, using structured packets", info, StringComparison.Ordinal);
        Assert.Contains("hole,zero", ExternalTool.Run("nbdinfo", "--map", Address), StringComparison.Ordinal);
        Assert.Contains("16 MiB", ExternalTool.Run("qemu-img", ["info", .. QemuImage]), StringComparison.Ordinal);
        string printed = ExternalTool.Run(
            "qemu-io", [.. QemuImage, "-c", "write -P 7 100k 3M", "-c", "flush", "-c", "read -P 7 100k 3M", "-c", "read -P 0 12M 1M"]);
        Assert.DoesNotContain("failed", printed, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("\"CN=client\"", _server.Log, StringComparison.Ordinal);
    }

    [Fact]
    public void Client_without_tls_or_without_its_certificate_is_refused()
    {
        const string Script = """
            import os
            def refused(tls, certificates):
                h = nbd.NBD()
                h.set_tls(tls)
                h.set_export_name('disk0')
                if certificates:
                    h.set_tls_certificates(certificates)
                try:
                    h.connect_tcp('localhost', str(PORT))
                    h.pread(1, 0)
                except nbd.Error as error:
                    return
                raise AssertionError('connected: %d %r' % (tls, certificates))

            refused(nbd.TLS_DISABLE, None)
            os.mkdir(PKI + '/other')
            os.link(PKI + '/ca-cert.pem', PKI + '/other/ca-cert.pem')
            refused(nbd.TLS_REQUIRE, PKI + '/other')
            h.set_tls(nbd.TLS_REQUIRE)
            h.set_tls_certificates(PKI)
            h.set_export_name('disk0')
            h.connect_tcp('localhost', str(PORT))
            assert h.get_tls_negotiated() and h.get_structured_replies_negotiated()
            h.pwrite(b'x' * (8 << 20), 0)
            assert h.pread(8 << 20, 0) == b'x' * (8 << 20)
            h.shutdown()
            print('done')
            """;
        string port = _server.Port.ToString(CultureInfo.InvariantCulture);
        Assert.Contains("done", ExternalTool.Run("nbdsh", "-c", $"PORT = {port}; PKI = '{_pki}'", "-c", Script), StringComparison.Ordinal);
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
