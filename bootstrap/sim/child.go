package sim

import (
	"time"

	"muster/bootstrap"
)

// child is the agent's side of its etcd.
type child struct {
	server   *server
	proc     bootstrap.ProcState
	wasReady bool
	readyAt  time.Duration
	crashes  int
	words    string
	fault    bootstrap.Fault
	retryAt  time.Duration
	endedAt  time.Duration
	runs     bootstrap.Pace // the pace of the present child
	turn     int            // counts starts, so that a stop ends one that is not up yet
	heard    map[string]time.Duration
	telling  bool // the child is about to tell its list again
}

// spawn starts a child, after the barrier if there is one.
func (a *agent) spawn(l launch, barrier string) {
	a.proc, a.wasReady, a.statusAt, a.runs = bootstrap.ProcStarting, false, 0, l.pace
	a.turn++
	turn, deadline := a.turn, a.w.now+3*time.Second
	var try func()
	try = func() {
		if a.turn != turn {
			return
		}
		if barrier != "" && a.w.now < deadline && !a.w.serves(a.b, barrier) {
			a.later(50*time.Millisecond, try)
			return
		}
		a.later((60*time.Millisecond+a.w.some(100*time.Millisecond))*a.b.slow, func() {
			if a.turn == turn {
				a.launch(l)
			}
		})
	}
	try()
}

// serves says that something listens at a peer URL that a board reaches.
func (w *World) serves(from *board, url string) bool {
	for _, s := range w.fabric.servers {
		if s.url == url && w.fabric.here(s) && w.fabric.both(from.host, s.host) {
			return true
		}
	}
	return false
}

func (a *agent) launch(l launch) {
	if a.b.host == "" || a.b.host != hostOf(l.url) {
		a.crashed(faultNone, "cannot assign requested address")
		return
	}
	if a.b.full != faultNone {
		a.crashed(a.b.full, "the file system cannot be written")
		return
	}
	l.machine, l.lag = a.b.n, a.w.some(2*time.Second)*a.b.slow
	s, why, err := a.w.fabric.start(l)
	if d := l.dir; d.logged {
		a.w.keep(d)
	}
	if err != nil {
		a.crashed(why, err.Error())
		return
	}
	if s.stopped {
		a.crashed(s.fault, s.words)
		return
	}
	a.server, a.heard, a.telling = s, map[string]time.Duration{}, false
	turn := a.turn
	a.sample, a.markTold = bootstrap.Mark{}, bootstrap.Mark{}
	a.later(markEvery, func() { a.tellMark(turn) })
	a.later(a.w.some(10*time.Millisecond), func() {
		if a.turn == turn && a.server == s && !a.fatal() {
			a.started(s)
		}
	})
}

// started takes the child's report that it began, or found, a log.
func (a *agent) started(s *server) {
	a.proc = bootstrap.ProcRunning
	a.facts = bootstrap.Disk{State: bootstrap.DiskMember, Cluster: s.dir.cluster, Member: s.id, PeerURL: a.facts.PeerURL,
		Members: members(s.dir.db.members), Hardware: a.facts.Hardware, Owner: a.owner(s.dir)}
	if s.dir.applied == 0 {
		a.facts.Members = members(s.list.members)
	}
	a.remember()
	a.tell(s)
	a.awaitReady(a.turn)
	a.wake(0)
}

// tell brings the child's list to the agent some time after it changed, and into the
// database. At a start the log is replayed over what the database says.
func (a *agent) tell(s *server) {
	if a.telling {
		return
	}
	a.telling = true
	a.later(50*time.Millisecond+a.w.some(250*time.Millisecond), func() {
		if a.server != s {
			return
		}
		a.telling = false
		if a.proc == bootstrap.ProcRunning && !sameList(a.facts.Members, s.list.members) {
			s.dir.db, s.dir.applied = s.list, s.applied
			a.facts.Members = members(s.list.members)
			a.wake(0)
		}
	})
}

// serverListed lets the child tell of a list that changed.
func (w *World) serverListed(s *server) {
	if a := w.boards[s.machine].agent; a != nil && a.server == s {
		a.tell(s)
	}
}

func (a *agent) awaitReady(turn int) {
	if a.turn != turn || a.server == nil {
		return
	}
	if a.server.ready {
		a.wasReady, a.readyAt, a.fault = true, a.w.now, bootstrap.FaultNone
		a.compareSoon(turn)
		a.later(0, a.watchNow)
		a.wake(0)
		return
	}
	a.later(200*time.Millisecond, func() { a.awaitReady(turn) })
}

