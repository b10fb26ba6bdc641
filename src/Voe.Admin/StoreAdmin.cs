using Voe.Admin.Protocol;
using Voe.Store;

namespace Voe.Admin;

/// <summary>Finds out who has a store open: commands go to the server that does, else the store is opened.</summary>
public static class StoreAdmin
{
    /// <summary>Commands for the store in a directory.</summary>
    /// <param name="directory">The store's directory.</param>
    /// <param name="options">How to open it where no server has it open.</param>
    /// <exception cref="StoreException">It cannot be opened.</exception>
    /// <exception cref="AdminException">The server that has it open cannot be talked to.</exception>
    public static IStoreAdmin Open(string directory, StoreOptions options)
    {
        if (Connect(directory, options) is { } remote)
        {
            return remote;
        }

        try
        {
            return new DirectAdmin(VoeStore.Open(directory, options), directory, options);
        }
        catch (StoreLockedException e)
        {
            // A server that started in between?
            return Connect(directory, options) ?? throw new StoreLockedException(
                $"the store is in use: {e.Message}; it does not answer at {AdminSocket.FileName}: if it is starting or stopping, try "
                + "again, else stop it");
        }
    }

    private static RemoteAdmin? Connect(string directory, StoreOptions options) =>
        RemoteAdmin.TryConnect(directory, new AdminLimits(), options.Clock);
}
