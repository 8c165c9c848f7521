package agent

import (
	"context"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"muster/bootstrap"
	"muster/bootstrap/etcd"
)

// until waits until what the runner has heard meets the condition.
func (r *runner) until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	late := time.After(60 * time.Second)
	for !ok() {
		select {
		case n := <-r.reports:
			r.note(time.Now(), n)
		case <-late:
			t.Fatalf("never %s; %+v", what, r.facts(time.Now()))
		}
	}
}

func (r *runner) isIn(s bootstrap.ProcState) func() bool {
	return func() bool { return r.facts(time.Now()).Proc == s }
}

// testRunner runs this test binary as the child.
func testRunner(t *testing.T) *runner {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	said := &lines{}
	r := newRunner([]string{exe, "etcd"}, zerolog.New(said))
	t.Cleanup(func() {
		if err := r.stop(); err != nil {
			t.Errorf("the child ended with %v", err)
		}
		if t.Failed() {
			t.Logf("log:\n%s", said)
		}
	})
	return r
}

// alone is a cluster of one without TLS.
func alone(t *testing.T, at netip.Addr) etcd.Config {
	peer := "http://" + netip.AddrPortFrom(at, 2380).String()
	return etcd.Config{Name: "one", Dir: filepath.Join(t.TempDir(), "etcd"), PeerURL: peer, ClientURL: "http://" + netip.AddrPortFrom(at, 2379).String(),
		InitialCluster: "one=" + peer, Token: "t", State: "new", Heartbeat: 50 * time.Millisecond, Election: 500 * time.Millisecond}
}

// ended checks that a child ended by an order, which is no crash.
func (r *runner) ended(t *testing.T) {
	t.Helper()
	f := r.facts(time.Now())
	if f.Proc != bootstrap.ProcStopped || f.Crashes != 0 || f.LastWords != "" || f.Fault != bootstrap.FaultNone || f.Ended.IsZero() || f.Progress != nil || f.PeerURL != "" {
		t.Errorf("after an ordered end: %+v", f)
	}
	if r.child != nil || r.ready || r.ending {
		t.Errorf("child %v, ready %v, ending %v", r.child, r.ready, r.ending)
	}
}

func TestEndAtTheBarrier(t *testing.T) {
	// The port is bound, and nobody answers behind it.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for _, abrupt := range []bool{false, true} {
		r := testRunner(t)
		c := alone(t, loopback(t, 1)[0])
		r.start(t.Context(), c, "http://"+l.Addr().String())
		begun := time.Now()
		r.end(abrupt)
		r.end(abrupt)
		r.until(t, "ended", r.isIn(bootstrap.ProcStopped))
		if took := time.Since(begun); took >= barrierWait {
			t.Errorf("abrupt %v: it waited at the barrier for %v", abrupt, took)
		}
		r.ended(t)
		if exists(c.Dir) {
			t.Error("etcd was started all the same")
		}
	}
}

func TestEndWhileItStarts(t *testing.T) {
	at := loopback(t, 1)[0]
	for name, heard := range map[string]bool{"its report is on the way": false, "it is known": true} {
		for _, abrupt := range []bool{false, true} {
			r := testRunner(t)
			r.start(t.Context(), alone(t, at), "")
			var spawned childReport
			select {
			case spawned = <-r.reports:
			case <-time.After(60 * time.Second):
				t.Fatal("never spawned")
			}
			if spawned.spawned == nil {
				t.Fatalf("%s: first of all it reports %+v", name, spawned)
			}
			if heard {
				r.note(time.Now(), spawned)
				r.end(abrupt)
			} else {
				r.end(abrupt)
				r.note(time.Now(), spawned)
			}
			r.until(t, "ended", r.isIn(bootstrap.ProcStopped))
			r.ended(t)
		}
	}
}

