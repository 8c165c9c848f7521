package sim

import (
	"errors"
	"fmt"
	"time"

	"muster/bootstrap"
)

// turnKept is how long a board may be well and keep its turn.
const turnKept = 15 * time.Second

// turned notes what came of asking for the turn, or of giving it back.
func (a *agent) turned(act bootstrap.Action, asked, left time.Duration, err error) {
	if act.Do != bootstrap.TakeTurn && act.Do != bootstrap.ReleaseTurn {
		return
	}
	switch {
	case errors.Is(err, errTurn):
		a.turnOf.Denied, a.turnOf.Why = a.w.time(), ""
	case errors.Is(err, errFenced):
		a.turnOf.Denied, a.turnOf.Why = a.w.time(), err.Error()
	case err != nil:
		a.turnOf.Unknown = true
	case act.Do == bootstrap.TakeTurn:
		a.turnOf = bootstrap.Turn{Until: epoch.Add(asked + left)}
	default:
		a.turnOf = bootstrap.Turn{}
	}
}

// checkTurnKept wants who is well, and has nothing to go down for, to let others go.
func (a *agent) checkTurnKept() {
	s := a.server
	well := s != nil && s.ready && a.healthy() && a.state.Row == bootstrap.Restart && bootstrap.Wish(a.state).Since.IsZero()
	if !well || !a.w.fabric.pastOf(s.dir.cluster).owns(s.id, a.w.now) {
		a.keeps = 0
		return
	}
	if a.keeps == 0 {
		a.keeps = a.w.now
	}
	if a.w.now-a.keeps > turnKept {
		a.w.broke(fmt.Sprintf("turn: %s is well and keeps its turn", a.b.name()))
	}
}

// renew ends the agent in order; it is started anew.
func (a *agent) renew() {
	a.checkTurn()
	a.steps(func() { a.halt(false) }, func() { a.b.kill(time.Second + a.w.some(2*time.Second)) })
}

// checkTurn holds a voter that goes down by itself against rule 4: it has its turn.
func (a *agent) checkTurn() {
	s := a.server
	if s == nil || !s.ready || !a.healthy() || s.list.voters() < 2 {
		return
	}
	if p := a.w.fabric.pastOf(s.dir.cluster); p.leases[turnLock].board != a.b.n || p.left(turnLock, a.w.now) == 0 {
		a.w.broke(fmt.Sprintf("rule 4: %s, a voter, goes down and it is not its turn", a.b.name()))
	}
}
