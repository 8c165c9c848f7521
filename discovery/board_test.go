package discovery

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

const testPort = 17946

var addressCounter atomic.Int32

// freshAddress gives a loopback address that no other test, nor another test
// process at the same time, uses.
func freshAddress() netip.Addr {
	n := addressCounter.Add(1)
	pid := os.Getpid()
	return netip.AddrFrom4([4]byte{127, byte(1 + pid/200%200), byte(1 + pid%200), byte(n%250 + 1)})
}

func boardID(n int) string { return fmt.Sprintf("%016x", n) }

func testKey(b byte) []byte { return bytes.Repeat([]byte{b}, 32) }

// testLog shows a gossip's lines when the test fails.
func testLog(t *testing.T) zerolog.Logger {
	var buffer lockedBuffer
	t.Cleanup(func() {
		if t.Failed() {
			t.Log("\n" + buffer.String())
		}
	})
	return zerolog.New(&buffer).With().Timestamp().Logger()
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func config(t *testing.T, n int, seeds ...netip.Addr) Config {
	c := Config{
		Cluster: "lab", Key: testKey(7), Address: freshAddress(), Port: testPort, Expected: 2,
		Card: Card{Board: boardID(n), Name: "raspberrypi", Seq: 1, Role: "none"},
		Log:  testLog(t),
	}
	for _, s := range seeds {
		c.Seeds = append(c.Seeds, Seed{Host: s.String(), Port: testPort})
	}
	return c
}

func start(t *testing.T, c Config) *Gossip {
	t.Helper()
	g, err := Start(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ended, cancel := context.WithCancel(context.Background())
		cancel()
		if err := g.Close(ended); err != nil {
			t.Error(err)
		}
	})
	return g
}

// eventually waits for a condition, at most limit.
func eventually(t *testing.T, limit time.Duration, what string, condition func() bool) {
	t.Helper()
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-deadline.C:
			t.Fatalf("not within %v: %s", limit, what)
		case <-tick.C:
		}
	}
}

// alive gives the board IDs that a gossip sees alive.
func alive(g *Gossip) []string {
	var out []string
	for _, p := range g.Peers() {
		if p.Alive {
			out = append(out, p.Board)
		}
	}
	return out
}

func sees(g *Gossip, boards ...int) func() bool {
	want := []string{}
	for _, n := range boards {
		want = append(want, boardID(n))
	}
	return func() bool { return slices.Equal(alive(g), want) }
}

func peer(t *testing.T, g *Gossip, n int) Peer {
	t.Helper()
	for _, p := range g.Peers() {
		if p.Board == boardID(n) {
			return p
		}
	}
	t.Fatalf("board %s is not known", boardID(n))
	return Peer{}
}

func receive(t *testing.T, g *Gossip, want func(Message) bool) Message {
	t.Helper()
	deadline := time.After(10 * time.Second)
	for {
		select {
		case m := <-g.Messages():
			if want(m) {
				return m
			}
		case <-deadline:
			t.Fatal("no such message within 10 s")
		}
	}
}

// ourGoroutines gives the stacks of all goroutines but the tests' own that run
// through this package or the libraries below it.
func ourGoroutines() string {
	b := make([]byte, 4<<20)
	b = b[:runtime.Stack(b, true)]
	var out []string
	for _, stack := range strings.Split(string(b), "\n\n") {
		ours := strings.Contains(stack, "muster/discovery") || strings.Contains(stack, "hashicorp/")
		if ours && !strings.Contains(stack, "testing.tRunner") && !strings.Contains(stack, "testing.(*T).Run") {
			out = append(out, stack)
		}
	}
	return strings.Join(out, "\n\n")
}
