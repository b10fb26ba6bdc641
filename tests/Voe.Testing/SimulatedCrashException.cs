namespace Voe.Testing;

/// <summary>
/// The simulated process is dead: thrown where it died and by every call after. Deliberately no StoreException, since
/// nothing in the engine may handle it as an error of the medium.
/// </summary>
public sealed class SimulatedCrashException(string message) : Exception(message);
