package sim

import (
	"errors"
	"fmt"
	"time"

	"muster/bootstrap"
)

// How long the lock lasts under which one voter at a time goes down, and what a
// board takes off because clocks run apart.
const (
	turnFor    = time.Minute
	turnMargin = 10 * time.Second
)

var errTurn = errors.New("another board has its turn")

// turn is that lock, a lease in etcd, and who has it.
type turn struct {
	board *board
	until time.Duration
}

// takeTurn asks the quorum behind s for the turn.
func (w *World) takeTurn(b *board, s *server) error {
	p := w.fabric.pastOf(s.dir.cluster)
	switch {
	case w.now < p.turn.until:
		return errTurn
	case s.list.fenced:
		return errFenced
	}
	if err := w.fabric.propose(s, entry{kind: entryEmpty}); err != nil {
		return err
	}
	p.turn = turn{b, w.now + turnFor}
	return nil
}

func (w *World) releaseTurn(b *board, s *server) error {
	p := w.fabric.pastOf(s.dir.cluster)
	if p.turn.board != b && w.now < p.turn.until {
		w.broke(fmt.Sprintf("rule 4: %s gives back the turn of %s", b.name(), p.turn.board.name()))
	}
	if err := w.fabric.propose(s, entry{kind: entryEmpty}); err != nil {
		return err
	}
	p.turn = turn{}
	return nil
}

// turned notes what came of asking for the turn, or of giving it back.
func (a *agent) turned(act bootstrap.Action, asked time.Duration, err error) {
	switch {
	case errors.Is(err, errTurn):
		a.turnOf.Denied, a.turnOf.Why = a.w.time(), ""
	case errors.Is(err, errFenced):
		a.turnOf.Denied, a.turnOf.Why = a.w.time(), err.Error()
	case err != nil:
	case act.Do == bootstrap.TakeTurn:
		a.turnOf = bootstrap.Turn{Until: epoch.Add(asked + turnFor - turnMargin)}
		a.b.disk.turn = a.turnOf
	case act.Do == bootstrap.ReleaseTurn:
		a.turnOf, a.b.disk.turn = bootstrap.Turn{}, bootstrap.Turn{}
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
