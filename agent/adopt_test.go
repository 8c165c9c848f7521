package agent

import (
	"encoding/json"
	"maps"
	"testing"

	"muster/bootstrap/founding"
	"muster/discovery"
)

func TestPlanThatWasAdopted(t *testing.T) {
	ours := planOf("ours", founding.Founder{Board: "a", Life: "a1", Name: "a", PeerURL: "https://10.0.0.1:2380"})
	theirs := planOf("theirs", founding.Founder{Board: "b", Life: "b1", Name: "b", PeerURL: "https://10.0.0.2:2380"})
	s := newStore(t)
	open := func() *agreement {
		g := openTestAgreement(t, s)
		g.givenUp = func(p *founding.Plan) bool { return p.Equal(*ours) }
		return g
	}
	hears := func(g *agreement, p *founding.Plan) {
		t.Helper()
		b, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		g.receive(shareNowhere{}, discovery.Message{From: "b", Payload: b, Shared: true})
		told, err := json.Marshal(g.chosen(p, "b", "a"))
		if err != nil {
			t.Fatal(err)
		}
		g.receive(shareNowhere{}, discovery.Message{From: "b", Payload: told})
	}
	promised := founding.Ballot{Counter: 9, Board: "b", Life: "b1"}
	accepted := founding.Accepted{Ballot: founding.Ballot{Counter: 8, Board: "a", Life: "a1"}, Plan: *ours}
	if err := s.write("founding.json", foundingRecord{1, founding.Record{Promised: promised, Accepted: &accepted, Chosen: ours}}); err != nil {
		t.Fatal(err)
	}
	g := open()
	g.setRefusal("its data directory is not empty")
	hears(g, theirs)
	if g.rival == nil || !g.rival.Equal(*theirs) || !g.machine.Chosen().Equal(*ours) {
		t.Fatalf("rival %v, chosen %v", g.rival, g.machine.Chosen())
	}

	undo := s.block(t, "founding.json")
	if err := g.adopt(*theirs); err == nil || !g.machine.Chosen().Equal(*ours) || g.rival == nil {
		t.Errorf("adopted without the disk: %v, %v", err, g.machine.Chosen())
	}
	undo()
	for range 2 {
		if err := g.adopt(*theirs); err != nil {
			t.Fatal(err)
		}
	}
	if got := g.machine.Status().Refusing; got == "" {
		t.Error("adopting made it take part in founding")
	}
	for name, g := range map[string]*agreement{"at once": g, "after a restart": open()} {
		r := g.machine.Record()
		if p := g.machine.Chosen(); p == nil || !p.Equal(*theirs) || g.rival != nil {
			t.Errorf("%s: chosen %v, rival %v", name, p, g.rival)
		}
		if r.Promised != promised || r.Accepted == nil || r.Accepted.Ballot != accepted.Ballot || !r.Accepted.Plan.Equal(*ours) {
			t.Errorf("%s: promises %+v", name, r)
		}
		before := s.files(t)
		hears(g, ours)
		hears(g, theirs)
		if !g.machine.Chosen().Equal(*theirs) || g.rival != nil || !maps.Equal(before, s.files(t)) {
			t.Errorf("%s: after gossip told of the plan that was given up: chosen %v, rival %v", name, g.machine.Chosen(), g.rival)
		}
	}
}

// A board that knows no plan does not take one of a cluster that it gave up.
func TestPlanThatWasGivenUpIsNotLearned(t *testing.T) {
	ours := planOf("ours", founding.Founder{Board: "b", Life: "b1", Name: "b", PeerURL: "https://10.0.0.2:2380"})
	a := &Agent{board: boardRecord{Yielded: []string{clusterOf(ours)}}}
	s := newStore(t)
	g := openTestAgreement(t, s)
	g.givenUp = a.gaveUp
	b, err := json.Marshal(ours)
	if err != nil {
		t.Fatal(err)
	}
	g.receive(shareNowhere{}, discovery.Message{From: "b", Payload: b, Shared: true})
	if g.machine.Chosen() != nil || exists(s.path("founding.json")) {
		t.Errorf("taken: %v", g.machine.Chosen())
	}
	a.board.Yielded = nil
	g.receive(shareNowhere{}, discovery.Message{From: "b", Payload: b, Shared: true})
	if g.machine.Chosen() == nil {
		t.Error("a plan of a cluster that was not given up is not taken either: the test shows nothing")
	}
}
