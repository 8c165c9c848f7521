package bootstrap

import (
	"slices"
	"testing"
	"time"
)

func TestNoteKeepsSinceWhileTheRowStays(t *testing.T) {
	s := State{Observation: Observation{Now: t0}}.Note(Action{Do: Start, Why: FoundAgreed})
	s.Now = t0.Add(time.Second)
	s = s.Note(Action{Do: Wait, Why: FoundAgreed})
	if !s.Since.Equal(t0) || s.StartedAs != FoundAgreed {
		t.Errorf("since %v started as %q", s.Since, s.StartedAs)
	}
	if s = s.Note(Action{Do: Propose, Why: FoundAgreeing}); !s.Since.Equal(s.Now) || !s.Proposed.Equal(s.Now) {
		t.Errorf("since %v proposed %v", s.Since, s.Proposed)
	}
}

// TestNoteStartedAsAfterAMove: the row under which etcd was started stays until
// the move is over, and no child means no such row.
func TestNoteStartedAsAfterAMove(t *testing.T) {
	for _, tt := range []struct {
		started, why, want Row
	}{
		{Moved, Moved, Moved},
		{MovedAll, MovedAll, MovedAll},
		{Moved, Restart, Restart},
		{MovedAll, Restart, Restart},
		{Moved, LostQuorum, Moved},
		{FoundAgreed, Restart, FoundAgreed},
		{JoinSeated, SeatAdd, JoinSeated},
	} {
		s := voter()
		s.StartedAs = tt.started
		if got := s.Note(Action{Do: Wait, Why: tt.why}).StartedAs; got != tt.want {
			t.Errorf("started as %s, decided %s: now %q, want %q", tt.started, tt.why, got, tt.want)
		}
	}
	s := voter()
	s.StartedAs = Moved
	for proc, want := range map[ProcState]Row{ProcStopped: "", ProcStarting: Moved, ProcRunning: Moved, ProcBackoff: Moved, ProcUnknown: Moved} {
		o := s.Observation
		o.Etcd.Proc = proc
		if got := Fold(s, o).StartedAs; got != want {
			t.Errorf("child %v: started as %q, want %q", proc, got, want)
		}
	}
}

// TestNoteTriedSendsTheNextSeatElsewhere: who gave up a seat as a learner is the
// last to be tried again.
func TestNoteTriedSendsTheNextSeatElsewhere(t *testing.T) {
	s := learning()
	s.Learning.Since = s.Now.Add(-stallLog)
	a := Decide(s)
	if a.Do != Remove || a.Why != SeatStalled || a.Board != "d" {
		t.Fatalf("got %+v, want the stalled learner of d removed", a)
	}
	s = s.Note(a)
	if s.Tried["d"] != (Try{Member: a.Target, At: s.Now, Times: 1}) {
		t.Fatalf("tried %v", s.Tried)
	}
	// It is decided again and again until the quorum has done it.
	s.Now = s.Now.Add(tend)
	if s = s.Note(a); s.Tried["d"] != (Try{Member: a.Target, At: s.Now, Times: 1}) {
		t.Errorf("one seat in vain counts as %+v", s.Tried["d"])
	}
	another := a
	another.Target = "another"
	if twice := s.Note(another).Tried["d"]; twice.Times != 2 {
		t.Errorf("two seats in vain count as %+v", twice)
	}
	free := voter()
	free.Tried = s.Tried
	free.Peers = append(free.Peers, standbyPeer("e", 5), standbyPeer("f", 6))
	profiled(5)(&free)
	if a := Decide(Fold(free, free.Observation)); a.Do != Add || a.Board != "e" {
		t.Errorf("got %s %s, want a seat for e", a.Do, a.Board)
	}
	if s := voter().Note(Action{Do: Remove, Why: Leave}); len(s.Tried) != 0 {
		t.Errorf("a removal without a board counts as tried: %v", s.Tried)
	}
}

func TestLearnAndForget(t *testing.T) {
	b, c := Owner{Member: "22", Board: "b", Life: "b1"}, Owner{Member: "33", Board: "c", Life: "c1"}
	shown := with(peer("b", 2), func(p *Peer) { p.Data, p.Member = true, "22" })
	at := func(term, index uint64) Peer { return with(shown, func(p *Peer) { p.Log = Mark{term, index} }) }
	further := func(term, index uint64) Owner { o := b; o.Log = Mark{term, index}; return o }
	for _, tt := range []struct {
		name  string
		known []Owner
		peer  Peer
		want  []Owner
		news  bool
		grown bool
	}{
		{"new", []Owner{c}, shown, []Owner{c, b}, true, false},
		{"known", []Owner{b, c}, shown, []Owner{b, c}, false, false},
		{"another life", []Owner{b, c}, with(shown, func(p *Peer) { p.Life = "b2" }), []Owner{{Member: "22", Board: "b", Life: "b2"}, c}, true, false},
		{"another board", []Owner{b}, with(shown, func(p *Peer) { p.ID = "d" }), []Owner{{Member: "22", Board: "d", Life: "b1"}}, true, false},
		{"a dead board says nothing", []Owner{c}, with(shown, func(p *Peer) { p.Alive = false }), []Owner{c}, false, false},
		{"no data, no owner", []Owner{c}, with(shown, func(p *Peer) { p.Data = false }), []Owner{c}, false, false},
		{"no member, no owner", []Owner{c}, with(shown, func(p *Peer) { p.Member = "" }), []Owner{c}, false, false},
		{"no life, no owner", []Owner{c}, with(shown, func(p *Peer) { p.Life = "" }), []Owner{c}, false, false},
		{"who is silent stays known", []Owner{b, c}, peer("d", 4), []Owner{b, c}, false, false},
		{"a log that grows", []Owner{b, c}, at(3, 50), []Owner{further(3, 50), c}, false, true},
		{"a later term", []Owner{further(3, 50), c}, at(4, 50), []Owner{further(4, 50), c}, false, true},
		{"a log that is shorter by now", []Owner{further(3, 50), c}, at(3, 40), []Owner{further(3, 50), c}, false, false},
		{"a shorter log in a later term", []Owner{further(3, 50), c}, at(4, 40), []Owner{further(4, 50), c}, false, true},
		{"a member that shows no log", []Owner{further(3, 50), c}, shown, []Owner{further(3, 50), c}, false, false},
	} {
		before := slices.Clone(tt.known)
		got, news, grown := Learn(tt.known, []Peer{tt.peer})
		if !slices.Equal(got, tt.want) || news != tt.news || grown != tt.grown {
			t.Errorf("%s: got %v %v %v, want %v %v %v", tt.name, got, news, grown, tt.want, tt.news, tt.grown)
		}
		if !slices.Equal(tt.known, before) {
			t.Errorf("%s: Learn wrote to what it was given", tt.name)
		}
		if again, news, grown := Learn(got, []Peer{tt.peer}); news || grown || !slices.Equal(again, got) {
			t.Errorf("%s: the same card is news twice", tt.name)
		}
	}
	known := []Owner{b, c}
	got, fewer := Forget(known, []Member{{ID: "33"}, {ID: "44"}})
	if !slices.Equal(got, []Owner{c}) || !fewer || !slices.Equal(known, []Owner{b, c}) {
		t.Errorf("got %v %v, and what was known is %v", got, fewer, known)
	}
	if got, fewer := Forget(known, []Member{{ID: "22"}, {ID: "33"}}); !slices.Equal(got, known) || fewer {
		t.Errorf("got %v %v, want all kept", got, fewer)
	}
}
