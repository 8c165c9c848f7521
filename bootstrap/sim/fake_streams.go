package sim

import (
	"slices"
	"time"
)

// stop ends a server in order: a leader hands over, the database is complete.
func (f *fabric) stop(s *server) {
	if s.stopped {
		return
	}
	if s.leader == s {
		for _, o := range f.servers {
			if o != s && f.transfer(s, o.id) == nil {
				break
			}
		}
	}
	s.at = -batch
	f.kill(s)
}

// kill ends a server like a power cut: what the database had not taken in yet
// is only in the log.
func (f *fabric) kill(s *server) {
	if s.stopped {
		return
	}
	if f.now()-s.at >= batch && s.applied > 0 {
		s.dir.db, s.dir.applied = s.list, s.applied
	}
	f.drop(s)
	f.settle()
}

func (f *fabric) drop(s *server) {
	s.stopped, s.leader, s.ready = true, nil, false
	// A new slice: others may be going through the present one.
	f.servers = slices.DeleteFunc(slices.Clone(f.servers), func(o *server) bool { return o == s })
	f.gone(s)
}

// die ends a server by itself.
func (f *fabric) die(s *server, why fault, words string) {
	s.fault, s.words = why, words
	s.dir.db, s.dir.applied = s.list, s.applied
	f.drop(s)
	f.ended(s)
}

// connected says that messages travel between two members: one of them has the
// place where the other listens in its list, since a dialled stream carries
// both ways.
func (f *fabric) connected(a, b *server) bool {
	if a.stopped || b.stopped || a.wedged || b.wedged || a.dir.cluster != b.dir.cluster || !f.here(a) || !f.here(b) || !f.both(a.host, b.host) {
		return false
	}
	if slices.Contains(a.list.removed, b.id) || slices.Contains(b.list.removed, a.id) {
		return false
	}
	x, okX := a.list.find(b.id)
	y, okY := b.list.find(a.id)
	return okX && x.url == b.url || okY && y.url == a.url
}

func (f *fabric) streams() {
	for _, a := range f.servers {
		for _, b := range f.servers {
			if a == b {
				continue
			}
			if !f.connected(a, b) {
				delete(a.active, b.id)
			} else if _, ok := a.active[b.id]; !ok {
				a.active[b.id] = f.now()
			}
		}
		for id := range a.active {
			if !slices.ContainsFunc(f.servers, func(b *server) bool { return b.id == id && b.dir.cluster == a.dir.cluster }) {
				delete(a.active, id)
			}
		}
	}
}

// farewell is how long a member that applied its own removal goes on, so that
// the others learn of it (etcd v3.7.3 server/etcdserver/server.go, stopWithDelay).
const farewell = time.Second

// toldRemoved says that a member has learned of its removal: by applying it, or
// from another that it reaches.
func (f *fabric) toldRemoved(s *server) bool {
	if slices.Contains(s.list.removed, s.id) && f.now()-s.at >= farewell {
		return true
	}
	for _, o := range f.servers {
		if o.wedged || s.wedged || o.dir.cluster != s.dir.cluster || !slices.Contains(o.list.removed, s.id) || !f.here(s) || !f.here(o) || !f.both(s.host, o.host) {
			continue
		}
		if m, ok := s.list.find(o.id); ok && m.url == o.url {
			return true
		}
	}
	return false
}

// differs says that a member's database is not the same as a peer's.
func (f *fabric) differs(s *server) bool {
	return slices.ContainsFunc(f.servers, func(o *server) bool {
		return o.ready && o.dir.rotten != s.dir.rotten && f.connected(s, o)
	})
}
