namespace Voe.Store.Tests;

public sealed class OperationGateTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(60);

    [Fact]
    public void The_closer_waits_for_those_inside()
    {
        var gate = new OperationGate();
        gate.Enter();
        gate.Enter();
        bool isClosed = false;
        using Running closer = Running.Start(() =>
        {
            gate.Close();
            Volatile.Write(ref isClosed, true);
        });
        closer.WaitUntilBlocked();
        Assert.False(Volatile.Read(ref isClosed));
        gate.Exit();
        Assert.False(Volatile.Read(ref isClosed)); // one is still inside
        gate.Exit();
        closer.Join();
        Assert.True(isClosed);
    }

    [Fact]
    public void Nobody_enters_while_it_is_closed()
    {
        var gate = new OperationGate();
        gate.Close();
        int entered = 0;
        Running[] enterers = [.. Enumerable.Range(0, 4).Select(_ => Running.Start(() =>
        {
            gate.Enter();
            Interlocked.Increment(ref entered);
            gate.Exit();
        }))];
        Array.ForEach(enterers, static enterer => enterer.WaitUntilBlocked());
        Assert.Equal(0, Volatile.Read(ref entered));
        gate.Open();
        Array.ForEach(enterers, static enterer => enterer.Join());
        Assert.Equal(4, entered);
    }

    [Fact]
    public void Two_closers_at_one_time_are_a_bug()
    {
        var gate = new OperationGate();
        gate.Close();
        Assert.Throws<InvariantException>(gate.Close);
        gate.Open();
        gate.Enter();
        gate.Exit();
        gate.Close();
    }

    [Fact]
    public void However_threads_come_and_go_the_closer_is_alone()
    {
        var gate = new OperationGate();
        int inside = 0;
        bool isDone = false;
        Running[] operators = [.. Enumerable.Range(0, 3).Select(_ => Running.Start(() =>
        {
            while (!Volatile.Read(ref isDone))
            {
                gate.Enter();
                Interlocked.Increment(ref inside);
                Interlocked.Decrement(ref inside);
                gate.Exit();
            }
        }))];
        for (int i = 0; i < 500; i++)
        {
            gate.Close();
            Assert.Equal(0, Volatile.Read(ref inside));
            gate.Open();
        }

        Volatile.Write(ref isDone, true);
        Array.ForEach(operators, static thread => thread.Join());
    }

    /// <summary>A thread whose exception its test sees.</summary>
    private sealed class Running : IDisposable
    {
        private readonly Thread _thread;
        private Exception? _error;

        private Running(Action action) => _thread = new Thread(() =>
        {
            try
            {
                action();
            }
            catch (Exception exception)
            {
                _error = exception;
            }
        })
        { IsBackground = true };

        public static Running Start(Action action)
        {
            var running = new Running(action);
            running._thread.Start();
            return running;
        }

        /// <summary>Returns when the thread waits for something.</summary>
        public void WaitUntilBlocked() =>
            Assert.True(SpinWait.SpinUntil(() => _thread.ThreadState.HasFlag(ThreadState.WaitSleepJoin), Limit));

        public void Join()
        {
            Assert.True(_thread.Join(Limit));
            Assert.Null(_error);
        }

        public void Dispose() => Join();
    }
}
