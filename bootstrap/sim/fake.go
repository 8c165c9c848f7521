package sim

import (
	"cmp"
	"crypto/sha1"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"muster/bootstrap"
)

// Errors of a fake etcd, each for one of etcd's own.
var (
	errTaken       = errors.New("peer URL exists")
	errNotInSync   = errors.New("learner is not in sync with the leader")
	errUnhealthy   = errors.New("unhealthy cluster")
	errNotStarted  = errors.New("not enough started members")
	errLearners    = errors.New("too many learner members")
	errNotFound    = errors.New("member not found")
	errExists      = errors.New("member ID already exists")
	errNotLearner  = errors.New("can only promote a learner member")
	errNoQuorum    = errors.New("no leader, or no quorum behind it")
	errFenced      = errors.New("database space exceeded")
	errUnsupported = errors.New("rpc not supported for learner")
)

// etcd's own periods: how long a connection must stand to count for a change
// of the membership (v3.7.3 server/etcdserver/server.go HealthInterval), an
// election, and how far the database on disk may be behind
// (server/storage/backend BatchInterval).
const (
	healthInterval = 5 * time.Second
	election       = time.Second
	batch          = 100 * time.Millisecond
)

// fault is how a fake server ended by itself.
type fault int

const (
	faultNone fault = iota
	faultRemoved
	faultDamaged
	faultDiverged
	faultForeign
	faultFull
	faultReadOnly
	faultConflict
)

const (
	entryEmpty kind = iota // what a new leader appends
	entryPut
	entryAdd
	entryPromote
	entryRemove
	entryUpdate
	entryPublish
	entryFence
	entryUnfence
	entryGrant
	entryRevoke
)

// launch is what a fake server is started with: state is "new", "existing" or,
// for what has a log, "".
type launch struct {
	dir         *dir
	name, url   string // url: where it listens
	advertise   string // its URL in the initial cluster, if that is another
	state       string
	initial     []peerName
	token       string
	wantMember  string
	wantCluster string
	pace        bootstrap.Pace
	machine     int           // on which it runs
	lag         time.Duration // how long it takes to get all that the leader has
}

func (l launch) advertised() string { return cmp.Or(l.advertise, l.url) }

// server is a running fake etcd.
type server struct {
	launch
	host    string
	id      string
	list    list // as applied
	applied int
	at      time.Duration // of the last apply
	up      time.Duration // when it started
	active  map[string]time.Duration
	leader  *server
	lost    time.Duration // since when it has no leader
	match   map[string]int
	ready   bool
	fault   fault
	words   string
	stopped bool
	wedged  bool // it answers nobody
}

// fabric is a network and all etcd servers on it.
type fabric struct {
	now     func() time.Duration
	link    func(from, to string) bool // whether packets travel between two hosts
	here    func(*server) bool         // whether its machine still has the address at which it listens
	servers []*server
	born    map[string]*dir // by cluster and member: the directory in which it started first
	pasts   []*past         // of all clusters, in the order of their first entries
	hosts   map[string]int  // by cluster and member: the machine on which it started first
	early   bool            // planted: a write is acknowledged before a quorum has it
	eager   bool            // planted: a learner that is not in sync is promoted
	blind   bool            // planted: a turn is given back whoever has it
	broken  func(text string)
	ended   func(*server)                                   // a server ended by itself
	founded func(cluster string)                            // members began it from a plan
	gone    func(*server)                                   // a server ended, in whatever way
	listed  func(*server)                                   // what a server applied changed its list
	alarmed func() bool                                     // etcd refuses what would need room
	changed func(leader *server, before list, change entry) // the members of a cluster are others
}

func newFabric(now func() time.Duration, link func(from, to string) bool, broken func(string)) *fabric {
	return &fabric{now: now, link: link, broken: broken, born: map[string]*dir{}, hosts: map[string]int{},
		ended: func(*server) {}, gone: func(*server) {}, listed: func(*server) {}, alarmed: func() bool { return false }, founded: func(string) {}, changed: func(*server, list, entry) {}, here: func(*server) bool { return true }}
}

func hexID(sum [20]byte) string { return fmt.Sprintf("%x", binary.BigEndian.Uint64(sum[:8])) }

// memberID is etcd v3.7.3 server/etcdserver/api/membership/member.go
// computeMemberID; what is mixed in is the token, or the second of the addition.
func memberID(url, mixed string) string { return hexID(sha1.Sum([]byte(url + mixed))) }

