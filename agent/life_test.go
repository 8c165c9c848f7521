package agent

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"muster/bootstrap"
	"muster/discovery"
)

func TestWhichIntentALogEnds(t *testing.T) {
	seated := bootstrap.Disk{State: bootstrap.DiskMember, Owner: bootstrap.MatchSame}
	for name, c := range map[string]struct {
		intent  bootstrap.Intent
		aside   *setAsideIntent
		disk    bootstrap.Disk
		cleared bool
		born    bool
	}{
		"a seat is taken":              {bootstrap.Intent{Do: bootstrap.IntentJoin, Member: "m"}, nil, seated, true, true},
		"a founding is made":           {bootstrap.Intent{Do: bootstrap.IntentFound, Plan: "p"}, nil, seated, true, true},
		"a seat, and no log yet":       {bootstrap.Intent{Do: bootstrap.IntentJoin, Member: "m"}, nil, bootstrap.Disk{State: bootstrap.DiskUnborn}, false, false},
		"it leaves":                    {bootstrap.Intent{Do: bootstrap.IntentLeave}, nil, seated, false, true},
		"it yields":                    {bootstrap.Intent{Do: bootstrap.IntentYield, Cluster: "c"}, nil, seated, false, true},
		"data is being set aside":      {bootstrap.Intent{Do: bootstrap.IntentSetAside}, &setAsideIntent{Life: "a2"}, seated, false, false},
		"a seat, in another's data":    {bootstrap.Intent{Do: bootstrap.IntentJoin, Member: "m"}, nil, bootstrap.Disk{State: bootstrap.DiskMember, Owner: bootstrap.MatchOther}, false, false},
		"a log, while it is set aside": {bootstrap.Intent{Do: bootstrap.IntentJoin, Member: "m"}, &setAsideIntent{Life: "a2"}, seated, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			a := &Agent{store: newStore(t), runner: newRunner(nil, zerolog.Nop()), disk: c.disk, board: boardRecord{ID: "a", Life: "a1", Intent: c.intent, Aside: c.aside}}
			if err := a.keepRecord(a.board); err != nil {
				t.Fatal(err)
			}
			for range 2 {
				if err := a.remember(); err != nil {
					t.Fatal(err)
				}
			}
			if (a.board.Intent == bootstrap.Intent{}) != c.cleared || !c.cleared && a.board.Intent != c.intent || a.board.Born != c.born {
				t.Errorf("intent %+v, born %v", a.board.Intent, a.board.Born)
			}
			if b := a.store.onDisk(t); b.Intent != a.board.Intent || b.Born != a.board.Born || (b.Aside == nil) != (c.aside == nil) {
				t.Errorf("on disk %+v, in memory %+v", b, a.board)
			}
		})
	}
}

// The intent stands on the disk before the data directory is claimed, and a
// start that is made again writes nothing new.
func TestIntentComesBeforeTheClaim(t *testing.T) {
	a := &Agent{store: newStore(t), board: boardRecord{ID: "a", Life: "a1"}}
	in := bootstrap.Intent{Do: bootstrap.IntentJoin, Member: "m"}
	undo := a.store.block(t, "board.json")
	if err := a.begin(bootstrap.Action{Do: bootstrap.Start}, in); err == nil || exists(a.store.path("etcd")) || a.board.Intent.Do != "" {
		t.Fatalf("without the intent on disk: %v, claimed %v, %+v", err, exists(a.store.path("etcd")), a.board.Intent)
	}
	undo()
	unborn(t, a.store)
	for range 2 {
		if err := a.begin(bootstrap.Action{Do: bootstrap.Start, Clear: len(a.store.archiveNamesOrNone()) == 0}, in); err != nil {
			t.Fatal(err)
		}
		if b := a.store.onDisk(t); b.Intent != in || a.store.ownerMatch(b) != bootstrap.MatchSame {
			t.Errorf("%+v, owner %v", b, a.store.ownerMatch(b))
		}
		if names := a.store.archiveNames(t); !slices.Equal(names, []string{"0001-unborn-a1"}) {
			t.Errorf("archive %q", names)
		}
	}
}

func (s *store) archiveNamesOrNone() []string {
	list, err := os.ReadDir(s.path("archive"))
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

// The release before knew of no seats, and had one intent.
func TestBoardOfTheReleaseBeforeIsRead(t *testing.T) {
	const before = `{"id":"%ID","fingerprints":%MARKS,"life":"a1","seq":41,"fleet":{"Cluster":"lab","Fingerprint":"f"},"born":%BORN%MORE}`
	marks, err := json.Marshal(discovery.Labelled("one").Fingerprints)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		born, more string
		want       bootstrap.Intent
	}{
		"at work":         {"true", "", bootstrap.Intent{}},
		"founding begun":  {"false", `,"intent":{"Do":"found","Plan":"0123456789abcdef"}`, bootstrap.Intent{Do: bootstrap.IntentFound, Plan: "0123456789abcdef"}},
		"an empty intent": {"false", `,"intent":{"Do":"","Plan":""}`, bootstrap.Intent{}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			text := strings.NewReplacer("%ID", boardID("one"), "%MARKS", string(marks), "%BORN", c.born, "%MORE", c.more).Replace(before)
			put(t, dir+"/state/board.json", text)
			p := park(t, dir, "one", loopback(t, 1)[0], "")
			for _, b := range []boardRecord{p.board, p.store.onDisk(t)} {
				if b.ID != boardID("one") || b.Life != "a1" || b.Seq != 42 || b.Fleet == nil || b.Born != (c.born == "true") || b.Intent != c.want {
					t.Errorf("%+v", b)
				}
				if b.Aside != nil || b.Readdressed || b.Yielded != nil {
					t.Errorf("out of nothing: %+v", b)
				}
			}
		})
	}
}

// What is written down about data that is being set aside comes back whole.
func TestIntentToSetAsideOutlivesTheAgent(t *testing.T) {
	s := newStore(t)
	in := setAsideIntent{aside: removedAside(), Life: "b2", ID: "c3", Fingerprints: discovery.Labelled("x").Fingerprints,
		Plan: planOf("other", founderAt("two", "b1", "10.0.0.2")), Gone: "c1", Left: true}
	if err := s.write("board.json", boardRecord{ID: "a", Life: "a1", Intent: bootstrap.Intent{Do: bootstrap.IntentSetAside}, Aside: &in}); err != nil {
		t.Fatal(err)
	}
	got := s.onDisk(t).Aside
	if got == nil || got.aside != in.aside || got.Life != in.Life || got.ID != in.ID || !slices.Equal(got.Fingerprints, in.Fingerprints) ||
		got.Plan == nil || !got.Plan.Equal(*in.Plan) || got.Gone != in.Gone || got.Left != in.Left {
		t.Errorf("got %+v, want %+v", got, in)
	}
}
