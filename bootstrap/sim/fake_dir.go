package sim

import (
	"cmp"
	"slices"
	"time"
)

// member is one row of a fake member list.
type member struct {
	id, name, url    string
	learner, started bool
}

// list is the state that all members of one cluster agree on. It is never
// changed in place, so that copies share it.
type list struct {
	members []member // by ID
	removed []string
	fenced  bool
	puts    int
}

func (l list) find(id string) (member, bool) {
	i := slices.IndexFunc(l.members, func(m member) bool { return m.id == id })
	if i < 0 {
		return member{}, false
	}
	return l.members[i], true
}

func (l list) voters() int {
	n := 0
	for _, m := range l.members {
		if !m.learner {
			n++
		}
	}
	return n
}

type kind byte

// entry is one entry of a log.
type entry struct {
	term   int
	kind   kind
	member member
	put    int
	lease  string
	ttl    time.Duration
	board  int
}

// apply returns the list after an entry.
func (l list) apply(e entry) list {
	at := slices.IndexFunc(l.members, func(m member) bool { return m.id == e.member.id })
	switch e.kind {
	case entryEmpty, entryGrant, entryRevoke:
		return l
	case entryPut:
		l.puts++
		return l
	case entryFence, entryUnfence:
		l.fenced = e.kind == entryFence
		return l
	case entryAdd:
		if at >= 0 {
			return l
		}
		l.members = append(slices.Clone(l.members), e.member)
		slices.SortFunc(l.members, func(a, b member) int { return cmp.Compare(a.id, b.id) })
		return l
	}
	if at < 0 {
		return l
	}
	l.members = slices.Clone(l.members)
	switch e.kind {
	case entryRemove:
		l.members = slices.Delete(l.members, at, at+1)
		l.removed = append(slices.Clip(l.removed), e.member.id)
	case entryPromote:
		l.members[at].learner = false
	case entryUpdate:
		l.members[at].url = e.member.url
	case entryPublish:
		l.members[at].started, l.members[at].name = true, e.member.name
	}
	return l
}

// dir is a data directory. It survives the server.
type dir struct {
	board, life     string // whose it is, from the file beside it
	unborn          bool   // files without a log
	logged          bool
	cluster, member string
	log             []entry
	term            int
	commit          int  // entries of log that are known to be committed
	applied         int  // entries that are in the database
	db              list // the database
	damage          string
	cut             int  // what the log once held, if a fault took its end
	machine         int  // on which it was made
	unowned         bool // the file that says whose it is cannot be read
	rotten          bool // the database differs from the peers' at the same revision
}

func (d *dir) empty() bool { return d == nil || !d.logged && !d.unborn && d.damage == "" }

// copyOf is a card put into another reader.
func (d *dir) copyOf() *dir {
	if d == nil {
		return nil
	}
	c := *d
	c.log = slices.Clone(d.log)
	return &c
}

// peerName is one place of an initial cluster.
type peerName struct{ name, url string }
