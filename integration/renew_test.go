package integration

import (
	"fmt"
	"testing"
	"time"

	"muster/integration/boards"
)

// TestRestartAsked_AllAtOnce asks all boards of a fleet to start anew in the same second, as an upgrade does, while a
// client writes: one voter after the other goes, and who leads goes last.
func TestRestartAsked_AllAtOnce(t *testing.T) {
	f := newFleet(t, 4)
	_, c := f.found(profile{cluster: "lab", boards: 4, voters: 3})
	before := f.list(c.leader)
	since := map[int]time.Time{}
	for i, s := range f.await("before", f.Boards(), settled(3, 1)) {
		since[f.Boards()[i].Index] = s.Board.AgentSince
	}
	w := f.write(c.voters...)
	for _, b := range f.Boards() {
		f.must(b, "agent", "service", "restart", "--no-wait")
	}
	f.await("all started anew", f.Boards(), all(settled(3, 1), func(views []status) error {
		for i, s := range views {
			if b := f.Boards()[i]; !s.Board.AgentSince.After(since[b.Index]) || s.Board.RestartAsked != nil {
				return fmt.Errorf("%s runs since %v and is to start anew since %v", s.Board.Name, s.Board.AgentSince, s.Board.RestartAsked)
			}
		}
		last := views[0]
		for i, s := range views {
			if f.Boards()[i] == c.leader {
				last = s
			}
		}
		for _, s := range views {
			if s.Board.AgentSince.After(last.Board.AgentSince) {
				return fmt.Errorf("%s started anew after %s, which led", s.Board.Name, last.Board.Name)
			}
		}
		return nil
	}))
	r := w.stop()
	t.Logf("while all boards started anew: %v", r)
	if limit := putLimit + time.Second; r.Gap > limit {
		t.Errorf("a write was not done for %v, a retry within a second should have done: %v", r.Gap, r.Errors)
	}
	f.awaitList("the same", c.leader, sameIDs(before))
	f.sameData(c.leader)
}

// TestRestartAsked_WaitsForTheQuorum asks a voter that the others cannot do without.
func TestRestartAsked_WaitsForTheQuorum(t *testing.T) {
	f := newFleet(t, 3)
	_, c := f.found(profile{cluster: "lab", boards: 3, voters: 3})
	vanish(c.followers[0])
	on := without(f.Boards(), c.followers[0])
	f.await("the others see that it is gone", on, seesAlive(2))
	runs := f.await("it is known since when the agent runs", []*boards.Board{c.followers[1]}, settledHere)[0].Board.AgentSince
	f.must(c.followers[1], "agent", "service", "restart", "--no-wait")
	s := f.await("it says what it waits for", []*boards.Board{c.followers[1]}, inState("restart/asked"))[0]
	if s.Board.AgentSince != runs {
		t.Error("it has started anew, and the cluster cannot have done without it")
	}
	f.returns(c.followers[0])
	f.await("it starts anew once all are back", f.Boards(), all(settled(3, 0), func(views []status) error {
		for i, s := range views {
			if f.Boards()[i] == c.followers[1] && !s.Board.AgentSince.After(runs) {
				return fmt.Errorf("it has not started anew")
			}
		}
		return nil
	}))
}

func settledHere(views []status) error {
	if views[0].Board.Role != "voter" {
		return fmt.Errorf("it is a %s", views[0].Board.Role)
	}
	return nil
}
