using Voe.Admin.Commands;

namespace Voe.Admin;

/// <summary>Commands for one store, whoever has it open: this process, or a server behind its admin socket. One thread at a time.</summary>
public interface IStoreAdmin : IDisposable
{
    /// <summary>Does a command and returns its reply: what it changed is durable then.</summary>
    /// <exception cref="AdminException">It was not done; what it had begun is undone.</exception>
    TReply Invoke<TRequest, TReply>(AdminCommand<TRequest, TReply> command, TRequest request, AdminSession session)
        where TRequest : class
        where TReply : class;
}

/// <summary>How far a command is.</summary>
/// <param name="Operation">What it does at the moment, in words.</param>
/// <param name="Done">Bytes done.</param>
/// <param name="Total">Bytes in all; 0 when nobody knows.</param>
public sealed record AdminProgress(string Operation, long Done, long Total);

/// <summary>What surrounds one command while it runs: its streams, who watches it, who may end it.</summary>
public sealed class AdminSession
{
    /// <summary>A command that nobody watches and nothing ends.</summary>
    public static AdminSession Plain { get; } = new();

    /// <summary>What the caller sends along, for commands that take a stream.</summary>
    public IBlockInput? Input { get; init; }

    /// <summary>Where the stream goes that the command gives, if it gives one.</summary>
    public IBlockOutput? Output { get; init; }

    /// <summary>Told how far the command is, often; or null.</summary>
    public Action<AdminProgress>? Progress { get; init; }

    /// <summary>Cancelled when the caller gives up, or the server stops.</summary>
    public CancellationToken Cancellation { get; init; }

    /// <summary>Asked between steps: throws when the caller is gone; or null.</summary>
    public Action? RequireCaller { get; init; }

    /// <summary>Says how far the command is, and ends it when nobody waits for it any more.</summary>
    /// <exception cref="OperationCanceledException">The caller has given up.</exception>
    /// <exception cref="AdminException">The caller is gone.</exception>
    public void Report(string operation, long done, long total)
    {
        Cancellation.ThrowIfCancellationRequested();
        RequireCaller?.Invoke();
        Progress?.Invoke(new AdminProgress(operation, done, total));
    }
}

/// <summary>A stream of blocks on its way to a command. One thread at a time.</summary>
public interface IBlockInput
{
    /// <summary>What the sender says of the whole stream. Only after <see cref="Read"/> returned 0.</summary>
    BlockStreamEnd End { get; }

    /// <summary>Puts the next block into <paramref name="buffer"/>. They come in ascending order, with gaps that are zeroes.</summary>
    /// <param name="buffer">At least <see cref="Images.ImageDigest.BlockSize"/> bytes.</param>
    /// <param name="offset">Where in the stream the block begins.</param>
    /// <returns>How many bytes; 0 at the end.</returns>
    int Read(Span<byte> buffer, out long offset);
}

/// <summary>Where a command's stream of blocks goes. One thread at a time.</summary>
public interface IBlockOutput
{
    /// <summary>Takes a block; they come in ascending order, with gaps that are zeroes. Waits while the receiver has no room.</summary>
    void Write(long offset, ReadOnlySpan<byte> data);
}

/// <summary>What the sender of a stream says at its end.</summary>
/// <param name="Size">Length of the stream in bytes, gaps included.</param>
/// <param name="Digest">Its content: <see cref="Images.ImageDigest"/>.</param>
public sealed record BlockStreamEnd(long Size, string Digest);