// compareSoon compares the data with the peers' right after the start, and again
// until a leader was there for it that lasted, as the child does.
func (a *agent) compareSoon(turn int) {
	a.later(50*time.Millisecond+a.w.some(300*time.Millisecond), func() { a.compare(turn) })
}

func (a *agent) compare(turn int) {
	s := a.server
	if a.turn != turn || s == nil {
		return
	}
	if a.w.fabric.differs(s) {
		a.w.fabric.die(s, faultDiverged, "found data inconsistency with peers")
		a.w.fabric.settle()
		return
	}
	led := s.leader != nil
	a.later(3*time.Second, func() {
		if a.server == s && (!led || s.leader == nil) {
			a.compare(turn)
		}
	})
}

// crashed counts an end without an order.
func (a *agent) crashed(why fault, words string) {
	if a.wasReady && a.w.now-a.readyAt > time.Minute {
		a.crashes = 0
	}
	a.crashes++
	wait := time.Second << min(a.crashes-1, 6)
	if why == faultDiverged || why == faultForeign || why == faultConflict {
		wait = time.Minute // that does not pass by itself
	}
	a.server, a.proc, a.wasReady, a.words = nil, bootstrap.ProcBackoff, false, words
	a.retryAt, a.endedAt = a.w.now+min(wait, time.Minute), a.w.now
	if why == faultRemoved {
		a.proc = bootstrap.ProcStopped
		a.crashes--
	}
	switch why {
	case faultRemoved:
		a.fault = bootstrap.FaultRemoved
	case faultDamaged:
		a.fault = bootstrap.FaultDamaged
	case faultDiverged:
		a.fault = bootstrap.FaultDiverged
	case faultFull:
		a.fault = bootstrap.FaultFull
	case faultReadOnly:
		a.fault = bootstrap.FaultReadOnly
	case faultConflict:
		a.fault = bootstrap.FaultConflict
	default:
		a.fault = bootstrap.FaultNone
	}
	a.w.say("%s: etcd ended: %s", a.b.name(), words)
	a.look()
	a.wake(0)
}

// serverEnded brings the end of a server to the agent that had it.
func (w *World) serverEnded(s *server) {
	for _, b := range w.boards {
		if a := b.agent; a != nil && a.server == s {
			a.later(0, func() {
				if a.server == s {
					a.turn++
					a.crashed(s.fault, s.words)
				}
			})
		}
	}
}

// halt ends the child by order.
func (a *agent) halt(abrupt bool) {
	a.turn++
	if a.server != nil {
		if abrupt {
			a.w.fabric.kill(a.server)
		} else {
			a.w.fabric.stop(a.server)
		}
	}
	a.server, a.proc, a.wasReady, a.crashes, a.endedAt = nil, bootstrap.ProcStopped, false, 0, a.w.now
	a.look()
}

// etcd is what Decide sees of the child.
func (a *agent) etcd() bootstrap.Etcd {
	now := a.w.now
	e := bootstrap.Etcd{Proc: a.proc, Crashes: a.crashes, RetryAt: epoch.Add(a.retryAt), Fault: a.fault, LastWords: a.words}
	if e.Proc == bootstrap.ProcBackoff && now >= a.retryAt {
		e.Proc = bootstrap.ProcStopped
	}
	if a.endedAt > 0 {
		e.Ended = epoch.Add(a.endedAt)
	}
	if a.server == nil {
		return e
	}
	e.PeerURL = a.server.url
	switch {
	case !a.wasReady:
		e.Quorum = bootstrap.QuorumLost
	case a.statusAt > 0:
		e.Alarms = a.w.alarm
		e.Leader, e.Learner, e.Quorum = a.leads, a.learner, bootstrap.QuorumLost
		if a.leader {
			e.Quorum = bootstrap.QuorumHeld
		}
	}
	if a.server.leader == a.server {
		e.Progress = a.progress()
	}
	return e
}

// progress is what the leader's raft knows, smoothed as the child does.
func (a *agent) progress() []bootstrap.Progress {
	l, out := a.server, []bootstrap.Progress(nil)
	for _, m := range l.list.members {
		active := a.w.fabric.isActive(l, m.id)
		if active {
			a.heard[m.id] = a.w.now
		} else if at, ok := a.heard[m.id]; ok && a.w.now-at < 2*time.Second {
			active = true
		}
		match := l.match[m.id]
		if m.id == l.id {
			match = len(l.dir.log)
		}
		out = append(out, bootstrap.Progress{Member: m.id, Active: active, InSync: a.w.fabric.inSync(l, m.id) || a.w.plant.earlyPromote && active, Match: uint64(match)})
	}
	return out
}
