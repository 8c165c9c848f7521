package discovery

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
)

func TestLogBridge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out lockedBuffer
		var rejected []string
		b := newLogBridge(zerolog.New(&out), func(a netip.Addr, why string) { rejected = append(rejected, a.String()+" "+why) })
		l := b.logger()
		count := func(words string) int { return strings.Count(out.String(), words) }

		for i := range 50 {
			l.Printf("[ERR] memberlist: Failed to send UDP ping to 10.0.0.%d:7946: seq %d", i, i*i)
		}
		l.Printf("[WARN] memberlist: Refuting a suspect message (from: x)")
		l.Printf("[INFO] memberlist: hello")
		l.Printf("no prefix")
		if n := count("Failed to send"); n != linesPerWindow {
			t.Errorf("%d lines of one kind", n)
		}
		for _, want := range []string{`"level":"error"`, `"level":"warn","message":"memberlist: Refuting`, `"level":"debug","message":"memberlist: hello"`, `"level":"debug","message":"no prefix"`} {
			if count(want) == 0 {
				t.Errorf("no %s in\n%s", want, out.String())
			}
		}
		<-time.After(logWindow)
		for i := range 10 {
			l.Printf("[ERR] memberlist: Failed to send UDP ping to 10.0.1.%d:7946: seq 7", i)
		}
		if n := count(`"suppressed":47`); n != 1 {
			t.Errorf("%d summary lines in\n%s", n, out.String())
		}
		if n := count(`"message":"memberlist: Failed to send`); n != 2*linesPerWindow {
			t.Errorf("%d lines after two windows", n)
		}

		l.Printf("[ERR] memberlist: Decrypt packet failed: no installed keys could decrypt the message from=10.0.0.9:7946")
		if fmt.Sprint(rejected) != "[10.0.0.9 "+AnotherSecret+"]" {
			t.Errorf("rejected: %v", rejected)
		}
	})
}

func TestLogBridgeIsBounded(t *testing.T) {
	b := newLogBridge(zerolog.Nop(), func(netip.Addr, string) {})
	for i := range 10 * maxKinds {
		b.allow(strings.Repeat("x", i))
	}
	if len(b.kinds) > maxKinds+1 {
		t.Errorf("%d kinds are kept", len(b.kinds))
	}
}

func TestRejectionsAreBounded(t *testing.T) {
	news := 0
	r := newRejections(func(Rejection) { news++ })
	at := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}) }
	for i := range 10 * maxRejections {
		r.add(at(i), AnotherSecret)
		r.add(at(i), AnotherSecret)
	}
	list := r.list()
	if len(list) != maxRejections || news != maxRejections {
		t.Errorf("%d kept, %d times news", len(list), news)
	}
	if last := list[len(list)-1]; last.Address != at(10*maxRejections-1) || last.Count != 2 {
		t.Errorf("the latest is %+v", last)
	}
}
