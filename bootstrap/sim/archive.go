package sim

import (
	"fmt"
	"slices"
	"time"

	"muster/bootstrap"
)

// How much an archive holds, so little that runs reach it: entries, and entries of their
// logs. The real ones are archive_keep and an eighth of the disk.
const (
	archiveKeep  = 1
	archiveShare = 60
	clearEvery   = 20 * time.Second
	clearFresh   = 5 * time.Second
)

// shelved is one data directory in the archive.
type shelved struct {
	*dir
	about bootstrap.Archived
}

// shelve moves the data directory of a card into its archive.
func (d *disk) shelve(row bootstrap.Row, order bool) {
	if d.dir == nil {
		return
	}
	about := bootstrap.Archived{Row: row, Order: order, Cluster: d.dir.cluster, Log: d.dir.mark()}
	if d.dir.damage != "" {
		about.Log = bootstrap.Mark{} // it cannot be read to its end
	}
	d.archive, d.dir = append(slices.Clip(d.archive), shelved{d.dir, about}), nil
}

// clearArchive removes what is beyond the bounds and proven redundant, in a quiet moment.
func (a *agent) clearArchive(act bootstrap.Action) {
	d, c := a.b.disk, a.cluster
	quiet := act.Do == bootstrap.Wait && d.intent.Do != bootstrap.IntentSetAside && len(d.archive) > 0
	if !quiet || c.AsOf.IsZero() || a.w.time().Sub(c.AsOf) > clearFresh || a.w.now-a.clearedAt < clearEvery || c.ID != a.clusterOf() || !c.AsOf.After(a.asideAt) {
		return
	}
	a.clearedAt = a.w.now
	has, size := bootstrap.LiveMark(a.state, a.markTold), 0
	var kept []shelved
	for i := len(d.archive) - 1; i >= 0; i-- {
		x := d.archive[i]
		age := len(d.archive) - 1 - i
		size += len(x.log)
		beyond := age >= archiveKeep || age > 0 && size > archiveShare
		if beyond && (bootstrap.Redundant(x.about, c.ID, has) || a.w.plant.wasteful && x.about.Cluster == c.ID) {
			a.w.checkCleared(a, x)
			a.w.forgetDir(x.dir)
			continue
		}
		kept = append(kept, x)
	}
	slices.Reverse(kept)
	d.archive = kept
}

// checkCleared holds the removal of set-aside data against rule 3: what goes for good was
// given up by nobody who had to choose, never differed from what the others have, and is
// the beginning of what the quorum of its cluster has committed.
func (w *World) checkCleared(a *agent, x shelved) {
	broke := func(why string) {
		w.broke(fmt.Sprintf("rule 3: %s removes the data of member %s from its archive: %s", a.b.name(), x.member, why))
	}
	if x.about.Order || x.rotten || x.damage != "" {
		broke("it may be the right one of two sides")
		return
	}
	for _, s := range w.fabric.servers {
		if s.leader != s || s.dir.cluster != x.cluster {
			continue
		}
		if len(s.dir.log) < len(x.log) {
			broke("it is longer than what the quorum has")
			return
		}
		for i, e := range x.log[:min(x.commit, len(x.log))] {
			if s.dir.log[i] != e {
				broke(fmt.Sprintf("entry %d was committed in it and is another one now", i+1))
				return
			}
		}
		return
	}
	broke("no quorum of its cluster leads")
}
