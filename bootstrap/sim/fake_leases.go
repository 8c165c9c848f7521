package sim

import (
	"errors"
	"fmt"
	"time"
)

// How long the turn lasts of who takes it, and how much longer the lock that it is.
const (
	turnFor    = 75 * time.Second
	turnMargin = 15 * time.Second
)

// turnLock is the lease that is the lock under which one voter at a time goes down.
// The mark that says whose it is has the member's ID.
const turnLock = "lock"

var errTurn = errors.New("another board has its turn")

// lease is one that a cluster granted. The board is the world's alone.
type lease struct {
	until, ttl time.Duration
	board      int
}

// lease takes what was committed of leases.
func (p *past) lease(e entry, now time.Duration) {
	switch {
	case e.kind == entryRevoke:
		delete(p.leases, e.lease)
	case e.kind == entryGrant && p.left(e.lease, now) == 0:
		p.leases[e.lease] = lease{now + e.ttl, e.ttl, e.board}
	}
}

// left is how long a lease lives yet, where somebody leads: only leaders count.
func (p *past) left(id string, now time.Duration) time.Duration {
	return max(0, p.leases[id].until-now)
}

// extend gives every lease its whole time again that lived when there was a leader
// last, as each new leader does.
func (p *past) extend(now time.Duration) {
	for id, l := range p.leases {
		if p.left(id, p.led) > 0 {
			l.until = now + l.ttl
			p.leases[id] = l
		}
	}
}

// led notes until when clusters had a leader.
func (f *fabric) led() {
	for _, s := range f.servers {
		if s.leader == s {
			f.pastOf(s.dir.cluster).led = f.now()
		}
	}
}

// owns says that the turn is a member's: its mark lives, and was granted with the lock.
func (p *past) owns(member string, now time.Duration) bool {
	lock, mark := p.left(turnLock, now), p.left(member, now)
	return mark > 0 && lock >= mark && lock-mark <= 2*turnMargin
}

// takeTurn asks the quorum behind s for the turn of a member, for its board.
func (f *fabric) takeTurn(s *server, member string, board int) (left time.Duration, err error) {
	l, err := f.leaderOf(s)
	if err != nil {
		return 0, err
	}
	p := f.pastOf(s.dir.cluster)
	switch {
	case p.owns(member, f.now()):
		return p.left(member, f.now()), nil
	case p.left(turnLock, f.now()) > 0:
		return 0, errTurn
	case l.list.fenced || f.alarmed():
		return 0, errFenced
	}
	for _, e := range []entry{{kind: entryGrant, lease: turnLock, ttl: turnFor + turnMargin, board: board}, {kind: entryRevoke, lease: member},
		{kind: entryGrant, lease: member, ttl: turnFor, board: board}} {
		if err := f.propose(s, e); err != nil {
			return 0, err
		}
	}
	return turnFor, nil
}

// releaseTurn gives the turn back if it is the member's.
func (f *fabric) releaseTurn(s *server, member string, board int) (had bool, err error) {
	if _, err := f.leaderOf(s); err != nil {
		return false, err
	}
	p := f.pastOf(s.dir.cluster)
	if !p.owns(member, f.now()) && !f.blind {
		return false, nil
	}
	if by := p.leases[turnLock].board; by != board && p.left(turnLock, f.now()) > 0 {
		f.broken(fmt.Sprintf("rule 4: board-%d gives back the turn of board-%d", board+1, by+1))
	}
	for _, id := range []string{member, turnLock} {
		if err := f.propose(s, entry{kind: entryRevoke, lease: id}); err != nil {
			return false, err
		}
	}
	return true, nil
}
