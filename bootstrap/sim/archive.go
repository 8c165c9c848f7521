package sim

import (
	"fmt"
	"slices"
	"time"

	"muster/bootstrap"
)

// The archive of a simulated board is small and looked through often, so that both
// bounds are met within a run.
const (
	archiveShare = 10 // entries of logs
	clearEvery   = 5 * time.Second
	clearAfter   = 6 * time.Second // longer than an answer of a quorum vouches
)

// archiveKeep is none on every other board, and one on those between.
func (b *board) archiveKeep() int { return b.n % 2 }

// shows is how far a running member is. One whose log lost its end, and whose database
// did not, tells nothing until it has got it back.
func (s *server) shows() bootstrap.Mark {
	if s.applied == 0 || s.applied > len(s.dir.log) {
		return bootstrap.Mark{}
	}
	return bootstrap.Mark{Term: uint64(s.dir.log[s.applied-1].term), Index: uint64(s.applied)}
}

// clearArchive bounds the archive in a quiet moment.
func (a *agent) clearArchive() {
	b, d, w := a.b, a.b.disk, a.w
	if len(d.archive) == 0 || d.intent.Do == bootstrap.IntentSetAside || b.unreadable || w.now-a.clearAt < clearEvery || w.now-a.asideAt < clearAfter {
		return
	}
	h := bootstrap.Held(a.state)
	if h.Cluster == "" || h.Cluster != a.clusterOf() {
		return
	}
	a.clearAt = w.now
	newest := slices.Clone(d.archive)
	slices.Reverse(newest)
	copies := make([]bootstrap.Copy, len(newest))
	for i, x := range newest {
		copies[i], copies[i].Size = x.reason, int64(len(x.log))
		if w.plant.clearsAll {
			copies[i] = bootstrap.Copy{Cause: bootstrap.Removed, Cluster: h.Cluster, Log: h.Log, Size: copies[i].Size}
		}
	}
	for _, i := range bootstrap.Surplus(copies, b.archiveKeep(), archiveShare, h) {
		x := newest[i]
		d.archive = slices.DeleteFunc(slices.Clone(d.archive), func(o stored) bool { return o.dir == x.dir })
		w.say("%s: data of member %s of cluster %s goes from the archive", b.name(), x.member, x.cluster)
		w.checkCleared(b, x.dir)
	}
}

// checkCleared holds what went from an archive against rule 3: a live quorum has all
// that was ever acknowledged in it, and nothing ever said otherwise of it.
func (w *World) checkCleared(b *board, x *dir) {
	w.result.Cleared++
	if why := w.missed(x); why != "" {
		w.broke(fmt.Sprintf("rule 3: %s removed data of member %s of cluster %s from its archive: %s", b.name(), x.member, x.cluster, why))
	}
	if !w.somewhere(x) {
		w.forgetDir(x)
	}
}

// missed says what might be missed of data that is gone, or "".
func (w *World) missed(x *dir) string {
	switch {
	case x.damage != "":
		return "it could not be read, so nobody knows what was in it"
	case x.rotten:
		return "it differed from the others'"
	case w.yielded[x]:
		return "its owner had set it aside"
	case !x.logged:
		return "nobody knows what it was"
	}
	i := slices.IndexFunc(w.fabric.servers, func(s *server) bool {
		return s.dir.cluster == x.cluster && s.leader == s && w.fabric.leads(s)
	})
	if i < 0 {
		return "no quorum of its cluster works"
	}
	lead := w.fabric.servers[i].dir
	for i := range min(x.commit, len(x.log)) {
		if i >= len(lead.log) || lead.log[i] != x.log[i] {
			return fmt.Sprintf("the leader does not have entry %d, which was committed", i+1)
		}
	}
	acked := w.fabric.pastOf(x.cluster).acked
	for i, e := range x.log {
		if e.kind == entryPut && slices.Contains(acked, e.put) && (i >= len(lead.log) || lead.log[i] != e) {
			return fmt.Sprintf("the leader does not have write %d", e.put)
		}
	}
	return ""
}
