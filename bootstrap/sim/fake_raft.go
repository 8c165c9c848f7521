package sim

import (
	"fmt"
	"slices"
)

// settle lets everything happen that happens by itself at this instant: streams,
// removals, the end of leaders, elections, replication. It ends when nothing
// more does.
func (f *fabric) settle() {
	for again := true; again; {
		again = false
		f.streams()
		for _, s := range slices.Clone(f.servers) {
			if !s.stopped && f.toldRemoved(s) {
				f.die(s, faultRemoved, "the member has been permanently removed from the cluster")
				again = true
			}
		}
		for _, s := range f.servers {
			if s.leader == s && !f.leads(s) {
				s.leader, s.lost, again = nil, f.now(), true
			}
		}
		for _, s := range f.servers {
			if l := s.leader; l != nil && l != s && (l.stopped || l.leader != l || !f.connected(s, l) || s.dir.term > l.dir.term) {
				s.leader, s.lost = nil, f.now()
			}
		}
		for _, s := range f.servers {
			if s.leader == nil && f.campaign(s) {
				again = true
				break
			}
		}
		for _, s := range slices.Clone(f.servers) {
			if s.leader == s && !s.stopped {
				again = f.replicate(s) || again
			}
		}
	}
}

func (f *fabric) voter(s *server, in list) bool {
	m, ok := in.find(s.id)
	return ok && !m.learner
}

// behind says that a's log ends before b's.
func behind(a, b *dir) bool {
	at, bt := 0, 0
	if len(a.log) > 0 {
		at = a.log[len(a.log)-1].term
	}
	if len(b.log) > 0 {
		bt = b.log[len(b.log)-1].term
	}
	return at < bt || at == bt && len(a.log) < len(b.log)
}

// leads says that a leader still has a quorum, and that nobody whom it reaches
// has voted in a later term, which would make it step down.
func (f *fabric) leads(s *server) bool {
	if !f.voter(s, s.list) && !slices.Contains(s.list.removed, s.id) {
		return false
	}
	n := 0
	for _, o := range f.servers {
		if o != s && !f.connected(s, o) || !f.voter(o, s.list) {
			continue
		}
		if o.dir.term > s.dir.term {
			return false
		}
		n++
	}
	return n >= s.list.voters()/2+1
}

// campaign lets a server stand for election, if it has waited for long enough.
// A voter that hears its leader does not vote for another (CheckQuorum).
func (f *fabric) campaign(c *server) bool {
	if c.wedged || !f.voter(c, c.list) || f.now()-max(c.lost, c.up) < election/4 {
		return false
	}
	var votes []*server
	term := 0
	for _, o := range f.servers {
		if (o == c || f.connected(c, o)) && f.voter(o, c.list) && !behind(c.dir, o.dir) && o.leader == nil {
			votes = append(votes, o)
			term = max(term, o.dir.term)
		}
	}
	if len(votes) < c.list.voters()/2+1 {
		return false
	}
	for _, o := range votes {
		o.dir.term = term + 1
	}
	f.lead(c)
	return true
}

func (f *fabric) lead(c *server) {
	c.leader, c.match = c, map[string]int{}
	f.checkAcked(c)
	f.pastOf(c.dir.cluster).extend(f.now())
	c.dir.log = append(c.dir.log, entry{term: c.dir.term, kind: entryEmpty})
}

// synced says that a server has had the time to get what its leader has.
func (f *fabric) synced(l, s *server) bool {
	since, ok := l.active[s.id]
	return s == l || ok && f.now()-since >= s.lag
}

// replicate brings the leader's log to everybody it reaches and applies it.
func (f *fabric) replicate(l *server) bool {
	changed := false
	for _, s := range slices.Clone(f.servers) {
		if s == l || s.stopped || !f.connected(l, s) || s.dir.term > l.dir.term || l.leader != l {
			continue
		}
		if _, ok := l.list.find(s.id); !ok {
			continue
		}
		s.leader = l
		s.dir.term = l.dir.term
		if f.synced(l, s) && f.follow(l, s) {
			changed = true
		}
	}
	if l.applied < len(l.dir.log) && f.leads(l) && f.agreed(l) {
		l.dir.commit = len(l.dir.log)
		f.applyTo(l, l.dir.commit)
		changed = true
	}
	return f.publish(l) || changed
}

// agreed says that a quorum holds all of the leader's log.
func (f *fabric) agreed(l *server) bool {
	n := 0
	for _, o := range f.servers {
		if (o == l || f.connected(l, o)) && f.voter(o, l.list) && same(o.dir, l.dir) {
			n++
		}
	}
	return n >= l.list.voters()/2+1
}

// same says that two logs are equal: logs that end alike are (Raft, log
// matching property).
func same(a, b *dir) bool { return !behind(a, b) && !behind(b, a) }

// follow gives one follower what it lacks.
func (f *fabric) follow(l, s *server) bool {
	n := min(len(l.dir.log), len(s.dir.log))
	for n > 0 && l.dir.log[n-1].term != s.dir.log[n-1].term {
		n--
	}
	if n < l.match[s.id] {
		f.die(s, faultDamaged, fmt.Sprintf("tocommit(%d) is out of range [lastIndex(%d)]", l.match[s.id], n))
		return true
	}
	if n < s.dir.commit {
		f.broken(fmt.Sprintf("member %s and its leader %s differ in entry %d, which was committed", s.id, l.id, n))
		f.die(s, faultConflict, "conflict with committed entry")
		return true
	}
	changed := false
	if n < len(s.dir.log) || n < len(l.dir.log) {
		s.dir.log = append(s.dir.log[:n], l.dir.log[n:]...)
		changed = true
	}
	l.match[s.id] = len(l.dir.log)
	if s.dir.commit < l.dir.commit {
		s.dir.commit = l.dir.commit
	}
	if s.applied < s.dir.commit {
		f.applyTo(s, s.dir.commit)
		changed = true
	}
	return changed
}

// applyTo applies the log up to an entry. A joiner begins with the list that it
// was told, and replays the log from the beginning.
func (f *fabric) applyTo(s *server, to int) {
	if s.applied == 0 {
		s.list = list{}
	} else if f.now()-s.at >= batch {
		s.dir.db, s.dir.applied = s.list, s.applied
	}
	for s.applied < to {
		e := s.dir.log[s.applied]
		s.list, s.at = s.list.apply(e), f.now()
		s.applied++
		switch e.kind {
		case entryAdd, entryPromote, entryRemove, entryUpdate:
			f.listed(s)
		}
		if s.leader == s {
			f.committed(s, e)
		}
	}
}

// publish makes members ready that follow the leader for the first time.
func (f *fabric) publish(l *server) bool {
	changed := false
	for _, s := range f.servers {
		if s.leader != l || s.ready || !f.synced(l, s) || l.applied < len(l.dir.log) {
			continue
		}
		s.ready, changed = true, true
		if m, ok := l.list.find(s.id); ok && !m.started {
			l.dir.log = append(l.dir.log, entry{term: l.dir.term, kind: entryPublish, member: member{id: s.id, name: s.name}})
		}
	}
	return changed
}
