using Voe.Server.Nbd;

namespace Voe.Server.Tests.Nbd;

public sealed class EndPointTests
{
    [Theory]
    [InlineData("127.0.0.1:10809", "nbd://127.0.0.1:10809", false)]
    [InlineData("127.0.0.1", "nbd://127.0.0.1:10809", false)]
    [InlineData("localhost:0", "nbd://127.0.0.1:0", false)]
    [InlineData("[::1]:5000", "nbd://[::1]:5000", false)]
    [InlineData("[::1]", "nbd://[::1]:10809", false)]
    [InlineData("0.0.0.0:1", "nbd://0.0.0.0:1", true)]
    [InlineData("192.168.1.5:65535", "nbd://192.168.1.5:65535", true)]
    [InlineData("*:7", "nbd://[::]:7", true)]
    [InlineData("unix:/run/voe.sock", "nbd+unix:///?socket=/run/voe.sock", false)]
    public void Address_is_read(string text, string expected, bool isBeyondLoopback)
    {
        Assert.True(NbdEndPoint.TryParse(text, out NbdEndPoint? endPoint, out _));
        Assert.Equal(expected, endPoint.ToString());
        Assert.Equal(isBeyondLoopback, endPoint.IsBeyondLoopback);
    }

    [Theory]
    [InlineData("")]
    [InlineData(":")]
    [InlineData(":10809")]
    [InlineData("127.0.0.1:")]
    [InlineData("127.0.0.1:65536")]
    [InlineData("127.0.0.1:-1")]
    [InlineData("127.0.0.1: 1")]
    [InlineData("127.0.0.1:1:2")]
    [InlineData("example.com:1")]
    [InlineData("::1")]
    [InlineData("::1:10809")]
    [InlineData("[::1")]
    [InlineData("[]:1")]
    [InlineData("[127.0.0.1]:1")]
    [InlineData("unix:")]
    public void What_is_no_address_is_refused_with_what_would_be_right(string text)
    {
        Assert.False(NbdEndPoint.TryParse(text, out _, out string error));
        Assert.Contains(text.StartsWith("unix", StringComparison.Ordinal) ? "107 bytes" : "HOST:PORT", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Path_that_the_kernel_would_cut_is_refused()
    {
        Assert.True(NbdEndPoint.TryParse("unix:/" + new string('x', 106), out _, out _));
        Assert.False(NbdEndPoint.TryParse("unix:/" + new string('x', 107), out _, out _));
    }
}
