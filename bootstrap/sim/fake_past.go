package sim

import (
	"fmt"
	"slices"
	"time"

	"muster/bootstrap"
)

// past is what a cluster has committed and acknowledged, kept beside its members,
// who may forget.
type past struct {
	cluster string
	list    list // after the last committed entry
	index   int  // of that entry
	acked   []int
	at      int             // index of the last acknowledged write; 0 none
	term    int             // and its term
	taken   map[string]bool // members whose data a fault or an order took
	leases  map[string]lease
	led     time.Duration             // when it had a leader last
	reach   map[string]bootstrap.Mark // how far the log of each member ever was
	heard   map[string]time.Duration  // when each member was connected to a leader last
}

// pastOf is the past of a cluster.
func (f *fabric) pastOf(cluster string) *past {
	for _, p := range f.pasts {
		if p.cluster == cluster {
			return p
		}
	}
	p := &past{cluster: cluster, taken: map[string]bool{}, leases: map[string]lease{}, reach: map[string]bootstrap.Mark{}, heard: map[string]time.Duration{}}
	f.pasts = append(f.pasts, p)
	return p
}

// holds says that a log has the last acknowledged write, and so, since logs that
// agree in one entry agree in all before it, every one.
func (p *past) holds(d *dir) bool {
	return p.at == 0 || len(d.log) >= p.at && d.log[p.at-1].term == p.term
}

// acknowledge notes that a client was told that its write is safe.
func (f *fabric) acknowledge(l *server, n int) {
	p := f.pastOf(l.dir.cluster)
	if !p.holds(l.dir) {
		f.broken(fmt.Sprintf("rule 1: member %s acknowledged write %d of cluster %s without write %d before it", l.id, n, p.cluster, p.acked[len(p.acked)-1]))
	}
	p.acked = append(p.acked, n)
	for i := len(l.dir.log); i > 0; i-- {
		if e := l.dir.log[i-1]; e.kind == entryPut && e.put == n {
			p.at, p.term = i, e.term
			return
		}
	}
}

// missing gives the first acknowledged write that a log does not have.
func (p *past) missing(d *dir) (int, bool) {
	i := 0
	for _, e := range d.log {
		if i < len(p.acked) && e.kind == entryPut && e.put == p.acked[i] {
			i++
		}
	}
	if i == len(p.acked) {
		return 0, false
	}
	return p.acked[i], true
}

// checkAcked holds a new leader against every write that was acknowledged.
func (f *fabric) checkAcked(c *server) {
	p := f.pastOf(c.dir.cluster)
	if n, lost := p.missing(c.dir); lost {
		f.broken(fmt.Sprintf("acknowledged write lost: member %s leads cluster %s without write %d", c.id, p.cluster, n))
	}
}

// committed follows what a leader applies; s.list is the list after entry e.
func (f *fabric) committed(s *server, e entry) {
	p := f.pastOf(s.dir.cluster)
	if s.applied <= p.index {
		return
	}
	before := p.list
	p.list, p.index = s.list, s.applied
	switch e.kind {
	case entryAdd, entryPromote, entryRemove:
		f.changed(s, before, e)
	case entryGrant, entryRevoke:
		p.lease(e, f.now())
	}
}

// begun gives a cluster the list that its first members were founded with.
func (f *fabric) begun(d *dir) {
	p := f.pastOf(d.cluster)
	if p.index > 0 {
		return
	}
	for _, e := range d.log {
		p.list = p.list.apply(e)
	}
	p.index = len(d.log)
}

// answering counts the voters of a list that a leader reaches.
func (f *fabric) answering(l *server, in list) int {
	n := 0
	for _, m := range in.members {
		if !m.learner && slices.ContainsFunc(f.servers, func(o *server) bool {
			return o.id == m.id && o.dir.cluster == l.dir.cluster && (o == l || f.connected(o, l))
		}) {
			n++
		}
	}
	return n
}
