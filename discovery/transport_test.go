package discovery

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"
	"github.com/rs/zerolog"
)

// victimVariable holds "KIND ADDRESS" for the subprocess that is expected to die.
const victimVariable = "DISCOVERY_TEST_VICTIM"

// TestVictim is the subprocess of TestVersionZeroEndsBareMemberlist.
func TestVictim(t *testing.T) {
	kind, address, ok := strings.Cut(os.Getenv(victimVariable), " ")
	if !ok {
		t.Skip("only runs as the subprocess of TestVersionZeroEndsBareMemberlist")
	}
	c := memberlist.DefaultLANConfig()
	c.Name, c.Label, c.SecretKey, c.LogOutput = "victim", "lab", testKey(7), io.Discard
	c.BindAddr, c.BindPort, c.AdvertiseAddr, c.AdvertisePort = address, testPort, address, testPort
	if _, err := memberlist.Create(c); err != nil {
		t.Fatal(err)
	}
	at := netip.AddrPortFrom(netip.MustParseAddr(address), testPort)
	switch kind {
	case "packet":
		sendPacket(t, at, sealedPacket(t, 0, poison()))
	case "stream":
		sendStream(t, at, sealedStream(t, 0, poison()))
	case "empty":
		sendStream(t, at, sealedStream(t, 1, nil))
	}
	<-time.After(20 * time.Second) // the panic comes long before
}

func sendPacket(t *testing.T, to netip.AddrPort, b []byte) {
	t.Helper()
	c, err := net.Dial("udp", to.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write(b); err != nil {
		t.Fatal(err)
	}
}

func sendStream(t *testing.T, to netip.AddrPort, b []byte) {
	t.Helper()
	c, err := net.Dial("tcp", to.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write(b); err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	// Until the other side closes, or dies.
	_, _ = io.Copy(io.Discard, c)
}

// Why there is a filter: should this fail one day, memberlist has learned better.
func TestVersionZeroEndsBareMemberlist(t *testing.T) {
	for kind, words := range map[string]string{
		"packet": "slice bounds out of range",
		"stream": "slice bounds out of range",
		"empty":  "index out of range",
	} {
		t.Run(kind, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestVictim$", "-test.v")
			cmd.Env = append(os.Environ(), victimVariable+"="+kind+" "+freshAddress().String())
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), words) {
				t.Errorf("no crash (%v):\n%s", err, out)
			}
		})
	}
}

func TestVersionZeroIsSurvived(t *testing.T) {
	g := start(t, config(t, 1))
	at := netip.AddrPortFrom(g.config.Address, testPort)
	count := func(why string) int {
		n := 0
		for _, r := range g.Rejected() {
			if r.Why == why {
				n += r.Count
			}
		}
		return n
	}
	sendPacket(t, at, sealedPacket(t, 0, poison()))
	eventually(t, 5*time.Second, "the packet is refused", func() bool { return count("encryption version 0") == 1 })
	sendStream(t, at, sealedStream(t, 0, poison()))
	eventually(t, 5*time.Second, "the stream is refused", func() bool { return count("encryption version 0") == 2 })
	sendStream(t, at, sealedStream(t, 1, nil))
	eventually(t, 5*time.Second, "the empty stream is refused", func() bool { return count(whyTruncated) == 1 })
	other := start(t, config(t, 2, g.config.Address))
	eventually(t, 5*time.Second, "gossip goes on", sees(other, 1))
}

// A board that we contact can answer with version 0 as well.
func TestVersionZeroInAnAnswerIsSurvived(t *testing.T) {
	seed := netip.AddrPortFrom(freshAddress(), testPort)
	listener, err := net.Listen("tcp", seed.String())
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write(sealedMessage(t, 0, poison()))
			_ = c.Close()
		}
	}()
	defer func() { _ = listener.Close(); <-done }()
	g := start(t, config(t, 1, seed.Addr()))
	eventually(t, 8*time.Second, "the answer is refused", func() bool {
		return slices.ContainsFunc(g.Rejected(), func(r Rejection) bool {
			return r.Address == seed.Addr() && r.Why == "encryption version 0"
		})
	})
}

func TestSilentStreamIsClosed(t *testing.T) {
	g := start(t, config(t, 1))
	c, err := net.Dial("tcp", netip.AddrPortFrom(g.config.Address, testPort).String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetReadDeadline(time.Now().Add(4 * streamTimeout)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the other side said %v", err)
	}
}

func TestStreamsAreBounded(t *testing.T) {
	at := netip.AddrPortFrom(freshAddress(), testPort)
	tr, err := newTransport(at, "lab", newLogBridge(zerolog.Nop(), func(netip.Addr, string) {}).logger(), func(net.Addr, string) {})
	if err != nil {
		t.Fatal(err)
	}
	for range maxStreams {
		a, b := net.Pipe()
		defer b.Close()
		if _, err := tr.guard(a, true); err != nil {
			t.Fatal(err)
		}
	}
	a, b := net.Pipe()
	defer b.Close()
	if _, err := tr.guard(a, true); err == nil {
		t.Error("one stream too many was let in")
	}
	if err := tr.Shutdown(); err != nil {
		t.Error(err)
	}
	if _, err := tr.DialTimeout(at.String(), time.Second); err == nil {
		t.Error("dialled after the end")
	}
}
