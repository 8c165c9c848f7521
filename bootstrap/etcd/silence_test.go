package etcd

import (
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestLimitSilence reads the option back from a connection that was accepted
// after it was set on the listener.
func TestLimitSilence(t *testing.T) {
	for _, tt := range []struct {
		address  string
		election time.Duration
		want     int // ms
	}{{"127.0.0.1:0", time.Second, 2000}, {"127.0.0.1:0", 100 * time.Millisecond, 2000}, {"127.0.0.1:0", 5 * time.Second, 10000}, {"[::1]:0", time.Second, 2000}} {
		var plain net.ListenConfig
		plain.SetMultipathTCP(false)
		l, err := plain.Listen(t.Context(), "tcp", tt.address)
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		if err := limitSilence("https://"+l.Addr().String(), tt.election); err != nil {
			t.Fatal(err)
		}
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		accepted, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer accepted.Close()
		raw, err := accepted.(*net.TCPConn).SyscallConn()
		if err != nil {
			t.Fatal(err)
		}
		got := 0
		if cerr := raw.Control(func(fd uintptr) {
			got, err = unix.GetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT)
		}); cerr != nil || err != nil {
			t.Fatal(cerr, err)
		}
		if got != tt.want {
			t.Errorf("%s, election %v: connections are given up after %d ms, want %d", tt.address, tt.election, got, tt.want)
		}
	}
}

func TestLimitSilenceWhereNobodyListens(t *testing.T) {
	if err := limitSilence("https://127.0.0.1:1", time.Second); err == nil || !strings.Contains(err.Error(), "nothing listens") {
		t.Errorf("%v, want that nothing listens", err)
	}
}
