package sim

import (
	"fmt"
	"slices"
	"time"

	"muster/bootstrap"
)

// acknowledged notes that a cluster took a write: only one of a fleet ever may.
func (w *World) acknowledged(cluster string) {
	if w.main == "" {
		w.main = cluster
	}
	if cluster != w.main && !w.scenario.TwoClusters {
		w.broke(fmt.Sprintf("clusters %s and %s both acknowledged writes", w.main, cluster))
	}
}

// keep notes a directory that must never be gone.
func (w *World) keep(d *dir) {
	if !slices.Contains(w.dirs, d) {
		w.dirs = append(w.dirs, d)
	}
}

// truth is the list of a cluster that was committed last, wherever it lies.
func (w *World) truth(cluster string) list {
	var best *dir
	for _, b := range w.boards {
		if d := b.disk.dir; d != nil && d.logged && d.cluster == cluster && d.damage == "" && (best == nil || best.commit < d.commit) {
			best = d
		}
	}
	if best == nil {
		return list{}
	}
	var l list
	for _, e := range best.log[:best.commit] {
		l = l.apply(e)
	}
	return l
}

// confirmed is how old the quorum's word may be that a set-aside rests on: what
// Decide takes for fresh, and what the effect takes on a slow board.
const confirmed = 20 * time.Second

// checkAside holds a set-aside against rule 3: but for an order, data is given
// up only while the fleet has a quorum; and that of a voter which is listed and
// intact only if it is another's.
func (w *World) checkAside(a *agent, act bootstrap.Action) {
	d := a.b.disk
	x := d.dir
	if x.empty() || !x.logged || d.intent.Do == bootstrap.IntentSetAside {
		return
	}
	ordered := act.Leaves || a.order != "" || d.intent.Do == bootstrap.IntentYield || d.intent.Do == bootstrap.IntentLeave
	others := d.hardware != a.b.hardware || x.board != d.id || x.life != d.life
	if ordered || w.scenario.TwoClusters {
		return
	}
	fleets := w.main
	if fleets == "" {
		fleets = x.cluster
	}
	if at, ever := w.fabric.held[fleets]; !ever || w.now-at > confirmed {
		w.broke(fmt.Sprintf("%s gives up its data, and no quorum has answered for %v", a.b.name(), w.now-at))
	}
	if others || x.damage != "" || a.fault == bootstrap.FaultDamaged || x.cluster != w.main {
		return
	}
	if _, ok := w.truth(x.cluster).find(x.member); ok {
		w.broke(fmt.Sprintf("%s gives up the data of member %s, which is intact and listed", a.b.name(), x.member))
	}
}

// checkChange holds a change of the membership against rule 4.
func (w *World) checkChange(a *agent, act bootstrap.Action, before list, s *server, err error) {
	if err != nil {
		return
	}
	w.say("%s: %s done: %s %s", a.b.name(), act.Do, act.Target, act.Board)
	l := s.list
	if s.stopped || act.Do != bootstrap.Remove && act.Do != bootstrap.Promote && act.Do != bootstrap.Add {
		return
	}
	alive, open := 0, 0
	for _, m := range l.members {
		if m.learner {
			open++
		}
		for _, o := range w.fabric.servers {
			if o.id == m.id && o.dir.cluster == s.dir.cluster && !m.learner && (o == s || w.fabric.connected(o, s)) && (s.leader == nil || w.fabric.synced(s.leader, o)) {
				alive++
			}
		}
	}
	if voters := l.voters(); alive < voters/2+1 {
		w.broke(fmt.Sprintf("%s left %d of %d voters alive, by %s of %s", a.b.name(), alive, voters, act.Do, act.Target))
	}
	if open > 1 {
		w.broke(fmt.Sprintf("%d learners at once", open))
	}
}

// atEnd checks what must hold of a fleet that is whole.
func (w *World) atEnd() {
	for cluster, acked := range w.fabric.acked {
		if w.scenario.TwoClusters {
			continue
		}
		n := 0
		if lead := w.leader(); lead != nil && lead.dir.cluster == cluster {
			n = lead.list.puts
		}
		if n < len(acked) {
			w.broke(fmt.Sprintf("cluster %s holds %d writes, and acknowledged %d", cluster, n, len(acked)))
		}
	}
	for _, d := range w.dirs {
		if !w.somewhere(d) {
			w.broke(fmt.Sprintf("the data of member %s is nowhere", d.member))
		}
	}
}

// somewhere says that a directory is still on a card. What a fault took was
// dropped from the books then.
func (w *World) somewhere(d *dir) bool {
	return slices.ContainsFunc(w.boards, func(b *board) bool { return b.disk.dir == d || slices.Contains(b.disk.archive, d) })
}
