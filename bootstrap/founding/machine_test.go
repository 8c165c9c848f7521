package founding

import (
	"fmt"
	"strings"
	"testing"
)

var three = Terms{Cluster: "lab", Generation: 1, Boards: 3, Voters: 3}

func founder(n int) Founder {
	return Founder{
		Board: fmt.Sprintf("b%d", n), Life: fmt.Sprintf("l%d", n),
		Name: fmt.Sprintf("host%d", n), PeerURL: fmt.Sprintf("https://10.0.0.%d:2380", n),
	}
}

func newMachine(t *testing.T, terms Terms, self Founder, record Record) *Machine {
	t.Helper()
	m, err := New(Config{Terms: terms, Self: self, Record: record, Token: func() string { return "token-of-" + self.Board }})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// fleet delivers everything in order, and writes before it sends.
type fleet struct {
	t        *testing.T
	machines map[string]*Machine
	disks    map[string]Record
	chosen   map[string]int
}

func newFleet(t *testing.T, terms Terms, founders ...Founder) *fleet {
	f := &fleet{t, map[string]*Machine{}, map[string]Record{}, map[string]int{}}
	for _, b := range founders {
		f.machines[b.Board] = newMachine(t, terms, b, Record{})
	}
	return f
}

func (f *fleet) boards() []string {
	var ids []string
	for id := range f.machines {
		ids = append(ids, id)
	}
	return ids
}

func (f *fleet) propose(board string) {
	f.handle(board, f.machines[board].Propose(f.boards()))
}

func (f *fleet) handle(board string, ready Ready) {
	if ready.Record != nil {
		f.disks[board] = *ready.Record
	}
	if ready.Chosen != nil {
		f.chosen[board]++
	}
	if ready.Conflict != nil {
		f.t.Errorf("conflict at %s: %v", board, ready.Conflict)
	}
	for _, m := range ready.Messages {
		if to := f.machines[m.To]; to != nil {
			f.handle(m.To, to.Step(m))
		}
	}
}

func TestFleetAgrees(t *testing.T) {
	f := newFleet(t, Terms{Cluster: "lab", Generation: 1, Boards: 4, Voters: 3}, founder(1), founder(2), founder(3), founder(4))
	f.propose("b4")
	plan := f.machines["b4"].Chosen()
	if plan == nil {
		t.Fatalf("nothing chosen: %+v", f.machines["b4"].Status())
	}
	if plan.Token != "token-of-b4" || plan.Generation != 1 || len(plan.Founders) != 3 {
		t.Errorf("plan %+v", plan)
	}
	for board, m := range f.machines {
		if got := m.Chosen(); got == nil || !got.Equal(*plan) || f.disks[board].Chosen == nil || f.chosen[board] != 1 {
			t.Errorf("%s knows %v, told %d times", board, got, f.chosen[board])
		}
	}
	// A board that was wiped since is told by whoever it asks.
	again := founder(2)
	again.Life = "l2b"
	f.machines["b2"] = newMachine(t, f.machines["b1"].Terms(), again, Record{})
	f.propose("b2")
	if got := f.machines["b2"].Chosen(); got == nil || !got.Equal(*plan) {
		t.Errorf("after the wipe: %v", got)
	}
}

func TestOneBoardAlone(t *testing.T) {
	f := newFleet(t, Terms{Cluster: "lab", Generation: 1, Boards: 1, Voters: 1}, founder(1))
	f.propose("b1")
	if f.machines["b1"].Chosen() == nil {
		t.Errorf("nothing chosen: %+v", f.machines["b1"].Status())
	}
}

// The own promise and the own acceptance count only after the write, hence not
// before they come back as messages.
func TestOwnVoteGoesThroughDisk(t *testing.T) {
	m := newMachine(t, Terms{Cluster: "lab", Generation: 1, Boards: 1, Voters: 1}, founder(1), Record{})
	ready := m.Propose(nil)
	for _, want := range []struct {
		typ  MessageType
		disk bool
	}{{TypePrepare, true}, {TypePromise, false}, {TypeAccept, false}, {TypeAccepted, true}} {
		if len(ready.Messages) != 1 || ready.Messages[0].Type != want.typ || ready.Messages[0].To != "b1" {
			t.Fatalf("want one %s to itself, got %+v", want.typ, ready.Messages)
		}
		if (ready.Record != nil) != want.disk || ready.Chosen != nil {
			t.Errorf("with %s: record %v, chosen %v", want.typ, ready.Record, ready.Chosen)
		}
		ready = m.Step(ready.Messages[0])
	}
	if ready.Chosen == nil || ready.Record == nil || ready.Record.Chosen == nil {
		t.Errorf("at the end: %+v", ready)
	}
}

func TestBallotOutbidsAfterRestart(t *testing.T) {
	m := newMachine(t, three, founder(1), Record{})
	first := m.Propose(nil)
	if first.Record == nil || first.Record.Promised != first.Messages[0].Ballot {
		t.Fatalf("the ballot is sent but not written: %+v", first)
	}
	m = newMachine(t, three, founder(1), *first.Record)
	if second := m.Propose(nil); !first.Messages[0].Ballot.Less(second.Messages[0].Ballot) {
		t.Errorf("%v after %v", second.Messages[0].Ballot, first.Messages[0].Ballot)
	}
}

func TestRejectIsOutbid(t *testing.T) {
	high := Ballot{Counter: 41, Board: "b9", Life: "l9"}
	m, other := newMachine(t, three, founder(1), Record{}), newMachine(t, three, founder(2), Record{Promised: high})
	prepare := m.Propose([]string{"b2"}).Messages[1]
	answer := other.Step(prepare).Messages[0]
	if answer.Type != TypeReject || answer.Promised != high {
		t.Fatalf("answer %+v", answer)
	}
	m.Step(answer)
	if s := m.Status(); !s.Ballot.IsZero() || s.LastReject.Board != "b2" || !strings.Contains(s.LastReject.Reason, "41@b9") {
		t.Errorf("status %+v", s)
	}
	if b := m.Propose([]string{"b2"}).Messages[0].Ballot; b.Counter != 42 {
		t.Errorf("next ballot %v", b)
	}
}

func TestPromiseTellsWhatWasAccepted(t *testing.T) {
	plan := Plan{Cluster: "lab", Generation: 1, Token: "old", Founders: []Founder{founder(1), founder(2), founder(3)}}
	f := newFleet(t, three, founder(1), founder(2), founder(3))
	low, high := Ballot{1, "b9", "l9"}, Ballot{2, "b8", "l8"}
	younger := *plan.clone()
	younger.Token = "young"
	f.machines["b1"] = newMachine(t, three, founder(1), Record{Promised: low, Accepted: &Accepted{low, plan}})
	f.machines["b2"] = newMachine(t, three, founder(2), Record{Promised: high, Accepted: &Accepted{high, younger}})
	f.propose("b3") // learns what to outbid
	f.propose("b3")
	if got := f.machines["b3"].Chosen(); got == nil || got.Token != "young" {
		t.Errorf("chosen %+v, want the plan of the highest ballot", got)
	}
}

func TestChosenIsNeverReplaced(t *testing.T) {
	plan := &Plan{Cluster: "lab", Generation: 1, Token: "t", Founders: []Founder{founder(1), founder(2), founder(3)}}
	other := plan.clone()
	other.Token = "u"
	m := newMachine(t, three, founder(1), Record{})
	msg := Message{Type: TypeChosen, From: "b2", To: "b1", Terms: three, Plan: plan}
	if r := m.Step(msg); r.Chosen == nil || r.Record == nil || r.Conflict != nil || len(r.Messages) != 0 {
		t.Fatalf("first: %+v", r)
	}
	if r := m.Step(msg); r.Chosen != nil || r.Record != nil || r.Conflict != nil {
		t.Errorf("again: %+v", r)
	}
	msg.Plan = other
	if r := m.Step(msg); r.Conflict == nil || !r.Conflict.Equal(*other) || r.Record != nil || !m.Chosen().Equal(*plan) {
		t.Errorf("another: %+v", r)
	}
}

func TestFoundersAreNamedApart(t *testing.T) {
	promises := func(names ...string) map[string]promise {
		ps := map[string]promise{}
		for i, pair := range names {
			board, name, _ := strings.Cut(pair, "=")
			ps[board] = promise{founder: Founder{Board: board, Life: "l" + board, Name: name, PeerURL: fmt.Sprintf("https://10.0.0.%d:2380", i+1)}}
		}
		return ps
	}
	for _, c := range []struct{ promises, want string }{
		{"3fa1c2=pi 8b00aa=nas", "pi nas"},
		{"3fa1c2=pi 8b00aa=pi 9c11bb=nas", "pi-3fa1 pi-8b00 nas"},
		{"3fa1c2=pi 3fa1d3=pi", "pi-3fa1c pi-3fa1d"},
		{"3fa1c2=pi 8b00aa=pi 9c11bb=pi-3fa1", "pi-3fa1c pi-8b00a pi-3fa1"},
		{"a=pi b=pi c=pi-a", "a b c"},
	} {
		pairs := strings.Fields(c.promises)
		var got []string
		for _, f := range pick(promises(pairs...), len(pairs)) {
			got = append(got, f.Name)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: named %q, want %q", c.promises, got, c.want)
		}
	}
}

// Of two boards that claim one address at most one can be there.
func TestSharedAddressFoundsNothing(t *testing.T) {
	twin := founder(2)
	twin.PeerURL = founder(1).PeerURL
	f := newFleet(t, three, founder(1), twin, founder(3))
	f.propose("b1")
	s := f.machines["b1"].Status()
	if s.Chosen || s.Promises != 3 || !strings.Contains(s.LastReject.Reason, "share a peer URL") {
		t.Errorf("status %+v", s)
	}
	f.machines["b2"].SetSelf(founder(2))
	f.propose("b1")
	if !f.machines["b1"].Status().Chosen {
		t.Errorf("after the address changed: %+v", f.machines["b1"].Status())
	}
}

func TestStatusNamesTheSilent(t *testing.T) {
	m := newMachine(t, three, founder(1), Record{})
	ready := m.Propose([]string{"b3", "b2", "b2", ""})
	m.Step(m.Step(ready.Messages[0]).Messages[0])
	s := m.Status()
	if s.Quorum != 3 || s.Boards != 3 || s.Promises != 1 || strings.Join(s.Silent, " ") != "b2 b3" {
		t.Errorf("status %+v", s)
	}
}

func TestNotProposing(t *testing.T) {
	six := []string{"b2", "b3", "b4", "b5", "b6"}
	for _, c := range []struct {
		name   string
		record Record
		boards []string
		refuse string
		want   string
	}{
		{"too many boards", Record{}, six, "", "6 boards, founding is safe among at most 5"},
		{"refusing", Record{}, nil, "holds data", "holds data"},
		{"end of counters", Record{Promised: Ballot{MaxCounter, "b2", "l2"}}, nil, "", "no ballot is left"},
	} {
		m := newMachine(t, three, founder(1), c.record)
		m.Refuse(c.refuse)
		if r := m.Propose(c.boards); r.Record != nil || len(r.Messages) != 0 || !strings.Contains(m.Status().LastReject.Reason, c.want) {
			t.Errorf("%s: %+v, status %+v", c.name, r, m.Status())
		}
	}
	homeless := founder(1)
	homeless.PeerURL = ""
	m := newMachine(t, three, homeless, Record{})
	if r := m.Step(prepareFrom(2, three, 1)); r.Record != nil || !strings.Contains(r.Messages[0].Reason, "cannot be a founder yet") {
		t.Errorf("without an address: %+v", r)
	}
}

func TestNewRefusesForeignRecords(t *testing.T) {
	b := Ballot{1, "b2", "l2"}
	plan := Plan{Cluster: "lab", Generation: 1, Token: "t", Founders: []Founder{founder(1)}}
	foreign := plan
	foreign.Cluster = "shed"
	for _, c := range []struct {
		record Record
		want   string
	}{
		{Record{Promised: Ballot{MaxCounter + 1, "b2", "l2"}}, "impossible ballot"},
		{Record{Promised: b, Accepted: &Accepted{b, foreign}}, "shed"},
		{Record{Accepted: &Accepted{b, plan}}, "promised none"},
		{Record{Chosen: &foreign}, "shed"},
		{Record{Chosen: &plan}, ""}, // the owner raised voters since
	} {
		_, err := New(Config{Terms: three, Self: founder(1), Record: c.record, Token: func() string { return "t" }})
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%+v: %v, want %q", c.record, err, c.want)
		}
	}
	for _, c := range []Config{{}, {Terms: three}, {Terms: three, Self: founder(1)}} {
		if _, err := New(c); err == nil {
			t.Errorf("%+v passed", c)
		}
	}
}

// What is handed out and taken in is not shared with the caller.
func TestNothingIsShared(t *testing.T) {
	plan := &Plan{Cluster: "lab", Generation: 1, Token: "t", Founders: []Founder{founder(1), founder(2), founder(3)}}
	m := newMachine(t, three, founder(1), Record{Chosen: plan})
	plan.Founders[0].Name = "changed"
	m.Chosen().Founders[1].Name = "changed"
	m.Record().Chosen.Founders[2].Name = "changed"
	m.Propose([]string{"b2"}).Messages[0].Plan.Founders[2].Name = "changed"
	for _, f := range m.Chosen().Founders {
		if f.Name == "changed" {
			t.Errorf("%s was changed from outside", f.Board)
		}
	}
}
