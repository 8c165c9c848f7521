package etcd

import (
	"time"

	"go.etcd.io/etcd/server/v3/etcdserver"

	"muster/bootstrap"
)

// appliedEvery is how often a server is asked how far it has applied its log.
const appliedEvery = 5 * time.Second

// applied tells how far a server has applied its log, as of one look ago, and only when
// it is further than was told. What is told is on this board's disk: others hold the disk
// against it. A leader applies what the others have on disk before its own has it (etcd
// v3.7.3 server/etcdserver/raft.go, start), and on a card that stalls that takes longer
// than any time to wait. So it is told only when raft has had it saved, too.
type applied struct {
	waited time.Duration // since the last look, as polls count it
	seen   bootstrap.Mark
	told   bootstrap.Mark
}

func (a *applied) look(waited time.Duration, s *etcdserver.EtcdServer, r *reporter) {
	if !a.due(waited) {
		return
	}
	// In this order: the term of an earlier entry says less, and that of a later one
	// too much. Both are 0 until an entry was applied since the start.
	now := bootstrap.Mark{Term: s.Term()}
	now.Index = s.AppliedIndex()
	if mark, news := a.see(now, savedUpTo()); news {
		r.say(message{Event: EventMark, Mark: mark})
	}
}

// due counts the time between two polls, and says whether it is time to look.
func (a *applied) due(waited time.Duration) bool {
	a.waited += waited
	if a.waited < appliedEvery {
		return false
	}
	a.waited = 0
	return true
}

// see takes one look, and says what is to be told, if anything is. saved is the last
// committed entry that is on disk.
func (a *applied) see(now bootstrap.Mark, saved uint64) (mark bootstrap.Mark, news bool) {
	mark, a.seen = a.seen, now
	if mark.Index == 0 || mark == a.told || mark.Index > saved {
		return bootstrap.Mark{}, false
	}
	a.told = mark
	return mark, true
}

// savedUpTo is the last committed entry that the server has on disk, 0 if that is not
// known: raft counts as applied what was handed out before its last Advance, and etcd
// calls that when the log is synced.
func savedUpTo() uint64 {
	status, ok := raftStatus()
	if !ok {
		return 0
	}
	return status.Applied
}
