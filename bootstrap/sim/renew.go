package sim

import (
	"errors"
	"fmt"
	"time"

	"muster/bootstrap"
)

// How long the turn lasts of who takes it, and how much longer the lock that it is.
const (
	turnFor    = 75 * time.Second
	turnMargin = 15 * time.Second
)

// turnKept is how long a board may be well and keep its turn.
const turnKept = 15 * time.Second

var errTurn = errors.New("another board has its turn")

// turn is the lock under which one voter at a time goes down, and the mark on it,
// two leases in etcd. The board is the world's alone.
type turn struct {
	board  *board
	until  time.Duration
	member string // whose the mark says it is
	marked time.Duration
}

// of is what is left of a member's turn.
func (t turn) of(member string, now time.Duration) time.Duration {
	if t.member != member {
		return 0
	}
	return max(0, t.marked-now)
}

// takeTurn asks the quorum behind s for the turn.
func (w *World) takeTurn(b *board, s *server, member string) (left time.Duration, err error) {
	p := w.fabric.pastOf(s.dir.cluster)
	if left := p.turn.of(member, w.now); left > 0 {
		return left, nil
	}
	switch {
	case w.now < p.turn.until:
		return 0, errTurn
	case s.list.fenced:
		return 0, errFenced
	}
	if err := w.fabric.propose(s, entry{kind: entryEmpty}); err != nil {
		return 0, err
	}
	p.turn = turn{board: b, until: w.now + turnFor + turnMargin}
	if err := w.fabric.propose(s, entry{kind: entryEmpty}); err != nil {
		return 0, err
	}
	p.turn.member, p.turn.marked = member, w.now+turnFor
	return turnFor, nil
}

// releaseTurn gives the turn back if it is the member's.
func (w *World) releaseTurn(b *board, s *server, member string) error {
	p := w.fabric.pastOf(s.dir.cluster)
	if p.turn.of(member, w.now) == 0 {
		return nil
	}
	if p.turn.board != b {
		w.broke(fmt.Sprintf("rule 4: %s gives back the turn of %s", b.name(), p.turn.board.name()))
	}
	if err := w.fabric.propose(s, entry{kind: entryEmpty}); err != nil {
		return err
	}
	p.turn.member = ""
	if err := w.fabric.propose(s, entry{kind: entryEmpty}); err != nil {
		return err
	}
	p.turn = turn{}
	return nil
}

// turned notes what came of asking for the turn, or of giving it back.
func (a *agent) turned(act bootstrap.Action, asked, left time.Duration, err error) {
	switch {
	case errors.Is(err, errTurn):
		a.turnOf.Denied, a.turnOf.Why = a.w.time(), ""
	case errors.Is(err, errFenced):
		a.turnOf.Denied, a.turnOf.Why = a.w.time(), err.Error()
	case err != nil:
	case act.Do == bootstrap.TakeTurn:
		a.turnOf = bootstrap.Turn{Until: epoch.Add(asked + left)}
	case act.Do == bootstrap.ReleaseTurn:
		a.turnOf = bootstrap.Turn{}
	}
}

// checkTurnKept wants who is well, and has nothing to go down for, to let others go.
func (a *agent) checkTurnKept() {
	s := a.server
	well := s != nil && s.ready && a.healthy() && a.state.Row == bootstrap.Restart && bootstrap.Wish(a.state).Since.IsZero()
	if !well || a.w.fabric.pastOf(s.dir.cluster).turn.of(s.id, a.w.now) == 0 {
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
	if t := a.w.fabric.pastOf(s.dir.cluster).turn; t.board != a.b || a.w.now >= t.until {
		a.w.broke(fmt.Sprintf("rule 4: %s, a voter, goes down and it is not its turn", a.b.name()))
	}
}
