namespace Voe.Server.Aoe.Link;

/// <summary>An interface cannot be used for AoE. The message says which, why, and what to do.</summary>
internal sealed class LinkException(string message, Exception? cause = null) : Exception(message, cause);
