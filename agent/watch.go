package agent

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"muster/bootstrap"
	"muster/bootstrap/etcd"
)

// How often the cluster is read: quickly until it has answered once, then
// slowly; a standby asks a member over the network and asks seldom. The list takes
// a round of messages between all voters: one whose member tells nothing new reads
// it half as often as it asks that member.
const (
	watchSoon    = 150 * time.Millisecond
	watchMember  = 2 * time.Second
	watchList    = 2 * watchMember
	watchStandby = 5 * time.Second
)

// target is what the watch reads: set by the loop.
type target struct {
	cluster   string   // ID that an answer must have
	local     string   // client URL of this board's ready member; "" none
	endpoints []string // client URLs of members, local first
	keys      bool     // whether it has keys is of interest too
	fence     bool     // and whether it is fenced: asking that goes through the log
	files     etcd.TLSFiles
}

func (t target) client() etcd.ClientConfig {
	return etcd.ClientConfig{Endpoints: t.endpoints, CA: t.files.CA, Cert: t.files.Cert, Key: t.files.Key}
}

func (t target) equal(o target) bool {
	return t.cluster == o.cluster && t.local == o.local && t.keys == o.keys && t.fence == o.fence && t.files == o.files && slices.Equal(t.endpoints, o.endpoints)
}

// reading is what one round found. Zero times mean that the read failed.
type reading struct {
	listAt    time.Time
	clusterID string
	members   []etcd.Member
	keys      bootstrap.Keys
	fenced    bool // writes were refused before keys was read
	localAt   time.Time
	local     etcd.Status
}

// alarmed says that this board's member tells of an alarm for lack of space: it may
// be the fence.
func (r reading) alarmed() bool {
	return slices.ContainsFunc(r.local.Errors, func(e string) bool { return strings.Contains(e, "NOSPACE") })
}

// watch reads the member list and this board's own member, beside the loop and
// bounded, again and again. It keeps the last good list: its age is a fact.
type watch struct {
	mu     sync.Mutex
	target target
	last   reading
	abort  context.CancelFunc // ends the round under way

	kick    chan struct{} // the target changed
	changed chan struct{} // something was read that differs

	client *etcd.Client // owned by run
	dialed target
}

func newWatch() *watch {
	return &watch{kick: make(chan struct{}, 1), changed: make(chan struct{}, 1)}
}

// aim sets what is read.
func (w *watch) aim(t target) {
	w.mu.Lock()
	same := w.target.equal(t)
	w.target = t
	if !same && w.abort != nil {
		// It may ask over a connection from an address that is gone.
		w.abort()
	}
	w.mu.Unlock()
	if !same {
		poke(w.kick)
	}
}

func (w *watch) aimed() target {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.target
}

func (w *watch) read() reading {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last
}

// run reads until ctx ends.
func (w *watch) run(ctx context.Context) {
	defer func() {
		if w.client != nil {
			w.client.Close()
		}
	}()
	timer := time.NewTimer(0)
	defer timer.Stop()
	now := true // the list is to be read whatever this board's member says
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.kick:
			now = true
		case <-timer.C:
		}
		w.mu.Lock()
		t := w.target
		round, abort := context.WithCancel(ctx)
		w.abort = abort
		w.mu.Unlock()
		if len(t.endpoints) == 0 && t.local == "" {
			abort()
			w.publish(reading{})
			timer.Reset(watchStandby)
			continue
		}
		r, quiet := w.round(round, t, now)
		abort()
		w.publish(r)
		now = r.listAt.IsZero() && !quiet
		switch {
		case now:
			timer.Reset(watchSoon)
		case t.local != "":
			timer.Reset(watchMember)
		default:
			timer.Reset(watchStandby)
		}
	}
}

