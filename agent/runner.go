package agent

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"muster/bootstrap"
	"muster/bootstrap/etcd"
)

const (
	// barrierWait is how long a founder waits for the first one's server. etcd
	// probes its peers one by one, a second each, when their port is bound and
	// not yet served (v3.7.3 server/etcdserver/cluster_util.go
	// isMemberBootstrapped); with the barrier nobody meets such a port.
	barrierWait = 3 * time.Second
	barrierPoll = 15 * time.Millisecond
	// A child that dies is started again after 1 s, 2 s, 4 s … at most 1 min.
	backoffFirst = time.Second
	backoffMost  = time.Minute
	// childGrace is how long an ordered child may take: handing over leadership
	// takes at most 2 s.
	childGrace = 8 * time.Second
)

// childReport is news of the child, for the loop.
type childReport struct {
	spawned *etcd.Child
	event   etcd.Event
	exit    *etcd.Exit
	err     error // it could not be started at all
}

// runner owns the etcd child of this board. Its fields belong to the loop;
// what happens beside the loop comes back through reports.
type runner struct {
	argv    []string
	log     zerolog.Logger
	reports chan childReport

	proc    bootstrap.ProcState
	config  etcd.Config // of the present or last child
	child   *etcd.Child
	ready   bool
	readyAt time.Time
	ending  bool            // it was ordered to end
	seen    []etcd.Progress // what a leader's raft knows of the members
	mark    bootstrap.Mark  // how far the present child told that it has applied its log
	crashes int
	last    etcd.Exit // the last end without an order, while nothing ran well since
	endedAt time.Time
	retryAt time.Time

	lock    *os.File // inherited by the child: see openStore
	cancel  context.CancelFunc
	workers sync.WaitGroup
}

func newRunner(argv []string, log zerolog.Logger) *runner {
	return &runner{argv: argv, log: log, reports: make(chan childReport, 8), proc: bootstrap.ProcStopped, cancel: func() {}}
}

// start begins to start a child and returns. If barrier is not empty it waits
// until the server behind that peer URL answers, or barrierWait.
func (r *runner) start(ctx context.Context, c etcd.Config, barrier string) {
	r.cancel()
	ctx, r.cancel = context.WithCancel(ctx)
	r.proc, r.config, r.ready, r.ending = bootstrap.ProcStarting, c, false, false
	r.seen, r.mark = nil, bootstrap.Mark{}
	r.workers.Go(func() {
		if barrier != "" {
			waitFor(ctx, barrier, etcd.TLSFiles{CA: c.CA, Cert: c.Cert, Key: c.Key})
		}
		if ctx.Err() != nil {
			r.reports <- childReport{err: context.Cause(ctx)}
			return
		}
		child, err := etcd.Spawn(r.argv, c, r.log, r.lock)
		if err != nil {
			r.reports <- childReport{err: err}
			return
		}
		r.reports <- childReport{spawned: child}
		for e := range child.Events() {
			if e.Kind != etcd.EventStopped {
				r.reports <- childReport{event: e}
			}
		}
		<-child.Done()
		exit := child.Exit()
		r.reports <- childReport{exit: &exit}
	})
}

