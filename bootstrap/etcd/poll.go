package etcd

import (
	"context"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
)

// pollEvery is how often a server is asked for what it tells nobody by itself.
const pollEvery = 250 * time.Millisecond

// pollServer tells of a running server what its parent has to know: the member list when
// it is not as told any more, and what a leader sees of its peers, that only after
// ready is closed. One timer for both, because an idle board pays for being woken
// and not for the looks. It ends with ctx or the server.
func pollServer(ctx context.Context, e *embed.Etcd, told []Member, ready <-chan struct{}, r *reporter) {
	members, peers := lists{told}, newVitals(time.Duration(e.Config().ElectionMs)*time.Millisecond)
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-e.Server.StoppingNotify():
			return
		case <-tick.C:
		}
		members.look(e.Server, r)
		select {
		case <-ready:
			peers.look(e.Server, r)
		default:
		}
	}
}
