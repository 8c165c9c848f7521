package etcd

import (
	"context"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
)

// How often a server is asked for what it tells nobody by itself. A follower knows
// nothing of its peers, and after its start its list changes with the membership
// alone: in peace it is asked seldom, because an idle board pays for being woken.
const (
	pollEvery    = 250 * time.Millisecond
	pollFollower = time.Second
	// peaceAfter is how long a follower must be ready, and its list as it is.
	peaceAfter = 10 * time.Second
)

// pollServer tells of a running server what its parent has to know: the member list
// when it is not as told any more, how far it has applied its log, and what a leader sees
// of its peers, that only after ready is closed. One timer for all. It ends with ctx or the server.
func pollServer(ctx context.Context, e *embed.Etcd, told []Member, ready <-chan struct{}, r *reporter) {
	members, peers := lists{told}, newVitals(time.Duration(e.Config().ElectionMs)*time.Millisecond)
	var log applied
	every := pollEvery
	timer := time.NewTimer(every)
	defer timer.Stop()
	unrest := time.Now()
	changed := e.Server.LeaderChangedNotify()
	for {
		select {
		case <-ctx.Done():
			return
		case <-e.Server.StoppingNotify():
			return
		case <-changed:
			// It may lead now, and counts by quick polls then.
			changed = e.Server.LeaderChangedNotify()
			every = pollEvery
			timer.Reset(every)
			continue
		case <-timer.C:
		}
		log.look(every, e.Server, r)
		every = pollEvery
		timer.Reset(every)
		if members.look(e.Server, r) {
			unrest = time.Now()
		}
		select {
		case <-ready:
		default:
			unrest = time.Now()
			continue
		}
		peers.look(e.Server, r)
		changed = e.Server.LeaderChangedNotify() // before the look at who leads
		leader := e.Server.Leader()
		if leader != 0 && leader != e.Server.MemberID() && time.Since(unrest) > peaceAfter {
			every = pollFollower
			timer.Reset(every)
		}
	}
}