func clusterID(ids []string) string {
	var nums []uint64
	for _, id := range ids {
		n, _ := strconv.ParseUint(id, 16, 64) // made by memberID
		nums = append(nums, n)
	}
	slices.Sort(nums)
	var b []byte
	for _, n := range nums {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	return hexID(sha1.Sum(b))
}

func hostOf(url string) string {
	h := url[strings.Index(url, "//")+2:]
	return h[:strings.LastIndex(h, ":")]
}

// start starts a server, or says what it ends of. What it ends of is etcd's
// behaviour, not what would be good: only the invariants know better.
func (f *fabric) start(l launch) (*server, fault, error) {
	s := &server{launch: l, host: hostOf(l.url), active: map[string]time.Duration{}, match: map[string]int{}, up: f.now(), lost: f.now(), at: f.now()}
	for _, o := range f.servers {
		if o.url == l.url && o.machine == l.machine {
			return nil, faultNone, fmt.Errorf("listen %s: address already in use", l.url)
		}
	}
	what, err := f.open(s)
	if err != nil {
		return nil, what, err
	}
	s.id = l.dir.member
	key := l.dir.cluster + "/" + s.id
	if first, ran := f.hosts[key]; ran && first != l.machine {
		f.broken(fmt.Sprintf("rule 5: the data of member %s of cluster %s runs on machine %d, and was made on machine %d", s.id, l.dir.cluster, l.machine, first))
	}
	f.hosts[key] = l.machine
	for _, o := range f.servers {
		if o.id == s.id && o.dir.cluster == l.dir.cluster {
			f.broken(fmt.Sprintf("rule 5: member %s of cluster %s runs twice, at %s and %s", s.id, l.dir.cluster, o.url, s.url))
		}
	}
	f.servers = append(f.servers, s)
	f.settle()
	return s, faultNone, nil
}

// open makes the directory ready: restarted, new or joined.
func (f *fabric) open(s *server) (fault, error) {
	d := s.dir
	switch {
	case d.damage != "":
		return faultDamaged, errors.New(d.damage)
	case d.logged && (s.wantMember != "" && s.wantMember != d.member || s.wantCluster != "" && s.wantCluster != d.cluster):
		return faultForeign, fmt.Errorf("the log is of member %s of cluster %s", d.member, d.cluster)
	case d.logged:
		s.list, s.applied = d.db, d.applied
		f.applyTo(s, d.commit)
		return faultNone, nil
	case s.state == "new":
		return f.openNew(s)
	case s.state == "existing":
		return f.openExisting(s)
	}
	return faultNone, errors.New("no log, and no initial cluster")
}

func (f *fabric) openNew(s *server) (fault, error) {
	d := s.dir
	d.unborn = true
	var ids []string
	own := ""
	for _, p := range s.initial {
		id := memberID(p.url, s.token)
		ids = append(ids, id)
		if p.url == s.advertised() && p.name == s.name {
			own = id
		}
	}
	if own == "" {
		return faultNone, fmt.Errorf("%s=%s is not in the initial cluster", s.name, s.advertised())
	}
	if o := f.anyOf(s); o != nil {
		if m, ok := o.list.find(own); ok && m.started {
			return faultNone, fmt.Errorf("member %s has already been bootstrapped", own)
		}
	}
	d.cluster, d.member, d.logged, d.unborn = clusterID(ids), own, true, false
	for i, p := range s.initial {
		d.log = append(d.log, entry{term: 1, kind: entryAdd, member: member{id: ids[i], name: p.name, url: p.url}})
	}
	slices.SortFunc(d.log, func(a, b entry) int { return cmp.Compare(a.member.id, b.member.id) })
	d.term, d.commit = 1, len(d.log)
	f.birth(d)
	f.begun(d)
	f.founded(d.cluster)
	f.applyTo(s, d.commit)
	return faultNone, nil
}

func (f *fabric) openExisting(s *server) (fault, error) {
	d := s.dir
	d.unborn = true
	o := f.anyOf(s)
	if o == nil {
		return faultNone, errors.New("cannot fetch cluster info from peer urls")
	}
	if len(o.list.members) != len(s.initial) {
		return faultNone, errors.New("error validating peerURLs: member count is unequal")
	}
	for _, p := range s.initial {
		i := slices.IndexFunc(o.list.members, func(m member) bool { return m.url == p.url })
		if i < 0 {
			return faultNone, fmt.Errorf("error validating peerURLs: no match found for %s", p.url)
		}
		if p.url == s.url {
			d.member = o.list.members[i].id
		}
	}
	if s.wantMember != "" && s.wantMember != d.member {
		// The child asks before etcd begins a log.
		return faultForeign, fmt.Errorf("this would be member %s", d.member)
	}
	d.cluster, d.logged, d.unborn = o.dir.cluster, true, false
	f.birth(d)
	s.list = o.list
	s.applied = 0
	return faultNone, nil
}

// birth notes that a member begins with an empty log, which no member may do twice that
// ever had an entry in it.
func (f *fabric) birth(d *dir) {
	key := d.cluster + "/" + d.member
	if f.born[key] != nil && f.pastOf(d.cluster).reach[d.member] != (bootstrap.Mark{}) {
		f.broken(fmt.Sprintf("rule 5: member %s of cluster %s starts a second time with an empty log", d.member, d.cluster))
	}
	f.born[key] = d
}

// anyOf is a running server behind one of the other URLs that s was given.
func (f *fabric) anyOf(s *server) *server {
	for _, p := range s.initial {
		for _, o := range f.servers {
			if o.url == p.url && p.url != s.url && !o.wedged && f.here(o) && f.both(s.host, o.host) {
				return o
			}
		}
	}
	return nil
}

func (f *fabric) both(a, b string) bool { return a == b || f.link(a, b) && f.link(b, a) }