func TestEndWhileItRuns(t *testing.T) {
	at := loopback(t, 1)[0]
	r := testRunner(t)
	c := alone(t, at)
	for i, abrupt := range []bool{false, true, false} {
		r.start(t.Context(), c, "")
		if f := r.facts(time.Now()); f.Proc != bootstrap.ProcStarting || f.PeerURL != c.PeerURL || f.Progress != nil {
			t.Errorf("%d: starting: %+v", i, f)
		}
		r.until(t, "running", r.isIn(bootstrap.ProcRunning))
		if !r.ready && r.facts(time.Now()).Quorum != bootstrap.QuorumLost {
			t.Errorf("%d: a quorum before it is ready: %+v", i, r.facts(time.Now()))
		}
		r.until(t, "the leader", func() bool { return r.ready && r.seen != nil })
		if p := r.facts(time.Now()).Progress; len(p) != 1 || !p[0].InSync {
			t.Errorf("%d: progress %+v", i, p)
		}
		r.end(abrupt)
		r.end(!abrupt)
		r.until(t, "ended", r.isIn(bootstrap.ProcStopped))
		r.ended(t)
		// The log is there from now on.
		c.InitialCluster, c.Token, c.State = "", "", ""
	}
}

func TestEndOfNothing(t *testing.T) {
	r := newRunner(nil, zerolog.Nop())
	r.end(false)
	if r.ending {
		t.Error("nothing runs, and it is ending")
	}
	r.note(time.Now(), childReport{exit: &etcd.Exit{Kind: etcd.ExitFatal}})
	r.end(true)
	if r.ending || r.facts(time.Now()).Proc != bootstrap.ProcBackoff {
		t.Errorf("it is in back-off, and an order ends it: %+v", r.facts(time.Now()))
	}
}

func TestRemovedMemberIsNoCrash(t *testing.T) {
	now := time.Now()
	r := newRunner(nil, zerolog.Nop())
	r.note(now, childReport{exit: &etcd.Exit{Kind: etcd.ExitFatal}})
	r.proc, r.ready, r.seen = bootstrap.ProcRunning, true, []etcd.Progress{{Member: "m"}}
	_, ended := r.note(now, childReport{exit: &etcd.Exit{Kind: etcd.ExitStopped, Code: etcd.CodeStopped, LastWords: "the server stopped"}})
	f := r.facts(now)
	if !ended || f.Proc != bootstrap.ProcStopped || f.Crashes != 1 || f.Fault != bootstrap.FaultRemoved || !f.Ended.Equal(now) || f.Progress != nil || f.LastWords == "" {
		t.Errorf("%v, %+v; want stopped at once, no further crash, and what it was", ended, f)
	}
	if r.child != nil || r.ready {
		t.Errorf("child %v, ready %v", r.child, r.ready)
	}
}

func TestFaultStaysUntilItIsReady(t *testing.T) {
	for words, want := range map[string]bootstrap.Fault{
		"write: no space left on device":                         bootstrap.FaultFull,
		"open: read-only file system":                            bootstrap.FaultReadOnly,
		"walpb: crc mismatch":                                    bootstrap.FaultDamaged,
		"listen tcp: address already in use":                     bootstrap.FaultPort,
		"read: input/output error":                               bootstrap.FaultIO,
		"entry 17 conflict with committed entry [committed(20)]": bootstrap.FaultConflict,
		"something else":                                         bootstrap.FaultNone,
	} {
		now := time.Now()
		r := newRunner(nil, zerolog.Nop())
		fault := func() bootstrap.Fault { return r.facts(now).Fault }
		r.note(now, childReport{exit: &etcd.Exit{Kind: etcd.ExitFatal, LastWords: words}})
		if fault() != want {
			t.Errorf("%s: %v, want %v", words, fault(), want)
		}
		// An order that ends the next one early does not mend anything.
		r.proc, r.ending = bootstrap.ProcStarting, true
		r.note(now, childReport{exit: &etcd.Exit{Kind: etcd.ExitOrdered}})
		r.proc = bootstrap.ProcStarting
		r.note(now, childReport{event: etcd.Event{Kind: etcd.EventStarted}})
		if fault() != want || r.crashes != 1 {
			t.Errorf("%s: %v after an ordered end and another start, %d crashes", words, fault(), r.crashes)
		}
		r.note(now, childReport{event: etcd.Event{Kind: etcd.EventReady}})
		if f := r.facts(now); f.Fault != bootstrap.FaultNone || f.LastWords != "" {
			t.Errorf("%s: ready, and %+v", words, f)
		}
	}
	r := newRunner(nil, zerolog.Nop())
	r.note(time.Now(), childReport{exit: &etcd.Exit{Kind: etcd.ExitDiverged}})
	if got := r.facts(time.Now()).Fault; got != bootstrap.FaultDiverged {
		t.Errorf("%v, want diverged", got)
	}
}

