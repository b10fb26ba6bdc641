namespace Voe.Server.Hosting;

/// <summary>A service at which clients arrive: what it listens at is in the line that says that the server is ready.</summary>
internal interface IFrontDoor
{
    /// <summary>Where clients find it: texts such as <c>nbd://127.0.0.1:10809 (2 volumes)</c>; known once it has started.</summary>
    IReadOnlyList<string> Addresses { get; }
}
