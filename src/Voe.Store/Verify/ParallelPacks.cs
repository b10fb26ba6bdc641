using System.Runtime.ExceptionServices;

namespace Voe.Store.Verify;

/// <summary>Hands packs to a few threads.</summary>
internal static class ParallelPacks
{
    /// <summary>
    /// Calls, for each pack once, the action that <paramref name="createWorker"/> made for a thread; returns when all have
    /// returned. After an error no further pack is begun, and the first is thrown.
    /// </summary>
    public static void Run(PackSurvey[] packs, int threads, Func<Action<PackSurvey>> createWorker)
    {
        int next = -1;
        ExceptionDispatchInfo? failure = null;
        var others = new Thread[Math.Clamp(Math.Min(threads, packs.Length), 1, 1024) - 1];
        for (int i = 0; i < others.Length; i++)
        {
            others[i] = new Thread(Work) { Name = "voe-verify", IsBackground = true };
            others[i].Start();
        }

        Work();
        foreach (Thread thread in others)
        {
            thread.Join();
        }

        failure?.Throw();

        void Work()
        {
            try
            {
                Action<PackSurvey> worker = createWorker();
                for (int i = Interlocked.Increment(ref next); i < packs.Length; i = Interlocked.Increment(ref next))
                {
                    worker(packs[i]);
                }
            }
            // The top of a thread.
            catch (Exception e)
            {
                Interlocked.CompareExchange(ref failure, ExceptionDispatchInfo.Capture(e), null);
                Volatile.Write(ref next, packs.Length);
            }
        }
    }
}