// TestLastingFaultsAreTriedSeldom: they do not pass by themselves.
func TestLastingFaultsAreTriedSeldom(t *testing.T) {
	for words, lasting := range map[string]bool{"entry 17 conflict with committed entry [committed(20)]": true, "something else": false} {
		now := time.Now()
		r := newRunner(nil, zerolog.Nop())
		r.note(now, childReport{exit: &etcd.Exit{Kind: etcd.ExitPanic, LastWords: words}})
		if got := r.retryAt.Sub(now) >= backoffMost; got != lasting {
			t.Errorf("%s: again after %v", words, r.retryAt.Sub(now))
		}
	}
}

// TestMarkIsThePresentChilds: how far a log was that may since be shorter is told to
// nobody.
func TestMarkIsThePresentChilds(t *testing.T) {
	now, mark := time.Now(), bootstrap.Mark{Term: 3, Index: 70}
	tell := childReport{event: etcd.Event{Kind: etcd.EventMark, Mark: mark}}
	for name, end := range map[string]func(*runner){
		"it crashed":       func(r *runner) { r.note(now, childReport{exit: &etcd.Exit{Kind: etcd.ExitFatal}}) },
		"it was ended":     func(r *runner) { r.ending = true; r.note(now, childReport{exit: &etcd.Exit{Kind: etcd.ExitOrdered}}) },
		"it was removed":   func(r *runner) { r.note(now, childReport{exit: &etcd.Exit{Kind: etcd.ExitStopped}}) },
		"it never started": func(r *runner) { r.note(now, childReport{err: net.ErrClosed}) },
		"the next starts": func(r *runner) {
			ctx, cancel := context.WithCancel(context.Background())
			cancel()
			r.start(ctx, etcd.Config{}, "")
			r.workers.Wait()
		},
	} {
		r := newRunner(nil, zerolog.Nop())
		r.note(now, tell)
		if r.mark != mark {
			t.Errorf("%s: told %v, and it knows %v", name, mark, r.mark)
		}
		if end(r); r.mark != (bootstrap.Mark{}) {
			t.Errorf("%s: still %v", name, r.mark)
		}
	}
}

func TestForgottenChild(t *testing.T) {
	now := time.Now()
	r := newRunner(nil, zerolog.Nop())
	for range 3 {
		r.note(now, childReport{exit: &etcd.Exit{Kind: etcd.ExitFatal, LastWords: "walpb: crc mismatch"}})
	}
	r.forget()
	if f := r.facts(now); f.Proc != bootstrap.ProcStopped || f.Crashes != 0 || f.Fault != bootstrap.FaultNone || f.LastWords != "" || !f.Ended.IsZero() || f.Progress != nil {
		t.Errorf("it remembers %+v", f)
	}
	if r.note(now, childReport{exit: &etcd.Exit{Kind: etcd.ExitFatal}}); r.retryAt.Sub(now) > 2*backoffFirst {
		t.Errorf("the first crash on other data waits %v", r.retryAt.Sub(now))
	}
}

func TestProgressIsOnlyTheLeaders(t *testing.T) {
	now := time.Now()
	r := newRunner(nil, zerolog.Nop())
	tell := func(p []etcd.Progress) []bootstrap.Progress {
		r.note(now, childReport{event: etcd.Event{Kind: etcd.EventProgress, Progress: p}})
		return r.facts(now).Progress
	}
	got := tell([]etcd.Progress{{Member: "m1", Active: true, InSync: true, Match: 9}, {Member: "m2", Snapshot: true}})
	want := []bootstrap.Progress{{Member: "m1", Active: true, InSync: true, Match: 9}, {Member: "m2", Snapshot: true}}
	if !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := tell(nil); got != nil {
		t.Errorf("it leads no more, and knows %+v", got)
	}
	tell([]etcd.Progress{{Member: "m1"}})
	r.note(now, childReport{err: net.ErrClosed})
	if got := r.facts(now).Progress; got != nil {
		t.Errorf("it ended, and knows %+v", got)
	}
}
