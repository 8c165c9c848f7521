package etcd

import (
	"context"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
)

// comparedBeside is how many election timeouts a leader must last after a
// comparison for it to count: one that has lost its quorum steps down within two.
const comparedBeside = 3

// compare compares the hash of the data with those of the peers that answer, as
// the feature gate InitialCorruptCheck does (etcd v3.7.3
// server/etcdserver/corrupt.go), but while peers are served already: settings has
// the reason. A channel that yields nil, or nothing for long, means that no
// difference was found.
//
// It is made at once, and again until a quorum was there for it. Where the data
// of two members differs, either may be the first to find out and end, and the
// other then finds nobody to compare with: if that one is the rotten one, it would
// stay up, and every good member that starts beside it would end.
func compare(ctx context.Context, e *embed.Etcd) <-chan error {
	result := make(chan error, 1)
	go func() { result <- compareWithQuorum(ctx, e) }()
	return result
}

func compareWithQuorum(ctx context.Context, e *embed.Etcd) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	lasts := time.Duration(comparedBeside*e.Config().ElectionMs) * time.Millisecond
	for {
		led := e.Server.Leader() != 0
		if err := e.Server.CorruptionChecker().InitialCheck(); err != nil {
			return err
		}
		for since := time.Now(); led; led = e.Server.Leader() != 0 {
			if time.Since(since) >= lasts {
				return nil
			}
			if !waited(ctx, e, tick) {
				return nil
			}
		}
		// Without a leader too: a peer that finds the difference first is gone within
		// a fraction of a second, before there is any.
		if !waited(ctx, e, tick) {
			return nil
		}
	}
}

// waited is false when there is nothing more to wait for.
func waited(ctx context.Context, e *embed.Etcd, tick *time.Ticker) bool {
	select {
	case <-ctx.Done():
		return false
	case <-e.Server.StoppingNotify():
		return false
	case <-tick.C:
		return true
	}
}
