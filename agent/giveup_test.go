package agent

import (
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"muster/bootstrap"
	"muster/bootstrap/founding"
	"muster/discovery"
)

// loss is one way to give data up.
type loss struct {
	identity string // of the hardware; the record is of "one"
	act      bootstrap.Action
	rival    *founding.Plan // is adopted, if not nil
}

func losses() map[string]loss {
	rival := planOf("other", founderAt("two", "b1", "10.0.0.2"), founderAt("three", "c1", "10.0.0.3"), founderAt("four", "d1", "10.0.0.4"))
	aside := bootstrap.Action{Do: bootstrap.SetAside, Why: bootstrap.Removed, Say: "the quorum does not list it"}
	left, copied, yields := aside, aside, aside
	left.Why, left.Leaves = bootstrap.Leave, true
	copied.Why, copied.Copied = bootstrap.Clone, true
	yields.Why, yields.Plan = bootstrap.TwoClusters, rival
	return map[string]loss{
		"removed": {"one", aside, nil}, "left": {"one", left, nil}, "copied": {"another", copied, nil}, "yields": {"one", yields, rival},
	}
}

// holder makes a state directory below dir in which board "one" holds data that
// it was a founder of.
func holder(t *testing.T, dir, profile string, l loss) (plan *founding.Plan) {
	t.Helper()
	s, err := openStore(filepath.Join(dir, "state"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	plan = planOf("ours", founderAt("one", "a1a1a1a1a1a1a1a1", "10.0.0.1"), founderAt("two", "b1", "10.0.0.2"), founderAt("three", "c1", "10.0.0.3"))
	fleet := loadProfile(t, profile).Fleet()
	b := boardRecord{ID: boardID("one"), Fingerprints: discovery.Labelled("one").Fingerprints, Life: "a1a1a1a1a1a1a1a1",
		Seq: 7, Fleet: &fleet, Born: true, Readdressed: true, Doubted: true, Yielded: []string{"feed"}}
	if l.act.Leaves {
		b.Intent.Do = bootstrap.IntentLeave
	}
	r := foundingRecord{Generation: 1, Record: founding.Record{Promised: founding.Ballot{Counter: 4, Board: boardID("two"), Life: "b1"}, Chosen: plan}}
	if err := errors.Join(s.write("board.json", b), s.write("founding.json", r), s.claim(b)); err != nil {
		t.Fatal(err)
	}
	put(t, s.path("etcd", "member", "wal", "0.wal"), "log")
	return plan
}

// given checks that all of a loss is on disk, and nothing more.
func given(t *testing.T, s *store, l loss, plan *founding.Plan, in setAsideIntent) {
	t.Helper()
	b := s.onDisk(t)
	id, marks, gone := boardID("one"), discovery.Labelled("one").Fingerprints, []string{"feed"}
	if l.act.Copied {
		id, marks = boardID(l.identity), discovery.Labelled(l.identity).Fingerprints
	}
	if l.rival != nil {
		plan, gone = l.rival, append(gone, clusterOf(plan))
	}
	if b.ID != id || !slices.Equal(b.Fingerprints, marks) {
		t.Errorf("board %s with %v, want %s with %v", b.ID, b.Fingerprints, id, marks)
	}
	if b.Life != in.Life || b.Life == "a1a1a1a1a1a1a1a1" || len(b.Life) != 16 {
		t.Errorf("life %s, want %s", b.Life, in.Life)
	}
	if b.Born || b.Readdressed || b.Doubted || b.Aside != nil || b.Fleet == nil || !slices.Equal(b.Yielded, gone) {
		t.Errorf("%+v, want neither born nor readdressed, and yielded %v", b, gone)
	}
	if want := (bootstrap.Intent{}); !l.act.Leaves && b.Intent != want || l.act.Leaves && b.Intent.Do != bootstrap.IntentLeft {
		t.Errorf("intent %+v", b.Intent)
	}
	var r foundingRecord
	if err := s.read("founding.json", &r); err != nil || r.Record.Chosen == nil || !r.Record.Chosen.Equal(*plan) || r.Record.Promised.Counter != 4 {
		t.Errorf("founding record %+v, %v; want the promise and plan %s", r, err, plan.Digest())
	}
	entry := "archive/" + in.Name + "/"
	archive := s.files(t)
	maps.DeleteFunc(archive, func(path, _ string) bool {
		return !strings.HasPrefix(path, "archive/") && !strings.HasPrefix(path, "etcd/")
	})
	want := map[string]string{entry + "reason.json": explained(t, in.Reason), entry + "member/wal/0.wal": "log", entry + "owner.json": archive[entry+"owner.json"]}
	if !maps.Equal(archive, want) || want[entry+"owner.json"] == "" {
		t.Errorf("archive and data\n%q, want\n%q", archive, want)
	}
	if r := in.Reason; r.Why != string(l.act.Why) || r.Board != boardID("one") || r.Life != "a1a1a1a1a1a1a1a1" || r.At.IsZero() || !r.Doubted || r.Order {
		t.Errorf("reason %+v", r)
	}
}

// still checks that neither another turn nor another start changes anything.
func still(t *testing.T, p *parked, again func() *parked) {
	t.Helper()
	kept := func() map[string]string {
		files := p.store.files(t)
		maps.DeleteFunc(files, func(path, _ string) bool { return strings.HasPrefix(path, "pki/") })
		return files
	}
	b, before := p.store.onDisk(t), kept()
	p.turn()
	if after := kept(); !maps.Equal(before, after) {
		t.Errorf("one more turn made\n%q, was\n%q", after, before)
	}
	p.end()
	p = again()
	p.rest(t)
	after := p.store.onDisk(t)
	if after.Life != b.Life || after.ID != b.ID || after.Intent != b.Intent || after.Born || len(p.store.archiveNames(t)) != 1 {
		t.Errorf("one more start made %+v, was %+v; archive %v", after, b, p.store.archiveNames(t))
	}
}

// until is giveUp, killed before its step n; false: there are no more steps.
func (p *parked) until(t *testing.T, act bootstrap.Action, n int) bool {
	t.Helper()
	half := func(name string) func() error {
		return func() error { return os.WriteFile(p.store.path(name), []byte(`{"ha`), 0o600) }
	}
	in := func() setAsideIntent { return *p.board.Aside }
	steps := []func() error{
		half("board.json.tmp"),
		func() error { return errors.Join(os.Remove(p.store.path("board.json.tmp")), p.intendGiveUp(act)) },
		func() error { return os.Mkdir(p.store.path("archive"), 0o700) },
		half("etcd/reason.json.tmp"),
		func() error {
			return errors.Join(os.Remove(p.store.path("etcd/reason.json.tmp")), p.store.write("etcd/reason.json", in().Reason))
		},
		func() error { return os.Rename(p.store.path("etcd"), p.store.path("archive", in().Name)) },
		half("founding.json.tmp"),
		func() error {
			if in().Plan == nil {
				return nil
			}
			return errors.Join(os.Remove(p.store.path("founding.json.tmp")), p.fleet.agree.adopt(*in().Plan))
		},
		half("board.json.tmp"),
	}
	if n > len(steps) {
		return false
	}
	for i, step := range steps[:n] {
		if err := step(); err != nil {
			t.Fatalf("step %d: %v", i, err)
		}
	}
	return true
}

// Killed between any two steps, the next start comes to the same end.
func TestGiveUpIsFinishedByTheNextStart(t *testing.T) {
	at := loopback(t, 1)[0]
	profile := loopbackProfile(t, 3, 3, at)
	for name, l := range losses() {
		t.Run(name, func(t *testing.T) {
			for n := 0; ; n++ {
				dir := t.TempDir()
				plan := holder(t, dir, profile, l)
				first := park(t, dir, l.identity, at, profile)
				first.turn()
				if !first.until(t, l.act, n) {
					break
				}
				begun := first.board.Aside != nil
				first.end()
				second := park(t, dir, l.identity, at, "")
				if !begun {
					// Nothing was decided as far as the disk knows.
					second.turn()
					if b := second.store.onDisk(t); b.Life != "a1a1a1a1a1a1a1a1" || !exists(second.store.path("etcd", "member", "wal", "0.wal")) {
						t.Fatalf("step %d: given up without an intent: %+v", n, b)
					}
					second.act(second.ctx, l.act)
				}
				in := second.board.Aside
				if begun {
					second.rest(t)
				} else {
					var r reason
					names := second.store.archiveNames(t)
					if len(names) != 1 || !strings.HasPrefix(names[0], "0001-") {
						t.Fatalf("archive %q", names)
					}
					if err := second.store.read(filepath.Join("archive", names[0], "reason.json"), &r); err != nil {
						t.Fatal(err)
					}
					in = &setAsideIntent{aside: aside{Name: names[0], Reason: r}, Life: second.board.Life}
				}
				given(t, second.store, l, plan, *in)
				if l.act.Leaves && second.rest(t).Why != bootstrap.Leave {
					t.Errorf("step %d: it left, and is in state %s", n, second.state.Row)
				}
				still(t, second, func() *parked { return park(t, dir, l.identity, at, "") })
				if t.Failed() {
					t.Fatalf("killed before step %d", n)
				}
			}
		})
	}
}

// Where a write fails the loop tries again, in the same life of the agent.
func TestGiveUpGoesOnAfterAFailedWrite(t *testing.T) {
	at := loopback(t, 1)[0]
	profile := loopbackProfile(t, 3, 3, at)
	for name, l := range losses() {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			plan := holder(t, dir, profile, l)
			p := park(t, dir, l.identity, at, profile)
			p.turn()
			before := p.store.files(t)
			fails := func(file string, again func()) {
				t.Helper()
				undo := p.store.block(t, file)
				again()
				if !strings.Contains(p.failure, filepath.Base(file)) {
					t.Errorf("%s cannot be written, and what failed is %q", file, p.failure)
				}
				undo()
			}
			fails("board.json", func() { p.act(p.ctx, l.act) })
			if p.board.Aside != nil || !maps.Equal(before, p.store.files(t)) {
				t.Error("it went on without the intent on disk")
			}
			fails("etcd/reason.json", func() { p.act(p.ctx, l.act) })
			in := p.board.Aside
			if in == nil {
				t.Fatal("no intent")
			}
			if l.rival != nil {
				fails("founding.json", func() { p.turn() })
			}
			fails("board.json", func() { p.turn() })
			if p.board.Life != "a1a1a1a1a1a1a1a1" || p.board.Aside == nil {
				t.Error("the new life began before it was on disk")
			}
			p.rest(t)
			given(t, p.store, l, plan, *in)
			if p.seat != (bootstrap.Seat{}) || p.order != "" || p.disk.State != bootstrap.DiskEmpty || p.disk.Hardware != bootstrap.MatchSame {
				t.Errorf("it remembers seat %v, order %q, disk %+v", p.seat, p.order, p.disk)
			}
			still(t, p, func() *parked { return park(t, dir, l.identity, at, "") })
		})
	}
}

