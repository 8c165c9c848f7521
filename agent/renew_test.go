package agent

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"muster/bootstrap"
	"muster/bootstrap/etcd"
)

// TestRestartAsked_AllAtOnce asks all boards of a fleet to start anew in the same
// second: never are two of them down, and who leads goes last.
func TestRestartAsked_AllAtOnce(t *testing.T) {
	at := loopback(t, 3)
	profile := loopbackProfile(t, 3, 3, at[0])
	var fleet []*running
	for i, name := range []string{"one", "two", "three"} {
		fleet = append(fleet, power(t, t.TempDir(), name, at[i], profile))
	}
	whole := func(s Status) bool {
		well := func(m MemberStatus) bool { return m.Healthy != nil && *m.Healthy }
		return len(s.Members) == 3 && !slices.ContainsFunc(s.Members, func(m MemberStatus) bool { return !well(m) }) &&
			!slices.ContainsFunc(s.Boards, func(b BoardSeen) bool { return !b.Alive || b.Role == nil || *b.Role != "voter" })
	}
	before := map[string]time.Time{}
	leader := ""
	for _, r := range fleet {
		s := r.status(t, "whole", whole)
		before[r.config.Name], leader = s.Board.AgentSince, *s.Cluster.Leader
	}
	for _, r := range fleet {
		if err := r.client.Restart(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	after := awaitRestarts(t, fleet, before)
	for name, since := range after {
		if name != leader && since.After(after[leader]) {
			t.Errorf("%s started anew after %s, which led", name, leader)
		}
	}
	for _, r := range fleet {
		s := r.status(t, "whole again", whole)
		if s.Board.RestartAsked != nil || s.Board.State == string(bootstrap.RestartAsked) {
			t.Errorf("%s still is to start anew: %+v", r.config.Name, s.Board)
		}
	}
	mustGiveTurnBack(t, fleet[0])
}

// TestTurnIsKnownToEtcdOnly goes through what can come of asking for the turn, and of giving it back: where it is not
// certain that the board has it, it asks again before it goes down.
func TestTurnIsKnownToEtcdOnly(t *testing.T) {
	take, release := bootstrap.Action{Do: bootstrap.TakeTurn, Target: "m1"}, bootstrap.Action{Do: bootstrap.ReleaseTurn, Target: "m1"}
	from, lost := time.Now(), errors.New("no answer")
	has := bootstrap.Turn{Until: from.Add(time.Minute)}
	for name, c := range map[string]struct {
		before bootstrap.Turn
		out    outcome
		want   func(bootstrap.Turn) bool
	}{
		"taken":          {bootstrap.Turn{Unknown: true}, outcome{action: take, from: from, turn: time.Minute}, func(u bootstrap.Turn) bool { return u == has }},
		"another's":      {bootstrap.Turn{}, outcome{action: take, err: etcd.ErrTurnTaken}, func(u bootstrap.Turn) bool { return !u.Unknown && !u.Denied.IsZero() && u.Why == "" }},
		"none":           {bootstrap.Turn{}, outcome{action: take, err: etcd.ErrNoTurns}, func(u bootstrap.Turn) bool { return !u.Denied.IsZero() && u.Why != "" }},
		"perhaps taken":  {bootstrap.Turn{}, outcome{action: take, err: lost}, func(u bootstrap.Turn) bool { return u == bootstrap.Turn{Unknown: true} }},
		"given back":     {bootstrap.Turn{Unknown: true}, outcome{action: release}, func(u bootstrap.Turn) bool { return u == bootstrap.Turn{} }},
		"ask again":      {bootstrap.Turn{Unknown: true}, outcome{action: release, err: etcd.ErrTurnTaken}, func(u bootstrap.Turn) bool { return u.Unknown && !u.Denied.IsZero() }},
		"had none":       {bootstrap.Turn{Unknown: true}, outcome{action: release, idle: true}, func(u bootstrap.Turn) bool { return u == bootstrap.Turn{} }},
		"perhaps given":  {bootstrap.Turn{}, outcome{action: release, err: lost}, func(u bootstrap.Turn) bool { return u == bootstrap.Turn{Unknown: true} }},
		"something else": {has, outcome{action: bootstrap.Action{Do: bootstrap.Promote}, err: lost}, func(u bootstrap.Turn) bool { return u == has }},
	} {
		a := &Agent{operator: newOperator(), log: zerolog.Nop(), turn: c.before}
		if a.operated(c.out); !c.want(a.turn) {
			t.Errorf("%s: %+v", name, a.turn)
		}
	}
}

// TestTurnThatIsBeingGivenBackIsNone begins to give a turn back and does not wait for the answer.
func TestTurnThatIsBeingGivenBackIsNone(t *testing.T) {
	has := bootstrap.Turn{Until: time.Now().Add(time.Minute)}
	a := &Agent{operator: newOperator(), log: zerolog.Nop(), turn: has, fleet: &fleet{watch: newWatch()}}
	a.state.Now = time.Now()
	defer a.operator.end()
	a.throughQuorum(t.Context(), bootstrap.Action{Do: bootstrap.TakeTurn})
	if a.throughQuorum(t.Context(), bootstrap.Action{Do: bootstrap.ReleaseTurn}); a.turn != has {
		t.Fatalf("not begun, and yet the turn is %+v", a.turn)
	}
	a.operator.busy = false
	<-a.operator.results
	if a.throughQuorum(t.Context(), bootstrap.Action{Do: bootstrap.ReleaseTurn}); a.turn != (bootstrap.Turn{Unknown: true}) {
		t.Errorf("%+v", a.turn)
	}
}

// awaitRestarts waits until every agent has started anew, of which no two may be down at the same time, and returns
// since when each runs.
func awaitRestarts(t *testing.T, fleet []*running, before map[string]time.Time) map[string]time.Time {
	t.Helper()
	down := func(r *running) bool {
		_, err := r.client.Status(t.Context())
		return err != nil
	}
	after := map[string]time.Time{}
	for deadline := time.Now().Add(2 * time.Minute); len(after) < len(fleet); {
		if time.Now().After(deadline) {
			t.Fatalf("after two minutes only %v of %v started anew", after, before)
		}
		for i, r := range fleet {
			next := fleet[(i+1)%len(fleet)]
			if down(r) && down(next) && down(r) {
				t.Fatalf("%s and %s are down at the same time", r.config.Name, next.config.Name)
			}
			if s, err := r.client.Status(t.Context()); err == nil && s.Board.AgentSince.After(before[r.config.Name]) {
				after[r.config.Name] = s.Board.AgentSince
			}
		}
	}
	return after
}

// mustGiveTurnBack wants a turn that nobody has any more, well before it ends by itself.
func mustGiveTurnBack(t *testing.T, r *running) {
	t.Helper()
	c := r.etcd(t)
	for deadline := time.Now().Add(turnFor / 2); ; time.Sleep(50 * time.Millisecond) {
		_, err := c.TakeTurn(t.Context(), "1", turnFor)
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("the turn is never given back: %v", err)
		}
	}
}
