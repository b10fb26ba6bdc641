namespace Voe.Store;

/// <summary>An operation that is running: while it is, the engine stays.</summary>
/// <param name="gate">The gate that it went through.</param>
/// <param name="engine">The engine.</param>
internal readonly struct StoreOperation(OperationGate gate, StoreEngine engine) : IDisposable
{
    /// <summary>The engine.</summary>
    public StoreEngine Engine => engine;

    /// <summary>Ends it.</summary>
    public void Dispose() => gate.Exit();
}
