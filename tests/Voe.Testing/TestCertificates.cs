using System.Net;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Voe.Testing;

/// <summary>
/// An authority with a certificate for a server at localhost and one for a client, as files in PEM form under the names that
/// libnbd and QEMU look for.
/// </summary>
public sealed class TestCertificates : IDisposable
{
    private static readonly Oid ServerUse = new("1.3.6.1.5.5.7.3.1");
    private static readonly Oid ClientUse = new("1.3.6.1.5.5.7.3.2");

    private readonly TemporaryDirectory _directory = new();
    private readonly X509Certificate2 _authority;
    private readonly X509Certificate2 _client;

    /// <summary>Makes all of them anew.</summary>
    /// <param name="validDays">For how many days from yesterday on the server's certificate holds.</param>
    public TestCertificates(int validDays = 100)
    {
        using var authorityKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=VoE test authority", authorityKey, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, critical: true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        DateTimeOffset yesterday = TimeProvider.System.GetUtcNow().AddDays(-1);
        _authority = request.CreateSelfSigned(yesterday, yesterday.AddDays(1000));
        File.WriteAllText(AuthorityFile, _authority.ExportCertificatePem());
        using X509Certificate2 server = Issue("CN=localhost", ServerUse, yesterday, yesterday.AddDays(validDays));
        Write(server, CertificateFile, KeyFile);
        _client = Issue("CN=test client", ClientUse, yesterday, yesterday.AddDays(100));
        Write(_client, Path.Combine(Directory, "client-cert.pem"), Path.Combine(Directory, "client-key.pem"));
    }

    /// <summary>Where the files are.</summary>
    public string Directory => _directory.Path;

    /// <summary>The authority's certificate.</summary>
    public string AuthorityFile => Path.Combine(Directory, "ca-cert.pem");

    /// <summary>The server's certificate.</summary>
    public string CertificateFile => Path.Combine(Directory, "server-cert.pem");

    /// <summary>The server's private key.</summary>
    public string KeyFile => Path.Combine(Directory, "server-key.pem");

    /// <summary>What a client of this authority needs to speak TLS.</summary>
    /// <param name="protocol">The version; None for whatever there is.</param>
    /// <param name="withCertificate">Whether it has a certificate.</param>
    public SslClientAuthenticationOptions ClientOptions(SslProtocols protocol = SslProtocols.None, bool withCertificate = false)
    {
        var policy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck };
        policy.CustomTrustStore.Add(_authority);
        return new SslClientAuthenticationOptions
        {
            TargetHost = "localhost",
            EnabledSslProtocols = protocol,
            CertificateChainPolicy = policy,
            ClientCertificates = withCertificate ? [_client] : [],
            LocalCertificateSelectionCallback = withCertificate ? (_, _, _, _, _) => _client : null,
        };
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _authority.Dispose();
        _client.Dispose();
        _directory.Dispose();
    }

    private static void Write(X509Certificate2 certificate, string certificateFile, string keyFile)
    {
        File.WriteAllText(certificateFile, certificate.ExportCertificatePem());
        using ECDsa key = certificate.GetECDsaPrivateKey()!;
        File.WriteAllText(keyFile, key.ExportPkcs8PrivateKeyPem());
    }

    private X509Certificate2 Issue(string subject, Oid use, DateTimeOffset notBefore, DateTimeOffset notAfter)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(subject, key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, critical: true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([use], critical: false));
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        byte[] serial = RandomNumberGenerator.GetBytes(8);
        serial[0] &= 0x7f;
        using X509Certificate2 certificate = request.Create(_authority, notBefore, notAfter, serial);
        return certificate.CopyWithPrivateKey(key);
    }
}
