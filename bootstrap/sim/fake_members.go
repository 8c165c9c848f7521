package sim

import (
	"fmt"
	"slices"
	"strconv"
)

// The calls that clients make of a server. Each is linearizable.

// propose appends an entry at the leader behind s and waits for the quorum.
func (f *fabric) propose(s *server, e entry) error {
	l, err := f.leaderOf(s)
	if err != nil {
		return err
	}
	e.term = l.dir.term
	l.dir.log = append(l.dir.log, e)
	f.settle()
	if l.applied < len(l.dir.log) {
		return errNoQuorum
	}
	return nil
}

// leaderOf is the leader that s follows, if both can still reach a quorum.
func (f *fabric) leaderOf(s *server) (*server, error) {
	f.settle()
	switch {
	case s == nil || s.stopped || s.wedged || s.leader == nil || !s.ready:
		return nil, errNoQuorum
	case !f.voter(s, s.list):
		return nil, errUnsupported
	case s.leader.applied < len(s.leader.dir.log):
		return nil, errNoQuorum
	}
	return s.leader, nil
}

// put writes number n.
func (f *fabric) put(s *server, n int) error {
	l, err := f.leaderOf(s)
	switch {
	case err != nil:
		return err
	case l.list.fenced:
		return errFenced
	}
	if f.early {
		l.dir.log = append(l.dir.log, entry{term: l.dir.term, kind: entryPut, put: n})
	} else if err := f.propose(s, entry{kind: entryPut, put: n}); err != nil {
		return err
	}
	f.acknowledge(l, n)
	return nil
}

// read is a linearizable read of everything: what s has applied, once that is
// all that its leader had committed.
func (f *fabric) read(s *server) (list, error) {
	l, err := f.leaderOf(s)
	if err != nil {
		return list{}, err
	}
	if s.applied < l.applied {
		return list{}, errNoQuorum
	}
	return s.list, nil
}

// stale is what a server has applied, whether or not there is a quorum.
func (f *fabric) stale(s *server) list { return s.list }

func (f *fabric) activeVoters(s *server, l list) int {
	n := 0
	for _, m := range l.members {
		if since, ok := s.active[m.id]; !m.learner && (m.id == s.id || ok && f.now()-since > healthInterval) {
			n++
		}
	}
	return n
}

// addLearner is etcd v3.7.3 server/etcdserver/server.go AddMember and
// mayAddMember; second is the wall clock of s.
func (f *fabric) addLearner(s *server, url string, second int64) (string, error) {
	if _, err := f.leaderOf(s); err != nil {
		return "", err
	}
	if n := s.list.voters(); n > 1 && f.activeVoters(s, s.list) < (n+1)/2+1 {
		return "", errUnhealthy
	}
	id := memberID(url, strconv.FormatInt(second, 10))
	learners := 0
	for _, m := range s.list.members {
		switch {
		case m.url == url:
			return "", errTaken
		case m.id == id:
			return "", errExists
		case m.learner:
			learners++
		}
	}
	if slices.Contains(s.list.removed, id) {
		return "", errNotFound
	}
	if learners > 0 {
		return "", errLearners
	}
	return id, f.propose(s, entry{kind: entryAdd, member: member{id: id, url: url, learner: true}})
}

// started says that enough of the voters, without one and with some more, have
// ever started: IsReadyTo… of etcd's cluster.go.
func startedEnough(l list, without string, more int) bool {
	members, started := more, more
	for _, m := range l.members {
		if m.id == without || m.learner {
			continue
		}
		members++
		if m.started {
			started++
		}
	}
	return started >= members/2+1
}

func (f *fabric) promote(s *server, id string) error {
	l, err := f.leaderOf(s)
	if err != nil {
		return err
	}
	m, ok := l.list.find(id)
	switch {
	case !ok:
		return errNotFound
	case !m.learner:
		return errNotLearner
	case !f.inSync(l, id) && !f.eager:
		return errNotInSync
	case !startedEnough(l.list, "", 1):
		return errNotStarted
	}
	return f.propose(s, entry{kind: entryPromote, member: member{id: id}})
}

// inSync says that a member holds what the leader holds.
func (f *fabric) inSync(l *server, id string) bool {
	return l.id == id || l.match[id] > 0 && l.match[id]*10 >= len(l.dir.log)*9 && f.isActive(l, id)
}

func (f *fabric) isActive(l *server, id string) bool {
	_, ok := l.active[id]
	return ok || l.id == id
}

// remove is etcd v3.7.3 server/etcdserver/server.go mayRemoveMember.
func (f *fabric) remove(s *server, id string) error {
	if _, err := f.leaderOf(s); err != nil {
		return err
	}
	m, ok := s.list.find(id)
	if !ok {
		return errNotFound
	}
	if !m.learner {
		if !startedEnough(s.list, id, 0) {
			return errNotStarted
		}
		n := s.list.voters()
		if f.isActive(s, id) && f.activeVoters(s, s.list)-1 < 1+(n-1)/2 {
			return errUnhealthy
		}
	}
	return f.propose(s, entry{kind: entryRemove, member: member{id: id}})
}

func (f *fabric) update(s *server, id, url string) error {
	if _, err := f.leaderOf(s); err != nil {
		return err
	}
	if _, ok := s.list.find(id); !ok {
		return errNotFound
	}
	for _, m := range s.list.members {
		if m.id != id && m.url == url {
			return errTaken
		}
	}
	return f.propose(s, entry{kind: entryUpdate, member: member{id: id, url: url}})
}

// transfer makes a voter the leader.
func (f *fabric) transfer(s *server, id string) error {
	l, err := f.leaderOf(s)
	if err != nil {
		return err
	}
	for _, o := range f.servers {
		if o.id != id || o == l || !f.voter(o, l.list) || !f.connected(l, o) || !f.synced(l, o) || behind(o.dir, l.dir) {
			continue
		}
		votes := 0
		for _, v := range f.servers {
			if (v == o || f.connected(v, o)) && f.voter(v, o.list) && !behind(o.dir, v.dir) {
				votes++
			}
		}
		if votes < o.list.voters()/2+1 {
			continue
		}
		for _, v := range f.servers {
			if v == o || v == l || f.connected(v, o) && v.leader == l {
				v.dir.term = l.dir.term + 1
				v.leader, v.lost = nil, f.now()
			}
		}
		f.lead(o)
		f.settle()
		return nil
	}
	return fmt.Errorf("member %s cannot lead", id)
}

func (f *fabric) fence(s *server, on bool) error {
	kind := entryUnfence
	if on {
		kind = entryFence
	}
	return f.propose(s, entry{kind: kind})
}

// readdress rewrites the peer URLs in the database of a stopped member.
func readdress(d *dir, urls map[string]string) int {
	n := 0
	d.db.members = slices.Clone(d.db.members)
	for i, m := range d.db.members {
		if url, ok := urls[m.id]; ok && url != m.url {
			d.db.members[i].url = url
			n++
		}
	}
	return n
}
