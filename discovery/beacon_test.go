package discovery

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/mdns"
	"github.com/miekg/dns"
	"github.com/rs/zerolog"
)

// answer is what the responder says to a query, over the wire.
func answer(t *testing.T, c Config) *dns.Msg {
	t.Helper()
	zone, err := mdns.NewMDNSService(c.Card.Board, beaconService, "local.", c.Card.Board+".local.",
		c.Port, []net.IP{c.Address.AsSlice()}, beaconText(c))
	if err != nil {
		t.Fatal(err)
	}
	m := new(dns.Msg)
	m.Response = true
	m.Answer = zone.Records(dns.Question{Name: beaconName, Qtype: dns.TypePTR, Qclass: dns.ClassINET})
	b, err := m.Pack()
	if err != nil {
		t.Fatal(err)
	}
	m = new(dns.Msg)
	if err := m.Unpack(b); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestReadBeacons(t *testing.T) {
	now := time.Unix(1000, 0)
	shown := func(change func(*Config)) *dns.Msg {
		c := Config{
			Cluster: "lab", Fingerprint: "abcd", Port: 7946, Address: netip.MustParseAddr("10.0.0.2"),
			Card: Card{Board: boardID(2), Name: "pi"},
		}
		change(&c)
		return answer(t, c)
	}
	got := readBeacons(shown(func(*Config) {}), now)
	want := Sighting{Cluster: "lab", Fingerprint: "abcd", Board: boardID(2), Name: "pi", Address: netip.MustParseAddr("10.0.0.2"), Seen: now}
	if len(got) != 1 || got[0].Sighting != want || got[0].port != 7946 {
		t.Errorf("got %+v", got)
	}
	got = readBeacons(shown(func(c *Config) {
		c.Address = netip.MustParseAddr("2001:db8::2")
		c.Card.Name = "\x1b[31mred" + strings.Repeat("x", 100)
	}), now)
	if len(got) != 1 || got[0].Address.String() != "2001:db8::2" || strings.ContainsRune(got[0].Name, '\x1b') || len(got[0].Name) > maxBeaconField {
		t.Errorf("IPv6: %+v", got)
	}
	for name, m := range map[string]*dns.Msg{
		"no board":   shown(func(c *Config) { c.Card.Board = "printer" }),
		"port":       shown(func(c *Config) { c.Port = 65536 }),
		"loopback":   shown(func(c *Config) { c.Address = netip.MustParseAddr("127.0.0.1") }),
		"link-local": shown(func(c *Config) { c.Address = netip.MustParseAddr("fe80::1") }),
		"nothing":    new(dns.Msg),
	} {
		if got := readBeacons(m, now); len(got) != 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
	for name, spoil := range map[string]func(*dns.Msg){
		"another service": func(m *dns.Msg) {
			for _, rr := range m.Answer {
				rr.Header().Name = strings.Replace(rr.Header().Name, "_muster", "_http", 1)
			}
		},
		"newer format": func(m *dns.Msg) {
			for _, rr := range m.Answer {
				if x, ok := rr.(*dns.TXT); ok {
					x.Txt[0] = "v=2"
				}
			}
		},
		"no text":    func(m *dns.Msg) { m.Answer = slices.DeleteFunc(m.Answer, isType[*dns.TXT]) },
		"no service": func(m *dns.Msg) { m.Answer = slices.DeleteFunc(m.Answer, isType[*dns.SRV]) },
		"no address": func(m *dns.Msg) { m.Answer = slices.DeleteFunc(m.Answer, isType[*dns.A]) },
	} {
		m := shown(func(*Config) {})
		spoil(m)
		if got := readBeacons(m, now); len(got) != 0 {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func isType[T dns.RR](rr dns.RR) bool { _, ok := rr.(T); return ok }

func TestSightings(t *testing.T) {
	b := newBeacons(Config{
		Cluster: "lab", Fingerprint: "abcd", Address: netip.MustParseAddr("10.0.0.1"), Card: Card{Board: boardID(1)},
	}, newLogBridge(zerolog.Nop(), func(netip.Addr, string) {}))
	now := time.Unix(1000, 0)
	b.now = func() time.Time { return now }
	var found []string
	changes := 0
	b.found = func(a netip.AddrPort) { found = append(found, a.String()) }
	b.changed = func() { changes++ }
	see := func(board int, cluster, print, address string) {
		b.note(Sighting{Cluster: cluster, Fingerprint: print, Board: boardID(board), Address: netip.MustParseAddr(address), Seen: now}, 7946)
	}
	see(1, "lab", "abcd", "10.0.0.1") // ourselves
	see(2, "lab", "abcd", "10.0.0.2")
	see(2, "lab", "abcd", "10.0.0.2")
	see(3, "lab", "ffff", "10.0.0.3")
	see(4, "home", "abcd", "10.0.0.4")
	if fmt.Sprint(found) != "[10.0.0.2:7946 10.0.0.2:7946]" || changes != 3 || len(b.list()) != 3 {
		t.Errorf("found %v, %d changes, list %+v", found, changes, b.list())
	}
	now = now.Add(sightingTime)
	see(2, "lab", "abcd", "10.0.0.2")
	now = now.Add(time.Second)
	if l := b.list(); len(l) != 1 || l[0].Board != boardID(2) {
		t.Errorf("after two minutes: %+v", l)
	}
	for i := range 2 * maxSightings {
		see(100+i, "lab", "ffff", "10.0.0.9")
	}
	if n := len(b.list()); n != maxSightings {
		t.Errorf("%d sightings kept", n)
	}
}

// Two boards on one cable without a router, a seed or a name service.
func TestBoardsMeetByBeacon(t *testing.T) {
	inNamespaces(t, 2, func(t *testing.T, board int) {
		address := netip.AddrFrom4([4]byte{10, 6, 0, byte(board)})
		ip(t, "link", "set", "lo", "up")
		ip(t, "addr", "add", address.String()+"/24", "dev", "eth0")
		ip(t, "link", "set", "eth0", "up")
		c := config(t, board)
		c.Address, c.MDNS, c.Fingerprint, c.Expected = address, true, "abcd", 2
		begun := time.Now()
		g := start(t, c)
		other := 3 - board
		eventually(t, 20*time.Second, "the other board is seen", sees(g, other))
		t.Logf("seen after %v", time.Since(begun))
		// Nobody's word is needed for this: a beacon with another secret is shown, not joined.
		eventually(t, 20*time.Second, "the other beacon is seen", func() bool {
			return slices.ContainsFunc(g.Sightings(), func(s Sighting) bool { return s.Board == boardID(other) }) ||
				len(g.Peers()) == 1
		})
	})
}
