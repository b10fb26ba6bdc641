using Voe.Store.Devices;

namespace Voe.Server.Hosting;

/// <summary>A service at which clients arrive: what it listens at is in the line that says that the server is ready.</summary>
internal interface IFrontDoor
{
    /// <summary>Where clients find it, such as <c>nbd://127.0.0.1:10809</c>; known once it has started.</summary>
    IReadOnlyList<string> Addresses { get; }

    /// <summary>What they find there at its start, such as <c>2 volumes</c>.</summary>
    string Summary { get; }

    /// <summary>How many clients there are.</summary>
    int ConnectionCount { get; }

    /// <summary>How many of them have a device attached that <paramref name="isMeant"/> is true of.</summary>
    int CountConnections(Predicate<IBlockDevice> isMeant);

    /// <summary>Ends the connections of these clients, after the requests in flight; does not wait for that.</summary>
    void Disconnect(Predicate<IBlockDevice> isMeant);
}
