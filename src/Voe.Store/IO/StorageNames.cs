namespace Voe.Store.IO;

/// <summary>What a name in an <see cref="IStorageDirectory"/> may be.</summary>
internal static class StorageNames
{
    /// <summary>Throws unless the name is a plain one: 1 to 255 characters, none a separator or NUL, and no step up the tree.</summary>
    /// <exception cref="ArgumentException">It is not; names are made by the program, so this is a bug.</exception>
    public static void Require(string name)
    {
        if (name.Length is 0 or > 255 || name is "." or ".." || name.AsSpan().ContainsAny('/', '\0'))
        {
            throw new ArgumentException($"'{name}' is no plain file name", nameof(name));
        }
    }
}