// round asks this board's member, and the cluster unless it may rest: then it is
// quiet.
func (w *watch) round(ctx context.Context, t target, now bool) (r reading, quiet bool) {
	if w.client == nil || !w.dialed.equal(t) {
		if w.client != nil {
			w.client.Close()
			w.client = nil
		}
		c, err := etcd.Dial(t.client())
		if err != nil {
			return reading{}, false
		}
		w.client, w.dialed = c, t
	}
	before := w.read()
	// The age of an answer counts from before the question.
	asked := time.Now()
	if t.local != "" {
		if s, err := w.client.Status(ctx, t.local); err == nil {
			r.localAt, r.local = asked, s
		}
		// At once: without a quorum the list takes its whole time to fail.
		w.publish(r)
	}
	asked = time.Now()
	if !now && !t.keys && before.listAt.After(asked.Add(-watchList)) && sameVoter(before, r) {
		return r, true
	}
	list, err := w.client.Members(ctx)
	if err != nil || list.ClusterID != t.cluster {
		return r, false
	}
	r.listAt, r.clusterID, r.members = asked, list.ClusterID, list.Members
	if t.keys {
		r.fenced, r.keys = readKeys(ctx, w.client, t.fence)
	}
	return r, false
}

// sameVoter says that this board's member answers as before: it votes, follows the
// same leader or leads, and has nothing to complain of.
func sameVoter(before, r reading) bool {
	was, is := before.local, r.local
	return !before.localAt.IsZero() && !r.localAt.IsZero() && !is.Learner && is.Leader != "" && len(is.Errors) == 0 &&
		is.MemberID == was.MemberID && is.Leader == was.Leader && is.Term == was.Term && !was.Learner && len(was.Errors) == 0
}

// readKeys tells whether any key was ever written: the revision of a store that
// nobody wrote to is 1 (etcd v3.7.3 server/storage/mvcc/kvstore.go). The fence is
// read first, so that a later write cannot have come between.
func readKeys(ctx context.Context, c *etcd.Client, fence bool) (fenced bool, keys bootstrap.Keys) {
	if fence {
		var err error
		if fenced, err = c.Fenced(ctx); err != nil {
			return false, bootstrap.KeysUnknown
		}
	}
	revision, err := c.Revision(ctx)
	switch {
	case err != nil:
		return false, bootstrap.KeysUnknown
	case revision == 1:
		return fenced, bootstrap.KeysNone
	}
	return fenced, bootstrap.KeysSome
}

// take publishes a list that was read elsewhere.
func (w *watch) take(list etcd.MemberList, at time.Time) {
	r := w.read()
	if !at.After(r.listAt) {
		return
	}
	r.listAt, r.clusterID, r.members = at, list.ClusterID, list.Members
	// Those are of an earlier question.
	r.keys, r.fenced = bootstrap.KeysUnknown, false
	w.publish(r)
}

// publish keeps the last good list and wakes the loop if something is new.
func (w *watch) publish(r reading) {
	w.mu.Lock()
	old := w.last
	if r.listAt.Before(old.listAt) {
		// Not read, or asked before one that was read elsewhere.
		r.listAt, r.clusterID, r.members, r.keys, r.fenced = old.listAt, old.clusterID, old.members, old.keys, old.fenced
	}
	w.last = r
	w.mu.Unlock()
	if old.listAt.IsZero() != r.listAt.IsZero() || old.localAt.IsZero() != r.localAt.IsZero() ||
		old.keys != r.keys || old.fenced != r.fenced || old.local.Leader != r.local.Leader || old.local.Learner != r.local.Learner ||
		old.local.Alarms != r.local.Alarms || old.local.AlarmOf != r.local.AlarmOf || !sameMembers(old.members, r.members) {
		poke(w.changed)
	}
}

func sameMembers(a, b []etcd.Member) bool {
	return slices.EqualFunc(a, b, func(x, y etcd.Member) bool {
		return x.ID == y.ID && x.Name == y.Name && x.Learner == y.Learner && x.Started == y.Started &&
			slices.Equal(x.PeerURLs, y.PeerURLs) && slices.Equal(x.ClientURLs, y.ClientURLs)
	})
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
