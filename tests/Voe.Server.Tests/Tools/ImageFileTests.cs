using Voe.Admin;
using Voe.Admin.Images;
using Voe.Testing;
using Voe.Tool.Images;

namespace Voe.Server.Tests.Tools;

/// <summary>Images as files: what is left of one that fails, what is read of one that changes.</summary>
public sealed class ImageFileTests : IDisposable
{
    private readonly TemporaryDirectory _directory = new(inMemory: true);

    private string Target => Path.Combine(_directory.Path, "image");

    public void Dispose() => _directory.Dispose();

    [Fact]
    public void An_image_that_is_given_up_leaves_nothing_and_what_was_there_stays()
    {
        using (ImageWriter writer = Open(force: false))
        {
            writer.Write(0, "VoE"u8);
            Assert.Single(Directory.GetFiles(_directory.Path));
        }

        Assert.Empty(Directory.GetFiles(_directory.Path));
        File.WriteAllText(Target, "before");
        using (ImageWriter writer = Open(force: true))
        {
            writer.Write(0, "VoE"u8);
        }

        Assert.Equal([Target], Directory.GetFiles(_directory.Path));
        Assert.Equal("before", File.ReadAllText(Target));
    }

    [Theory]
    [InlineData(3, "V_E")] // a byte is another
    [InlineData(4, "VoE")] // the image is longer
    public void An_image_that_reads_back_otherwise_is_not_taken_for_one(long size, string written)
    {
        var digest = new ImageDigest();
        digest.Add(0, "VoE"u8);
        using (ImageWriter writer = Open(force: false))
        {
            writer.Write(0, System.Text.Encoding.ASCII.GetBytes(written));
            AdminException error = Assert.Throws<AdminException>(
                () => writer.Complete(size, digest.Finish(3), CancellationToken.None));
            Assert.Equal(AdminErrorKind.Verification, error.Kind);
        }

        Assert.Empty(Directory.GetFiles(_directory.Path));
    }

    [Fact]
    public void A_complete_image_is_sparse_where_its_blocks_are_zeroes()
    {
        byte[] block = new byte[ImageDigest.BlockSize];
        block[0] = block[^1] = 1;
        var digest = new ImageDigest();
        digest.Add(7L * block.Length, block);
        using (ImageWriter writer = Open(force: false))
        {
            writer.Write(7L * block.Length, block);
            writer.Complete(20L * block.Length, digest.Finish(20L * block.Length), CancellationToken.None);
        }

        using ImageReader reader = ImageReader.Open(Target, _ => { }, CancellationToken.None);
        byte[] buffer = new byte[block.Length];
        Assert.Equal(block.Length, reader.Read(buffer, out long offset));
        Assert.Equal((7L * block.Length, 0), (offset, reader.Read(buffer, out _)));
        Assert.Equal(new BlockStreamEnd(20L * block.Length, digest.Finish(20L * block.Length)), reader.End);
        string blocks = Run("stat", "-c", "%b", Target);
        Assert.Equal("16", blocks.Trim()); // of 512 bytes: two pages
    }

    [Fact]
    public void A_file_that_becomes_shorter_while_it_is_read_is_an_error()
    {
        byte[] noise = new byte[2 * ImageDigest.BlockSize];
        new Random(1).NextBytes(noise);
        File.WriteAllBytes(Target, noise);
        using ImageReader reader = ImageReader.Open(Target, _ => { }, CancellationToken.None);
        byte[] buffer = new byte[ImageDigest.BlockSize];
        Assert.Equal(buffer.Length, reader.Read(buffer, out _));
        using (var file = new FileStream(Target, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            file.SetLength(buffer.Length + 10);
        }

        AdminException error = Assert.Throws<AdminException>(() => reader.Read(buffer, out _));
        Assert.Contains("became shorter while it was read", error.Message, StringComparison.Ordinal);
    }

    private static string Run(string program, params string[] arguments)
    {
        using var process = System.Diagnostics.Process.Start(
            new System.Diagnostics.ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, UseShellExecute = false })!;
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return output;
    }

    private ImageWriter Open(bool force) => ImageWriter.Open(Target, force, _ => { });
}
