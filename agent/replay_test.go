package agent

import (
	"testing"
	"time"

	"github.com/rs/zerolog"

	"muster/bootstrap"
	"muster/bootstrap/etcd"
)

// TestOwnListIsTheChilds: what the child says of its list stands, whatever a quorum
// listed before.
func TestOwnListIsTheChilds(t *testing.T) {
	const past, now = "https://10.0.0.1:2380", "https://10.0.1.1:2380"
	list := func(own, other string) []etcd.Member {
		return []etcd.Member{{ID: "m1", PeerURLs: []string{own}}, {ID: "m2", PeerURLs: []string{other}}}
	}
	r := newRunner(nil, zerolog.Nop())
	a := &Agent{store: newStore(t), runner: r, log: zerolog.Nop(), board: boardRecord{ID: "a", Life: "a1"}}
	r.config.PeerURL = now
	hear := func(e etcd.Event, own, other string) {
		t.Helper()
		a.childNews(childReport{event: e})
		o := bootstrap.Observation{Now: time.Now(), Disk: a.disk,
			Cluster: bootstrap.Cluster{AsOf: time.Now(), ID: "c", Members: members(list("https://10.0.9.1:2380", "https://10.0.9.2:2380"))}}
		a.learn(&o)
		want := members(list(own, other))
		if d := o.Disk; d.Member != "m1" || d.Cluster != "c" || d.PeerURL != own || !sameList(d.Members, want) || !sameList(a.disk.Members, want) {
			t.Errorf("after %s: %+v, want %+v", e.Kind, d, want)
		}
	}
	hear(etcd.Event{Kind: etcd.EventStarted, MemberID: "m1", ClusterID: "c", Members: list(now, now)}, now, now)
	hear(etcd.Event{Kind: etcd.EventMembers, Members: list(past, past)}, past, past)
	hear(etcd.Event{Kind: etcd.EventReady, MemberID: "m1", ClusterID: "c"}, past, past)
	hear(etcd.Event{Kind: etcd.EventMembers, Members: list(now, past)}, now, past)
}

// TestStrandedStopIsWrittenDown: the log is not trusted by the next start, before
// the present one ends.
func TestStrandedStopIsWrittenDown(t *testing.T) {
	for why, want := range map[bootstrap.Row]bool{bootstrap.MovedAll: true, bootstrap.Moved: false} {
		r := newRunner(nil, zerolog.Nop())
		a := &Agent{store: newStore(t), runner: r, log: zerolog.Nop(), board: boardRecord{ID: "a", Life: "a1"}}
		if err := a.bind(a.board); err != nil {
			t.Fatal(err)
		}
		act := bootstrap.Action{Do: bootstrap.Stop, Why: why, Abrupt: true}
		undo := a.store.block(t, "board.json")
		r.proc = bootstrap.ProcStarting
		if err := a.stop(act); (err != nil) != want || r.ending == want || a.board.Readdressed {
			t.Errorf("%s, and nothing can be written: %v, ending %v, in memory %v", why, err, r.ending, a.board.Readdressed)
		}
		undo()
		if err := a.stop(act); err != nil || !r.ending || a.board.Readdressed != want || a.store.onDisk(t).Readdressed != want {
			t.Errorf("%s: %v, ending %v, in memory %v, on disk %+v", why, err, r.ending, a.board.Readdressed, a.store.onDisk(t))
		}
	}
}
