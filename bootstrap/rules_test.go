package bootstrap

import (
	"fmt"
	"slices"
	"testing"
)

// sweep is one part of what boards can see, in every combination of small
// values, with the verbs and rows that it has to reach.
type sweep struct {
	name  string
	each  func(f func(State))
	verbs []Verb
	rows  []Row
}

// TestEveryCombinationKeepsTheRules holds the decision against the rules of
// docs/design.md, over every combination of what matters to them.
func TestEveryCombinationKeepsTheRules(t *testing.T) {
	rows, whole := map[Row]bool{}, true
	for _, w := range []sweep{foundings(), disks(), addresses(), places(), rivals(), seats(), doubts(), leavings(), renewals(), olderDisks(), olderBlanks()} {
		ran := false
		t.Run(w.name, func(t *testing.T) {
			ran = true
			for _, r := range w.run(t) {
				rows[r] = true
			}
		})
		whole = whole && ran // -run may have left parts out
	}
	for _, r := range Rows() {
		if whole && !rows[r] {
			t.Errorf("no combination leads to row %s", r)
		}
	}
}

// run goes through the sweep, reports each broken rule once, with its first
// case, and gives the rows that were reached.
func (w sweep) run(t *testing.T) []Row {
	n, j := 0, newJudge()
	verbs, rows, broken := map[Verb]int{}, map[Row]int{}, map[string]int{}
	w.each(func(s State) {
		a := Decide(s)
		n++
		verbs[a.Do]++
		rows[a.Why]++
		for _, rule := range j.judge(s, a) {
			if broken[rule]++; broken[rule] == 1 {
				t.Errorf("rule broken: %s\n decided %+v\n from %s", rule, a, seen(s))
			}
		}
	})
	if data := slices.Contains(w.rows, StaleData); data && j.proven == 0 {
		t.Error("nothing that is set aside may ever be proven to be redundant: the enumeration is too small")
	}
	for rule, times := range broken {
		t.Errorf("%d times: %s", times, rule)
	}
	t.Logf("%d combinations: %v", n, verbs)
	for _, v := range w.verbs {
		if verbs[v] == 0 {
			t.Errorf("no combination leads to %q: the enumeration is too small", v)
		}
	}
	var reached []Row
	for r := range rows {
		reached = append(reached, r)
	}
	for _, r := range w.rows {
		if rows[r] == 0 {
			t.Errorf("no combination leads to row %s: the enumeration is too small", r)
		}
	}
	return reached
}

// seen prints a state with the plans that it points to.
func seen(s State) string {
	return fmt.Sprintf("%+v\n plan %+v\n rival %+v", s, s.Plan, s.Founding.Rival)
}

// edit is one small value that a board may see.
type edit func(*State)

// dim is one thing that varies. Where its condition does not hold, on what was
// chosen before it, only its first value is taken.
type dim struct {
	where func(State) bool
	edits []edit
}

func vary(edits ...edit) dim { return dim{edits: edits} }

func varyWhere(where func(State) bool, edits ...edit) dim { return dim{where, edits} }

func same(*State) {}

// product calls f with every combination of the values. An edit must not write
// to what a slice or a map of the state shares with others.
func product(s State, dims []dim, f func(State)) {
	stages := make([]State, len(dims)+1)
	stages[0] = s
	var stage func(int)
	stage = func(i int) {
		if i == len(dims) {
			f(stages[i])
			return
		}
		edits := dims[i].edits
		if dims[i].where != nil && !dims[i].where(stages[i]) {
			edits = edits[:1]
		}
		for _, e := range edits {
			stages[i+1] = stages[i]
			e(&stages[i+1])
			stage(i + 1)
		}
	}
	stage(0)
}

// procs are the states of the child.
func procs() dim {
	var out []edit
	for _, p := range []ProcState{ProcStopped, ProcUnknown, ProcStarting, ProcRunning, ProcBackoff} {
		out = append(out, func(s *State) {
			if s.Etcd.Proc = p; p == ProcRunning {
				s.Etcd.Quorum, s.Etcd.Leader = QuorumHeld, true
			}
		})
	}
	return vary(out...)
}

func orders(list ...Order) dim { return ordersWhere(nil, list...) }

func ordersWhere(where func(State) bool, list ...Order) dim {
	var out []edit
	for _, o := range list {
		out = append(out, func(s *State) { s.Order = o })
	}
	return varyWhere(where, out...)
}

func peers(where func(State) bool, views ...[]Peer) dim {
	var out []edit
	for _, v := range views {
		out = append(out, func(s *State) { s.Peers = v })
	}
	return varyWhere(where, out...)
}

func lists(where func(State) bool, views ...Cluster) dim {
	var out []edit
	for _, v := range views {
		out = append(out, func(s *State) { s.Cluster = v })
	}
	return varyWhere(where, out...)
}

func intents(list ...Intent) dim { return intentsWhere(nil, list...) }

func intentsWhere(where func(State) bool, list ...Intent) dim {
	var out []edit
	for _, i := range list {
		out = append(out, func(s *State) { s.Disk.Intent = i })
	}
	return varyWhere(where, out...)
}
