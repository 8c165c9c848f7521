package sim

import (
	"strings"
	"time"

	"muster/bootstrap"
)

// watch is what is read beside the loop.
type watch struct {
	cluster  bootstrap.Cluster
	statusAt time.Duration
	leads    bool
	leader   bool // one is known
	learner  bool
	reading  bool
}

// watchRound reads again and again.
func (a *agent) watchRound() {
	next := 5 * time.Second
	switch {
	case a.cluster.AsOf.IsZero():
		next = 500 * time.Millisecond
	case a.server != nil:
		next = 2 * time.Second
	}
	a.later(next, a.watchRound)
	a.watchNow()
}

// watchNow reads the own member and the list, which takes a moment.
func (a *agent) watchNow() {
	if a.reading {
		return
	}
	a.reading = true
	asked := a.w.now
	a.later((time.Millisecond+a.w.some(20*time.Millisecond))*a.b.slow, func() {
		news := false
		if s := a.server; s != nil && s.wedged {
			news, a.statusAt = a.statusAt > 0, 0
		} else if s != nil && a.wasReady {
			m, ok := s.list.find(s.id)
			was := [3]bool{a.leads, a.leader, a.learner}
			a.statusAt, a.leads, a.leader, a.learner = asked, s.leader == s, s.leader != nil, ok && m.learner
			news = was != [3]bool{a.leads, a.leader, a.learner}
		}
		l, id, err := a.readList()
		a.later((time.Millisecond+a.w.some(20*time.Millisecond))*a.b.slow, func() {
			a.reading = false
			if err == nil {
				news = a.take(l, id, asked) || news
			}
			if news {
				a.wake(0)
			}
		})
	})
}

// take keeps a list.
func (a *agent) take(l list, id string, asked time.Duration) bool {
	news := a.cluster.AsOf.IsZero() || !sameList(a.cluster.Members, l.members) || a.cluster.Fenced != l.fenced
	a.cluster = bootstrap.Cluster{AsOf: epoch.Add(asked), ID: id, Members: members(l.members), Keys: bootstrap.KeysNone, Fenced: l.fenced}
	if l.puts > 0 {
		a.cluster.Keys = bootstrap.KeysSome
	}
	if id == a.facts.Cluster && a.b.disk.readdressed && a.updated == a.b.peerURL() {
		if m, ok := l.find(a.facts.Member); ok && m.url == a.b.peerURL() {
			a.b.disk.readdressed = false
		}
	}
	return news
}

func sameList(a []bootstrap.Member, b []member) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].ID != b[i].id || a[i].PeerURL != b[i].url || a[i].Learner != b[i].learner || a[i].Started != b[i].started {
			return false
		}
	}
	return true
}

// readList asks the members of this board's cluster that answer, its own first.
func (a *agent) readList() (list, string, error) {
	for _, s := range a.endpoints() {
		l, err := a.w.fabric.read(s)
		if err == nil {
			a.hearWord(s.dir.cluster, l)
		}
		if err != nil && a.w.plant.staleList && len(s.list.members) > 0 {
			l, err = a.w.fabric.stale(s), nil
		}
		if err == nil {
			return l, s.dir.cluster, nil
		}
	}
	return list{}, "", errNoQuorum
}

// endpoints are the servers that the agent may ask.
func (a *agent) endpoints() []*server {
	var out []*server
	want := a.clusterOf()
	if a.server != nil && a.wasReady && a.server.dir.cluster == want {
		out = append(out, a.server)
	}
	for _, v := range a.sortedPeers() {
		if !v.Alive || !v.Healthy && !a.w.plant.staleList || v.Cluster != want || want == "" {
			continue
		}
		for _, s := range a.w.fabric.servers {
			if strings.HasPrefix(s.url, "https://"+v.Address+":") && s.ready && a.w.fabric.here(s) && s.dir.cluster == want && a.w.fabric.both(a.b.host, s.host) {
				out = append(out, s)
			}
		}
	}
	return out
}