// waitFor polls a peer port until its server answers.
func waitFor(ctx context.Context, peerURL string, files etcd.TLSFiles) {
	ctx, cancel := context.WithTimeout(ctx, barrierWait)
	defer cancel()
	tick := time.NewTicker(barrierPoll)
	defer tick.Stop()
	for {
		if _, err := etcd.Probe(ctx, peerURL, files); err == nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// note takes a report into the runner's state. started says that the IDs of a
// child are known for the first time, ended that it is gone.
func (r *runner) note(now time.Time, n childReport) (started, ended bool) {
	switch {
	case n.spawned != nil:
		r.child = n.spawned
		if r.ending {
			r.endChild(true)
		}
	case r.ending && (n.err != nil || n.exit != nil):
		r.child, r.proc, r.ready, r.ending, r.endedAt = nil, bootstrap.ProcStopped, false, false, now
		r.seen, r.mark = nil, bootstrap.Mark{}
		return false, true
	case n.err != nil:
		r.crashed(now, etcd.Exit{Kind: etcd.ExitStartError, Code: -1, LastWords: n.err.Error()})
		return false, true
	case n.exit != nil:
		r.child = nil
		if n.exit.Kind == etcd.ExitOrdered {
			n.exit.LastWords = "ended by a signal from outside"
		}
		r.crashed(now, *n.exit)
		return false, true
	case n.event.Kind == etcd.EventStarted:
		r.proc = bootstrap.ProcRunning
		return true, false
	case n.event.Kind == etcd.EventReady:
		r.ready, r.readyAt, r.last = true, now, etcd.Exit{}
		r.log.Info().Str("member_id", n.event.MemberID).Str("cluster_id", n.event.ClusterID).Msg("etcd is ready")
	case n.event.Kind == etcd.EventProgress:
		r.seen = n.event.Progress
	case n.event.Kind == etcd.EventMark:
		r.mark = n.event.Mark
	}
	return false, false
}

// crashed counts an end without an order and sets when to try again. Only a
// child that served for long begins a new count: one that dies each time it is
// ready must not be an election a second.
func (r *runner) crashed(now time.Time, e etcd.Exit) {
	r.seen, r.mark, r.endedAt = nil, bootstrap.Mark{}, now
	if e.Cause() == etcd.CauseRemoved {
		// No crash: the server ended in order. It is not started again before the
		// quorum was asked.
		r.proc, r.last, r.ready, r.retryAt = bootstrap.ProcStopped, e, false, now
		r.log.Warn().Str("last_words", e.LastWords).Msg("etcd ended by itself")
		return
	}
	if r.ready && now.Sub(r.readyAt) > backoffMost {
		r.crashes = 0
	}
	r.crashes++
	wait := backoffMost
	// What these tell does not pass by itself.
	lasting := e.Cause() == etcd.CauseDiverged || e.Cause() == etcd.CauseConflict || e.Cause() == etcd.CauseForeign
	if r.crashes < 7 && !lasting {
		wait = min(backoffFirst<<(r.crashes-1), backoffMost)
	}
	// Jitter, so that boards that crash together do not start together for ever.
	wait += rand.N(wait / 4)
	r.proc, r.last, r.ready, r.retryAt = bootstrap.ProcBackoff, e, false, now.Add(wait)
	r.log.Warn().Str("exit", e.Kind.String()).Str("last_words", e.LastWords).Int("crashes", r.crashes).
		Dur("again_in_ms", wait).Msg("etcd ended by itself")
}

// facts are what Decide sees of the child. A back-off that is over is a child
// that may be started.
func (r *runner) facts(now time.Time) bootstrap.Etcd {
	f := bootstrap.Etcd{Proc: r.proc, Crashes: r.crashes, Ended: r.endedAt, RetryAt: r.retryAt}
	if r.proc == bootstrap.ProcStarting || r.proc == bootstrap.ProcRunning {
		f.PeerURL = cmp.Or(r.config.ListenPeerURL, r.config.PeerURL)
	}
	if r.last.Kind != etcd.ExitUnknown {
		f.LastWords = fmt.Sprintf("%s (%s)", r.last.LastWords, r.last.Kind)
		f.Fault = faultOf(r.last.Cause())
	}
	f.Progress = progressOf(r.seen)
	if f.Proc == bootstrap.ProcBackoff && !now.Before(r.retryAt) {
		f.Proc = bootstrap.ProcStopped
	}
	if f.Proc == bootstrap.ProcRunning && !r.ready {
		// etcd is ready only when its raft group has a leader (v3.7.3
		// server/etcdserver/server.go publishV3).
		f.Quorum = bootstrap.QuorumLost
	}
	return f
}

func progressOf(seen []etcd.Progress) []bootstrap.Progress {
	if seen == nil {
		return nil
	}
	out := make([]bootstrap.Progress, len(seen))
	for i, p := range seen {
		out[i] = bootstrap.Progress{Member: p.Member, Active: p.Active, InSync: p.InSync, Snapshot: p.Snapshot, Match: p.Match}
	}
	return out
}

func faultOf(c etcd.Cause) bootstrap.Fault {
	switch c {
	case etcd.CauseRemoved:
		return bootstrap.FaultRemoved
	case etcd.CauseDamaged:
		return bootstrap.FaultDamaged
	case etcd.CauseDiverged:
		return bootstrap.FaultDiverged
	case etcd.CauseConflict:
		return bootstrap.FaultConflict
	case etcd.CauseDiskFull:
		return bootstrap.FaultFull
	case etcd.CauseDiskReadOnly:
		return bootstrap.FaultReadOnly
	case etcd.CausePort:
		return bootstrap.FaultPort
	case etcd.CauseIO:
		return bootstrap.FaultIO
	}
	return bootstrap.FaultNone
}

// end orders the child to end, beside the loop; a report tells when it has.
// abrupt is without handing over leadership, where there is no way to anybody.
func (r *runner) end(abrupt bool) {
	if r.ending || r.proc != bootstrap.ProcStarting && r.proc != bootstrap.ProcRunning {
		return
	}
	r.ending = true
	if r.child == nil {
		// It waits at the barrier, or its report is on the way.
		r.cancel()
		return
	}
	r.endChild(abrupt)
}

func (r *runner) endChild(abrupt bool) {
	child := r.child
	r.workers.Go(func() {
		if abrupt {
			child.Kill()
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), childGrace)
		defer cancel()
		if err := child.Stop(ctx); err != nil {
			r.log.Warn().Err(err).Msg("etcd did not end in order")
		}
	})
}

// forget lets go of what past children told: the data that it was about is gone.
func (r *runner) forget() {
	r.proc, r.crashes, r.last, r.endedAt = bootstrap.ProcStopped, 0, etcd.Exit{}, time.Time{}
}

// stop ends the child in order, or kills it after childGrace, and waits for
// everything that start began.
func (r *runner) stop() error {
	r.cancel()
	var err error
	done := make(chan struct{})
	go func() { r.workers.Wait(); close(done) }()
	for {
		if r.child != nil {
			ctx, cancel := context.WithTimeout(context.Background(), childGrace)
			err = r.child.Stop(ctx)
			cancel()
			r.child = nil
		}
		select {
		case <-done:
			return err
		case n := <-r.reports:
			if n.spawned != nil {
				r.child = n.spawned
			}
		}
	}
}
