package agent

import (
	"errors"
	"os"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"muster/bootstrap"
	"muster/bootstrap/etcd"
)

func TestLogThatIsSeenIsRemembered(t *testing.T) {
	for name, c := range map[string]struct {
		disk bootstrap.Disk
		born bool
	}{
		"a log of this board":               {bootstrap.Disk{State: bootstrap.DiskMember, Owner: bootstrap.MatchSame}, true},
		"a log whose owner is unknown":      {bootstrap.Disk{State: bootstrap.DiskMember}, true},
		"a damaged log":                     {bootstrap.Disk{State: bootstrap.DiskDamaged}, true},
		"another board's log":               {bootstrap.Disk{State: bootstrap.DiskMember, Owner: bootstrap.MatchOther}, false},
		"a database that was cut off":       {bootstrap.Disk{State: bootstrap.DiskDamaged, Unlogged: true}, false},
		"a start that did not get that far": {bootstrap.Disk{State: bootstrap.DiskUnborn}, false},
		"nothing":                           {bootstrap.Disk{State: bootstrap.DiskEmpty}, false},
	} {
		t.Run(name, func(t *testing.T) {
			intent := bootstrap.Intent{Do: bootstrap.IntentFound, Plan: "p"}
			a := &Agent{store: newStore(t), runner: newRunner(nil, zerolog.Nop()), disk: c.disk, board: boardRecord{ID: "a", Life: "a1", Intent: intent}}
			if err := a.remember(); err != nil {
				t.Fatal(err)
			}
			if a.board.Born != c.born || (a.board.Intent == intent) == c.born {
				t.Fatalf("born %v, intent %v", a.board.Born, a.board.Intent)
			}
			var onDisk boardRecord
			if err := a.store.read("board.json", &onDisk); c.born && (err != nil || !onDisk.Born) {
				t.Errorf("on disk: %+v, %v", onDisk, err)
			}
		})
	}
}

// That members differed must outlast the agent: the next one may find this member
// removed, and know nothing else of it.
func TestDoubtIsRemembered(t *testing.T) {
	a := &Agent{store: newStore(t), runner: newRunner(nil, zerolog.Nop()), board: boardRecord{ID: "a", Life: "a1", Born: true},
		disk: bootstrap.Disk{State: bootstrap.DiskMember, Owner: bootstrap.MatchSame, Cluster: "c"}}
	a.state.Disk = a.disk
	if err := a.remember(); err != nil || a.board.Doubted || exists(a.store.path("board.json")) {
		t.Fatalf("without a reason: %+v, %v", a.board, err)
	}
	a.state.Peers = []bootstrap.Peer{{ID: "b", Alive: true, Cluster: "c", Alarms: bootstrap.AlarmCorrupt}}
	for range 2 {
		var onDisk boardRecord
		if err := errors.Join(a.remember(), a.store.read("board.json", &onDisk)); err != nil || !onDisk.Doubted {
			t.Errorf("on disk: %+v, %v", onDisk, err)
		}
		a.state.Peers = nil
	}
}

func TestBoardWithoutItsPromisesDrawsANewLife(t *testing.T) {
	board := func(t *testing.T) *Agent {
		p := loopbackProfile(t, 3, 3, loopback(t, 1)[0])
		a := &Agent{store: newStore(t), board: boardRecord{ID: "a", Life: "a1"}}
		f := profileFile{path: p}
		if !f.load(time.Now()) {
			t.Fatal(f.problem)
		}
		fleet := f.profile.Fleet()
		a.board.Fleet = &fleet
		return a
	}
	a := board(t)
	if err := a.newLifeWithoutRecord(); err != nil || a.board.Life == "a1" {
		t.Errorf("life %s, %v: it may have promised in that life", a.board.Life, err)
	}
	var onDisk boardRecord
	if err := a.store.read("board.json", &onDisk); err != nil || onDisk.Life != a.board.Life {
		t.Errorf("on disk: %+v, %v", onDisk, err)
	}
	for name, edit := range map[string]func(*Agent){
		"free":    func(a *Agent) { a.board.Fleet = nil },
		"born":    func(a *Agent) { a.board.Born = true },
		"begun":   func(a *Agent) { a.board.Intent.Do = bootstrap.IntentFound },
		"with it": func(a *Agent) { os.WriteFile(a.store.path("founding.json"), []byte("{}"), 0o600) },
	} {
		a := board(t)
		edit(a)
		if err := a.newLifeWithoutRecord(); err != nil || a.board.Life != "a1" {
			t.Errorf("%s: life %s, %v; want the old one", name, a.board.Life, err)
		}
	}
}

func TestCrashesAreCountedUntilItServedForLong(t *testing.T) {
	now := time.Now()
	r := newRunner(nil, zerolog.Nop())
	die := func(kind etcd.ExitKind) time.Duration {
		r.note(now, childReport{exit: &etcd.Exit{Kind: kind}})
		return r.retryAt.Sub(now)
	}
	ready := func() { r.note(now, childReport{event: etcd.Event{Kind: etcd.EventReady}}) }
	var last time.Duration
	for range 4 {
		ready()
		now = now.Add(time.Second)
		wait := die(etcd.ExitFatal)
		if wait <= last {
			t.Errorf("it dies each time it is ready, and waits %v after %v", wait, last)
		}
		last = wait
	}
	ready()
	now = now.Add(backoffMost + time.Second)
	if wait := die(etcd.ExitKilled); r.crashes != 1 || wait > 2*backoffFirst {
		t.Errorf("after it served for long: %d crashes, %v", r.crashes, wait)
	}
	if wait := die(etcd.ExitDiverged); wait < backoffMost {
		t.Errorf("data that differs is served again after %v", wait)
	}
	if die(etcd.ExitOrdered); r.last.LastWords == "" || r.facts(now).Proc != bootstrap.ProcBackoff {
		t.Errorf("a stop that nobody here ordered is not told: %+v", r.last)
	}
}

func TestMendedDiskIsSeen(t *testing.T) {
	s := newStore(t)
	a := &Agent{store: s, runner: newRunner(nil, zerolog.Nop()), board: boardRecord{ID: "a", Life: "a1"},
		disk: bootstrap.Disk{State: bootstrap.DiskMember}}
	if a.lookAgain(time.Now()); a.disk.Owner != bootstrap.MatchUnknown {
		t.Fatalf("owner %v before the file is back", a.disk.Owner)
	}
	if err := s.claim(a.board); err != nil {
		t.Fatal(err)
	}
	if a.lookAgain(time.Now()); a.disk.Owner != bootstrap.MatchSame {
		t.Errorf("owner %v; the file is back", a.disk.Owner)
	}
	a.state.Row, a.inspected = bootstrap.Damaged, time.Now()
	if a.lookAgain(a.inspected.Add(time.Second)); a.disk.State != bootstrap.DiskMember {
		t.Error("it looks all the time")
	}
	if a.lookAgain(a.inspected.Add(lookEvery)); a.disk.State != bootstrap.DiskEmpty {
		t.Errorf("state %v; the damaged directory was moved away", a.disk.State)
	}
}
