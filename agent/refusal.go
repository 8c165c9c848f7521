package agent

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"muster/bootstrap"
	"muster/bootstrap/etcd"
)

// refusedFor is how long etcd must refuse one change before it is told: most refusals
// pass within moments, and are no news.
const refusedFor = 10 * time.Second

// refusal is that etcd keeps refusing one change. The zero value is none.
type refusal struct {
	action bootstrap.Action
	why    string
	since  time.Time
}

// note takes what came of a change.
func (r *refusal) note(out outcome, now time.Time) {
	if errors.Is(out.err, errListChanged) {
		return // that was not asked of etcd at all
	}
	why := wordsOf(out.err)
	if why == "" {
		*r = refusal{}
		return
	}
	if !sameChange(r.action, out.action) {
		*r = refusal{action: out.action, since: now}
	}
	r.why = about(out.action) + why
}

// decided forgets a refusal when something else is to be done.
func (r *refusal) decided(act bootstrap.Action) {
	if !sameChange(r.action, act) {
		*r = refusal{}
	}
}

// told is what an owner should know of it by now, "" if nothing.
func (r *refusal) told(now time.Time) string {
	if r.since.IsZero() || now.Sub(r.since) < refusedFor {
		return ""
	}
	return r.why
}

func sameChange(a, b bootstrap.Action) bool {
	return a.Do == b.Do && a.Target == b.Target && a.PeerURL == b.PeerURL && a.Life == b.Life
}

// wordsOf says in words what etcd minds, "" if it minds nothing. Who has the turn to go
// down is told by the turn itself.
func wordsOf(err error) string {
	switch {
	case errors.Is(err, etcd.ErrUnhealthy):
		return "members are down, not started, or connected for less than 5 s, and the change could cost the quorum"
	case errors.Is(err, etcd.ErrNotInSync):
		return "the learner lacks more than a tenth of the leader's log"
	case errors.Is(err, etcd.ErrTooManyLearners):
		return "the cluster has a learner already"
	case errors.Is(err, etcd.ErrPeerURLTaken):
		return "another member is listed at that address"
	case errors.Is(err, etcd.ErrNotLeader):
		return "leadership is another member's by now"
	}
	return ""
}

// about names the member or board that a change is about.
func about(act bootstrap.Action) string {
	if act.Do == bootstrap.Add {
		return "the board at " + act.PeerURL + ": "
	}
	if act.Target == "" {
		return ""
	}
	name := act.Target
	if i := slices.IndexFunc(act.Members, func(m bootstrap.Member) bool { return m.ID == act.Target }); i >= 0 {
		name = cmp.Or(act.Members[i].Name, name)
	}
	return "member " + name + ": "
}
