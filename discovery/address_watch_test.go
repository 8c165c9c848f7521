package discovery

import (
	"context"
	"errors"
	"net/netip"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
)

func TestWatchSettlesAndReportsChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var view View
		var failure error
		set := func(v View, err error) { mu.Lock(); view, failure = v, err; mu.Unlock() }
		with := func(s string) View {
			return View{
				Links:    []Link{{Index: 2, Name: "eth0", Up: true}},
				Addrs:    []Addr{{Link: 2, Prefix: netip.MustParsePrefix(s)}},
				Defaults: []Route{{Link: 2}},
			}
		}
		var out lockedBuffer
		w := addressWatch{
			read: func() (View, error) { mu.Lock(); defer mu.Unlock(); return view, failure },
			log:  zerolog.New(&out), out: make(chan netip.Addr, 1),
		}
		events := make(chan struct{}, 1)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); w.run(ctx, events) }()
		got := func() string {
			synctest.Wait()
			select {
			case a := <-w.out:
				return a.String()
			default:
				return ""
			}
		}
		expect := func(want, when string) {
			t.Helper()
			if g := got(); g != want {
				t.Errorf("%s: got %q, want %q", when, g, want)
			}
		}
		expect("", "no address yet")
		set(with("10.0.0.1/24"), nil)
		poke(events)
		expect("", "before it is quiet")
		time.Sleep(quietTime)
		expect("10.0.0.1", "once it is quiet")
		poke(events)
		time.Sleep(time.Second)
		expect("", "an event without a change")

		set(with("10.0.0.2/24"), nil)
		for range 50 { // a machine that is never silent
			poke(events)
			time.Sleep(100 * time.Millisecond)
		}
		expect("10.0.0.2", "after long unrest")

		set(with("10.0.0.3/24"), nil)
		time.Sleep(rereadGap)
		set(View{}, errors.New("out of order"))
		poke(events)
		time.Sleep(time.Hour)
		set(with("10.0.0.4/24"), nil)
		poke(events)
		time.Sleep(time.Second)
		expect("10.0.0.4", "only the newest is kept")
		if n := strings.Count(out.String(), "out of order"); n != 1 {
			t.Errorf("an hour of trouble makes %d lines", n)
		}
		cancel()
		<-done
	})
}

func TestWatchFixed(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	c, err := WatchAddress(ctx, Selector{Fixed: netip.MustParseAddr("192.0.2.1")}, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	if a := <-c; a.String() != "192.0.2.1" {
		t.Errorf("got %v", a)
	}
	cancel()
	if a, open := <-c; open {
		t.Errorf("got %v after the end", a)
	}
}

func TestReadView(t *testing.T) {
	v, err := ReadView()
	if err != nil {
		t.Fatal(err)
	}
	a, err := Selector{CIDR: netip.MustParsePrefix("127.0.0.0/8")}.Pick(v)
	if err != nil || !a.IsLoopback() {
		t.Errorf("loopback: %v, %v in %+v", a, err, v)
	}
}

func ip(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
		t.Fatalf("ip %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// The kernel's own notices, in a network namespace of its own.
func TestWatchFollowsTheKernel(t *testing.T) {
	inNamespaces(t, 1, func(t *testing.T, _ int) {
		ip(t, "link", "set", "lo", "up")
		ip(t, "link", "add", "eth0", "type", "veth", "peer", "name", "switch0")
		ip(t, "link", "set", "switch0", "up")
		ctx, cancel := context.WithCancel(t.Context())
		c, err := WatchAddress(ctx, Selector{}, testLog(t))
		if err != nil {
			t.Fatal(err)
		}
		next := func(want string) {
			t.Helper()
			begun := time.Now()
			select {
			case a := <-c:
				if a.String() != want {
					t.Errorf("got %v, want %s", a, want)
				}
				t.Logf("%s after %v", want, time.Since(begun))
			case <-time.After(10 * time.Second):
				t.Errorf("no %s within 10 s", want)
			}
		}
		ip(t, "link", "set", "eth0", "up")
		ip(t, "addr", "add", "10.5.0.1/24", "dev", "eth0")
		ip(t, "route", "add", "default", "via", "10.5.0.254")
		next("10.5.0.1")
		ip(t, "addr", "flush", "dev", "eth0")
		ip(t, "addr", "add", "10.5.0.2/24", "dev", "eth0")
		ip(t, "route", "add", "default", "via", "10.5.0.254")
		next("10.5.0.2")
		ip(t, "addr", "add", "10.5.0.3/24", "dev", "eth0")
		ip(t, "route", "replace", "default", "via", "10.5.0.254", "src", "10.5.0.3")
		next("10.5.0.3")
		ip(t, "addr", "flush", "dev", "eth0")
		ip(t, "addr", "add", "2001:db8::5/64", "dev", "eth0", "nodad")
		ip(t, "route", "add", "default", "via", "2001:db8::1")
		next("2001:db8::5")
		cancel()
		for range c { // closed, and nothing more in it
			t.Error("an address after the end")
		}
	})
}
