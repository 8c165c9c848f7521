package founding

import "testing"

// TestForgot tells a founder that has kept its promise from one whose disk is of before it.
func TestForgot(t *testing.T) {
	f := newFleet(t, three, founder(1), founder(2), founder(3))
	f.propose("b2")
	plan := f.machines["b1"].Chosen()
	if plan == nil || plan.Ballot.IsZero() || plan.Ballot.Board != "b2" {
		t.Fatalf("the plan was made in ballot %+v", plan)
	}
	for board, m := range f.machines {
		if m.Status().Forgot {
			t.Errorf("%s has forgotten a promise that is on its disk", board)
		}
	}
	lowest := Ballot{Counter: plan.Ballot.Counter, Board: "b1", Life: "l1"}
	for _, tt := range []struct {
		name   string
		record Record
		self   Founder
		want   bool
	}{
		{"a disk of before the promise", Record{Chosen: plan}, founder(1), true},
		{"a disk with the promise of a lower ballot", Record{Promised: lowest, Chosen: plan}, founder(1), true},
		{"a disk with the promise", Record{Promised: plan.Ballot, Chosen: plan}, founder(1), false},
		{"a disk with a later promise", Record{Promised: Ballot{Counter: plan.Ballot.Counter + 1, Board: "b3", Life: "l3"}, Chosen: plan}, founder(1), false},
		{"another life of the board", Record{Chosen: plan}, Founder{Board: "b1", Life: "l9", Name: "host1", PeerURL: "https://10.0.0.1:2380"}, false},
		{"a board that the plan does not name", Record{Chosen: plan}, founder(4), false},
		{"no plan yet", Record{}, founder(1), false},
	} {
		if got := newMachine(t, three, tt.self, tt.record).Status().Forgot; got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}

// TestPlanKeepsItsBallot proposes a plan again that may have been chosen: it rests on the
// promises to the ballot in which it was made.
func TestPlanKeepsItsBallot(t *testing.T) {
	f := newFleet(t, three, founder(1), founder(2), founder(3))
	f.propose("b1")
	made := *f.machines["b1"].Chosen()
	record := Record{Promised: made.Ballot, Accepted: &Accepted{Ballot: made.Ballot, Plan: made}}
	again := newFleet(t, three, founder(1), founder(2), founder(3))
	for board := range again.machines {
		again.machines[board] = newMachine(t, three, again.machines[board].self, record)
	}
	again.propose("b3")
	if got := again.machines["b2"].Chosen(); got == nil || !got.Equal(made) || got.Ballot != made.Ballot {
		t.Errorf("chosen %+v, want %+v", got, made)
	}
}

func TestPlanOfAnImpossibleBallot(t *testing.T) {
	f := newFleet(t, three, founder(1), founder(2), founder(3))
	f.propose("b1")
	p := *f.machines["b1"].Chosen()
	p.Ballot.Counter = 0
	if err := p.Validate(three); err == nil {
		t.Error("a plan that nobody can have made is taken")
	}
	q := *f.machines["b1"].Chosen()
	q.Ballot.Life = "another"
	if q.Digest() == f.machines["b1"].Chosen().Digest() || q.Equal(*f.machines["b1"].Chosen()) {
		t.Error("two ballots, one digest")
	}
}
