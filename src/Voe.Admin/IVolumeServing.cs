using Voe.Admin.Commands;
using Voe.Store.Volumes;

namespace Voe.Admin;

/// <summary>
/// What a server does with the volumes of the store that it has open, seen from the commands that change them. Safe from
/// many threads; changes come one at a time.
/// </summary>
public interface IVolumeServing
{
    /// <summary>Whether nothing may be changed.</summary>
    bool IsReadOnly { get; }

    /// <summary>The server as it is now.</summary>
    ServerStatus GetStatus();

    /// <summary>Whether clients find something else under that name than the volume of that name.</summary>
    bool IsTakenByOther(string name);

    /// <summary>Where the server's configuration names the volume, which then is neither renamed nor deleted; null if nowhere.</summary>
    string? NamedBy(Volume volume);

    /// <summary>Clients that have the volume attached, under whatever name they found it.</summary>
    int CountConnections(Volume volume);

    /// <summary>Serves a volume from now on.</summary>
    void Add(Volume volume);

    /// <summary>The volume, until now found under <paramref name="name"/>, has another name, size or setting. Clients keep it.</summary>
    void Change(string name, Volume volume);

    /// <summary>The volume is not found any more; clients that have it attached keep it.</summary>
    void Withdraw(Volume volume);

    /// <summary>Undoes <see cref="Withdraw"/>.</summary>
    void Restore(Volume volume);

    /// <summary>Under all names under which <paramref name="withdrawn"/> was found, another volume is from now on.</summary>
    void Replace(Volume withdrawn, Volume replacement);

    /// <summary>The AoE targets, those of the store and of the server's configuration, by address.</summary>
    IReadOnlyList<TargetInfo> GetTargets();

    /// <summary>The AoE targets of the store are others now.</summary>
    void TargetsChanged();

    /// <summary>Ends the connections of clients that have a volume attached that was withdrawn; does not wait.</summary>
    void Disconnect(Volume withdrawn);
}
