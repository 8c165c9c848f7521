package agent

import (
	"testing"
	"time"

	"github.com/rs/zerolog"

	"muster/bootstrap"
	"muster/discovery"
)

func TestCard(t *testing.T) {
	profile := loadProfile(t, loopbackProfile(t, 3, 3, loopback(t, 1)[0]))
	carded := func(edit func(*Agent)) discovery.Card {
		a := &Agent{host: "h", board: boardRecord{ID: boardID("one"), Life: "a1", Seq: 3}, hardware: discovery.Labelled("one"),
			fleet: &fleet{profile: profile}, runner: newRunner(nil, zerolog.Nop()), seat: bootstrap.Seat{Member: "m9", Board: "b", Life: "b1"},
			disk: bootstrap.Disk{State: bootstrap.DiskMember, Cluster: "c", Member: "m1", Hardware: bootstrap.MatchSame, Owner: bootstrap.MatchSame}}
		a.state.Row, a.state.Cluster.Keys = bootstrap.Restart, bootstrap.KeysSome
		a.state.Etcd = bootstrap.Etcd{Proc: bootstrap.ProcRunning, Quorum: bootstrap.QuorumHeld}
		edit(a)
		a.state.Seat = a.seat
		return a.card()
	}
	seat := discovery.Seat{Member: "m9", Life: "b1"}
	// The steward of a fleet that has just been given a slower pace, of which its disk has this.
	steers := func(onDisk bootstrap.Pace) func(*Agent) {
		return func(a *Agent) {
			a.board.Pace, a.state.Pace, a.state.Now, a.state.Etcd.Leader = onDisk, 200, time.Now(), true
			a.state.Disk = a.disk
			a.state.Cluster = bootstrap.Cluster{AsOf: a.state.Now, ID: "c", Members: []bootstrap.Member{{ID: "m1"}}}
		}
	}
	for name, c := range map[string]struct {
		edit func(*Agent)
		want func(discovery.Card) bool
	}{
		"a voter": {func(*Agent) {}, func(c discovery.Card) bool {
			return c.Board == boardID("one") && c.Life == "a1" && c.Data && c.Cluster == "c" && c.Member == "m1" && c.Healthy && c.Role == "voter" && c.Seat == seat && c.Keys == int(bootstrap.KeysSome)
		}},
		// Who proposes a plan may see no other card of it before.
		"the first, before anything was decided": {func(a *Agent) { a.state, a.speed = bootstrap.State{}, diskSpeed{P99: 150, Writes: 30} }, func(c discovery.Card) bool {
			return c.Sync == 150
		}},
		"on other hardware": {func(a *Agent) {
			a.hardware, a.disk.Hardware, a.state.Row = discovery.Labelled("another"), bootstrap.MatchOther, bootstrap.Clone
			a.state.Etcd = bootstrap.Etcd{Proc: bootstrap.ProcStopped}
		}, func(c discovery.Card) bool {
			return c.Board == boardID("another") && !c.Data && c.Cluster == "" && c.Member == "" && !c.Healthy && c.Role == "none" && c.Seat == discovery.Seat{} && c.Keys == 0
		}},
		"other hardware that has no ID": {func(a *Agent) { a.hardware, a.disk.Hardware = discovery.Hardware{}, bootstrap.MatchOther }, func(c discovery.Card) bool {
			return c.Board == boardID("one") && !c.Data && c.Member == ""
		}},
		"data of another owner": {func(a *Agent) { a.disk.Owner = bootstrap.MatchOther }, func(c discovery.Card) bool {
			return c.Board == boardID("one") && c.Data && c.Cluster == "c" && c.Member == "" && c.Seat == seat
		}},
		"data of nobody knows whom": {func(a *Agent) { a.disk.Owner = bootstrap.MatchUnknown }, func(c discovery.Card) bool { return c.Data && c.Member == "" }},
		"damaged":                   {func(a *Agent) { a.disk.State = bootstrap.DiskDamaged }, func(c discovery.Card) bool { return c.Data && c.Member == "" }},
		"a learner":                 {func(a *Agent) { a.state.Etcd.Learner = true }, func(c discovery.Card) bool { return c.Role == "learner" && !c.Healthy && c.Member == "m1" }},
		"without a leader":          {func(a *Agent) { a.state.Etcd.Quorum = bootstrap.QuorumLost }, func(c discovery.Card) bool { return c.Role == "voter" && !c.Healthy }},
		"a pace that it keeps":      {steers(200), func(c discovery.Card) bool { return c.Pace == 200 }},
		"one that is not on disk":   {steers(0), func(c discovery.Card) bool { return c.Pace == 0 }},
		"a voter that is missed": {func(a *Agent) {
			steers(200)(a)
			a.state.Cluster.Members = append(a.state.Cluster.Members, bootstrap.Member{ID: "m2"})
			a.state.Unseen = map[string]time.Time{"m2": a.state.Now.Add(-3 * time.Minute)}
		}, func(c discovery.Card) bool { return c.Missed == discovery.Missed{Member: "m2", Minutes: 3} }},
		"nobody is missed": {steers(200), func(c discovery.Card) bool { return c.Missed == discovery.Missed{} && !c.Twin }},
		"a twin": {func(a *Agent) {
			a.state.Self.ID, a.state.Now = a.board.ID, time.Now()
			a.state.Twins = map[string]time.Time{a.board.ID: a.state.Now.Add(-time.Minute)}
		}, func(c discovery.Card) bool { return c.Twin }},
		"how far its log is":        {func(a *Agent) { a.runner.mark = bootstrap.Mark{Term: 3, Index: 70} }, func(c discovery.Card) bool { return c.Log == discovery.Mark{Term: 3, Index: 70} }},
		"a log that only lies here": {func(a *Agent) { a.disk.Log = bootstrap.Mark{Term: 3, Index: 70} }, func(c discovery.Card) bool { return c.Log == discovery.Mark{} }},
		"no seat given":             {func(a *Agent) { a.seat = bootstrap.Seat{} }, func(c discovery.Card) bool { return c.Seat == discovery.Seat{} }},
	} {
		if got := carded(c.edit); !c.want(got) {
			t.Errorf("%s: %+v", name, got)
		}
	}
}
