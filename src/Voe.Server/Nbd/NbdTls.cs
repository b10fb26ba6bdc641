using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Voe.Server.Nbd;

/// <summary>TLS as it is configured: files in PEM form, and what is asked of clients.</summary>
internal sealed record NbdTlsOptions
{
    /// <summary>The server's certificate, and behind it those of intermediate authorities, if any. Empty for no TLS.</summary>
    public string CertificateFile { get; init; } = "";

    /// <summary>The certificate's private key, without a passphrase.</summary>
    public string KeyFile { get; init; } = "";

    /// <summary>Certificates of authorities one of which must have signed a client's certificate; empty if clients need none.</summary>
    public string ClientCaFile { get; init; } = "";

    /// <summary>Whether clients that do not speak TLS are refused.</summary>
    public bool IsRequired { get; init; }
}

/// <summary>TLS cannot be had as configured. The message says what is wrong with which file.</summary>
internal sealed class NbdTlsException(string message, Exception? cause = null) : Exception(message, cause);

/// <summary>The certificates that TLS is spoken with. Immutable; safe from many threads.</summary>
internal sealed class NbdTls : IDisposable
{
    private const string CertificateHead = "-----BEGIN CERTIFICATE-----";

    private readonly X509Certificate2Collection _chain;
    private readonly X509Certificate2Collection? _clientAuthorities;
    private readonly X509Certificate2 _certificate;
    private readonly SslStreamCertificateContext _context;

    private NbdTls(
        X509Certificate2 certificate, X509Certificate2Collection chain, X509Certificate2Collection? clientAuthorities, bool isRequired)
    {
        _certificate = certificate;
        _chain = chain;
        _clientAuthorities = clientAuthorities;
        _context = SslStreamCertificateContext.Create(certificate, [.. chain.Skip(1)], offline: true);
        IsRequired = isRequired;
    }

    /// <summary>Whether nothing but STARTTLS is answered before TLS.</summary>
    public bool IsRequired { get; }

    /// <summary>Whose certificate it is.</summary>
    public string Subject => _certificate.Subject;

    /// <summary>When it expires.</summary>
    public DateTimeOffset Expires => new(_certificate.NotAfter.ToUniversalTime());

    /// <summary>Whether clients must have a certificate.</summary>
    public bool AsksForCertificate => _clientAuthorities is not null;

    /// <summary>Reads the files; null when no certificate is configured.</summary>
    /// <exception cref="NbdTlsException">A file cannot be read, or is not what it should be.</exception>
    public static NbdTls? Load(NbdTlsOptions options)
    {
        if (options.CertificateFile.Length == 0)
        {
            return null;
        }

        X509Certificate2Collection chain = LoadCertificates("TLS certificate", options.CertificateFile);
        string key = ReadText("TLS key", options.KeyFile);
        if (key.Contains("ENCRYPTED", StringComparison.Ordinal))
        {
            throw new NbdTlsException(
                $"TLS key {options.KeyFile}: it has a passphrase, which nobody is there to type: write one without by \"openssl pkey\"");
        }

        if (!key.Contains("PRIVATE KEY-----", StringComparison.Ordinal))
        {
            throw new NbdTlsException($"TLS key {options.KeyFile}: there is no private key in PEM form (-----BEGIN PRIVATE KEY-----)");
        }

        try
        {
            return new NbdTls(
                X509Certificate2.CreateFromPem(chain[0].ExportCertificatePem(), key),
                chain,
                options.ClientCaFile.Length == 0 ? null : LoadCertificates("TLS client CA", options.ClientCaFile),
                options.IsRequired);
        }
        catch (Exception failure) when (failure is CryptographicException or ArgumentException)
        {
            throw new NbdTlsException(
                $"TLS key {options.KeyFile}: it is damaged, or not the key of the certificate in {options.CertificateFile}: "
                + failure.Message,
                failure);
        }
    }

    /// <summary>What a server's side of a TLS handshake needs; for one connection.</summary>
    public SslServerAuthenticationOptions CreateOptions() => new()
    {
        ServerCertificateContext = _context,
        ClientCertificateRequired = AsksForCertificate,
        CertificateChainPolicy = AsksForCertificate ? CreateChainPolicy() : null,
        CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
        AllowRenegotiation = false,

        // What the specification asks for (proto.md, "TLS versions"), whatever the machine's defaults are.
#pragma warning disable CA5398
        EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
#pragma warning restore CA5398
    };

    /// <inheritdoc/>
    public void Dispose()
    {
        _certificate.Dispose();
        foreach (X509Certificate2 certificate in _chain.Concat(_clientAuthorities ?? []))
        {
            certificate.Dispose();
        }
    }

    private static X509Certificate2Collection LoadCertificates(string what, string path)
    {
        string text = ReadText(what, path);
        if (!text.Contains(CertificateHead, StringComparison.Ordinal))
        {
            throw new NbdTlsException($"{what} {path}: there is no certificate in PEM form ({CertificateHead})");
        }

        try
        {
            var certificates = new X509Certificate2Collection();
            certificates.ImportFromPem(text);
            return certificates.Count > 0
                ? certificates
                : throw new NbdTlsException($"{what} {path}: its first certificate is cut off, or not in PEM form");
        }
        catch (CryptographicException failure)
        {
            throw new NbdTlsException($"{what} {path}: a certificate in it is damaged: {failure.Message}", failure);
        }
    }

    private static string ReadText(string what, string path)
    {
        try
        {
            return File.ReadAllText(path);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new NbdTlsException($"{what} {path}: cannot be read: {failure.Message}", failure);
        }
    }

    private X509ChainPolicy CreateChainPolicy()
    {
        var policy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck,
            DisableCertificateDownloads = true,
        };
        policy.CustomTrustStore.AddRange(_clientAuthorities!);
        return policy;
    }
}
