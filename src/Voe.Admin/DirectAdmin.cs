using Voe.Admin.Commands;
using Voe.Store;

namespace Voe.Admin;

/// <summary>Commands for a store that this process has open.</summary>
public sealed class DirectAdmin : IStoreAdmin
{
    private readonly AdminContext _context;

    /// <summary>Commands for a store, which is closed with this object.</summary>
    public DirectAdmin(VoeStore store, string path, StoreOptions options) =>
        _context = new AdminContext(store, path, options, serving: null);

    /// <inheritdoc/>
    public TReply Invoke<TRequest, TReply>(AdminCommand<TRequest, TReply> command, TRequest request, AdminSession session)
        where TRequest : class
        where TReply : class => command.Run(_context, request, session);

    /// <inheritdoc/>
    public void Dispose() => _context.Store.Dispose();
}
