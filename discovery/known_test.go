package discovery

import (
	"context"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
)

func living(n int, address string) Peer {
	a := netip.MustParseAddrPort(address)
	return Peer{Card: Card{Board: boardID(n)}, Address: a.Addr(), Port: int(a.Port()), Alive: true}
}

func TestKnownPeersAreWrittenSeldom(t *testing.T) {
	path := filepath.Join(t.TempDir(), "peers.json")
	synctest.Test(t, func(t *testing.T) {
		k := openKnown(path, os.WriteFile, zerolog.Nop())
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); k.run(ctx) }()

		k.update([]Peer{living(1, "10.0.0.1:7946")})
		synctest.Wait()
		first := mustRead(t, path)
		k.update([]Peer{living(1, "10.0.0.1:7946"), living(2, "10.0.0.2:7946")})
		time.Sleep(knownInterval - time.Millisecond)
		if got := mustRead(t, path); got != first {
			t.Errorf("written again too early: %s", got)
		}
		time.Sleep(2 * time.Millisecond)
		if got := mustRead(t, path); !strings.Contains(got, "10.0.0.2:7946") {
			t.Errorf("not written in time: %s", got)
		}
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
		k.update([]Peer{living(2, "10.0.0.2:7946")}) // board 1 is away: still known
		time.Sleep(time.Hour)
		if _, err := os.Stat(path); err == nil {
			t.Error("written although nothing changed")
		}
		k.update([]Peer{living(2, "10.0.0.3:7946")})
		cancel()
		<-done
	})
	got, err := readKnown(path)
	want := map[string]netip.AddrPort{boardID(1): at("10.0.0.1:7946"), boardID(2): at("10.0.0.3:7946")}
	if err != nil || !maps.Equal(got, want) {
		t.Errorf("kept %v, %v", got, err)
	}
}

func mustRead(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestDamagedKnownFileIsIgnoredAndReplaced(t *testing.T) {
	for name, content := range map[string]string{
		"empty": "", "junk": "\x00\x01", "cut off": `{"version":1,"peers":[{"boa`, "newer": `{"version":9}`,
		"huge": strings.Repeat(" ", maxKnownFile+1),
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "peers.json")
			if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			var out lockedBuffer
			k := openKnown(path, os.WriteFile, zerolog.New(&out))
			if n := strings.Count(out.String(), `"level":"warn"`); n != 1 || len(k.addresses()) != 0 {
				t.Errorf("%d warnings, %v", n, k.addresses())
			}
			k.update([]Peer{living(1, "[2001:db8::1]:7946")})
			k.write()
			if got, err := readKnown(path); err != nil || got[boardID(1)] != at("[2001:db8::1]:7946") {
				t.Errorf("replaced by %v, %v", got, err)
			}
			if left, _ := filepath.Glob(path + ".*"); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestKnownPeersAreBounded(t *testing.T) {
	k := openKnown("", nil, zerolog.Nop())
	for i := range maxKnown {
		k.peers[boardID(1000+i)] = at("10.9.9.9:1") // from the file, not seen since
	}
	k.update([]Peer{living(1, "10.0.0.1:7946")})
	if len(k.peers) != maxKnown || !k.peers[boardID(1)].IsValid() {
		t.Errorf("%d kept, the living one: %v", len(k.peers), k.peers[boardID(1)])
	}
	for i := range 3 * maxKnown {
		k.update([]Peer{living(i, "10.0.0.1:7946")})
	}
	if len(k.peers) != maxKnown || len(k.seen) > maxKnown {
		t.Errorf("%d kept, %d seen", len(k.peers), len(k.seen))
	}
}
