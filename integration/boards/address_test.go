package boards

import (
	"net/netip"
	"strings"
	"testing"
	"time"
)

func TestAddressesMove(t *testing.T) {
	l := New(t, 3)
	l.SwapAddresses(1, 2)
	if a, b := l.Board(1).Address(), l.Board(2).Address(); a != "10.77.0.12" || b != "10.77.0.11" {
		t.Errorf("addresses %s and %s after the swap", a, b)
	}
	for _, b := range l.Boards() {
		mustReach(t, l.Board(3), b)
	}
	l.Move(netip.MustParsePrefix("10.78.0.0/16"), l.Boards()...)
	for i, want := range []string{"10.78.0.11", "10.78.0.12", "10.78.0.13"} {
		b := l.Board(i + 1)
		if got := run(t, b, "ip", "-4", "-o", "addr", "show", "dev", "eth0"); b.Address() != want || !strings.Contains(got, want+"/16") || strings.Contains(got, "10.77") {
			t.Errorf("board %d is at %s: %q", b.Index, b.Address(), got)
		}
		if got := run(t, b, "ip", "route", "show", "default"); !strings.Contains(got, "10.78.0.1 ") {
			t.Errorf("default route %q in the new network", got)
		}
	}
	mustReach(t, l.Board(1), l.Board(3))
	l.Board(1).SetAddress6(netip.MustParsePrefix("fd77::99/64"))
	if got := run(t, l.Board(1), "ip", "-6", "-o", "addr", "show", "dev", "eth0", "scope", "global"); !strings.Contains(got, "fd77::99/64") || strings.Contains(got, "fd77::b/") {
		t.Errorf("IPv6 addresses %q", got)
	}
	l.Board(2).Flap(50*time.Millisecond, 5*time.Millisecond)
	mustReach(t, l.Board(1), l.Board(2))
	if changes := run(t, l.Board(2), "cat", "/sys/class/net/eth0/carrier_changes"); changes < "4" && len(changes) == 1 {
		t.Errorf("carrier changed %s times", changes)
	}
}

func TestDHCP(t *testing.T) {
	l := New(t, 3)
	d := l.ServeDHCP()
	one, two := l.Board(1), l.Board(2)
	for i, address := range []string{"10.77.5.1", "10.77.5.2", "10.77.5.2", "10.77.5.1"} {
		begin := time.Now()
		d.Lease(one, netip.MustParseAddr(address))
		t.Logf("lease %d after %v", i, time.Since(begin).Round(time.Millisecond))
		if got := run(t, one, "ip", "-4", "-o", "addr", "show", "dev", "eth0"); one.Address() != address || strings.Count(got, "inet ") != 1 {
			t.Errorf("at %s, want %s: %q", one.Address(), address, got)
		}
		eventually(t, "the default route", func() error { return routeTo(t, one, gateway) })
		mustReach(t, l.Board(3), one)
	}
	d.Lease(two, netip.MustParseAddr("10.77.5.9"))
	mustReach(t, one, two)

	// A board that boots asks again, and gets what is its own by now.
	two.PowerCut()
	d.Lease(two, netip.MustParseAddr("10.77.5.10"))
	mustReach(t, one, two)
	if got := run(t, one, "cat", "/etc/resolv.conf"); !strings.Contains(got, gateway) {
		t.Errorf("resolv.conf %q", got)
	}
}