// A board whose data is gone already has nothing to put in the archive.
func TestGiveUpOfNothing(t *testing.T) {
	at := loopback(t, 1)[0]
	profile, dir, l := loopbackProfile(t, 3, 3, at), t.TempDir(), losses()["removed"]
	holder(t, dir, profile, l)
	p := park(t, dir, "one", at, profile)
	p.turn()
	if err := os.RemoveAll(p.store.path("etcd")); err != nil {
		t.Fatal(err)
	}
	p.inspect()
	p.act(p.ctx, l.act)
	if b := p.store.onDisk(t); p.failure != "" || b.Born || b.Life == "a1a1a1a1a1a1a1a1" || b.Aside != nil {
		t.Errorf("%q, %+v", p.failure, b)
	}
	if _, err := os.Stat(p.store.path("archive")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("an archive of nothing: %v", err)
	}
}

func TestNothingIsGivenUpBesideOtherWork(t *testing.T) {
	at := loopback(t, 1)[0]
	profile, dir, l := loopbackProfile(t, 3, 3, at), t.TempDir(), losses()["removed"]
	holder(t, dir, profile, l)
	p := park(t, dir, "one", at, profile)
	p.turn()
	before := p.store.files(t)
	for _, beside := range []*operator{p.operator, p.cleaner} {
		beside.busy = true
		p.act(p.ctx, l.act)
		if !maps.Equal(before, p.store.files(t)) || p.failure != "" {
			t.Errorf("%q, %q", p.failure, p.store.files(t))
		}
		beside.busy = false
	}
	p.act(p.ctx, l.act)
	if len(p.store.archiveNames(t)) != 1 {
		t.Error("it is not given up afterwards either")
	}
}
