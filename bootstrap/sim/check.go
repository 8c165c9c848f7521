package sim

import (
	"fmt"
	"slices"

	"muster/bootstrap"
)

// inspect holds the world against the rules of the design. It is called after
// every event.
func (w *World) inspect() {
	w.fabric.led()
	w.fabric.reached()
	w.fabric.hears()
	for _, p := range w.fabric.pasts {
		w.checkWrites(p)
	}
	for _, b := range w.boards {
		w.checkCard(b)
	}
	for _, d := range w.dirs {
		if !w.somewhere(d) {
			w.broke(fmt.Sprintf("rule 3: the data of member %s of cluster %s is nowhere", d.member, d.cluster))
		}
	}
}

// checkWrites wants every acknowledged write in the log of whoever leads, and in
// one log at least of every quorum that can still form. What a fault or an order
// took forms none.
func (w *World) checkWrites(p *past) {
	if p.at == 0 {
		return
	}
	for _, s := range w.fabric.servers {
		if s.leader == s && s.dir.cluster == p.cluster && !p.holds(s.dir) {
			w.broke(fmt.Sprintf("acknowledged write lost: member %s leads cluster %s without write %d", s.id, p.cluster, p.acked[len(p.acked)-1]))
		}
	}
	lack := 0
	for _, m := range p.list.members {
		if m.learner || p.taken[m.id] {
			continue
		}
		if b := w.bearer(p.cluster, m.id); b == nil || !p.holds(b.disk.dir) {
			lack++
		}
	}
	if voters := p.list.voters(); lack >= voters/2+1 {
		w.broke(fmt.Sprintf("acknowledged write in danger: %d of %d voters of cluster %s could outvote those that hold write %d", lack, voters, p.cluster, p.acked[len(p.acked)-1]))
	}
}

// bearer is the board on whose card the data of a member is, where it was made.
func (w *World) bearer(cluster, id string) *board {
	for _, b := range w.boards {
		if d := b.disk.dir; d != nil && d.member == id && d.cluster == cluster && d.logged && b.owns(d) {
			return b
		}
	}
	return nil
}

// owns says that a data directory was made by this board in its present life.
func (b *board) owns(d *dir) bool {
	return d.machine == b.n && d.board == b.disk.id && d.life == b.disk.life && b.disk.hardware == b.hardware
}

// checkCard holds one card against rule 6: what is half done is written down, or
// the next start could not finish it.
func (w *World) checkCard(b *board) {
	d := b.disk
	begun := d.intent.Do
	if x := d.dir; !x.empty() && b.owns(x) && !d.born && begun == "" {
		w.broke(fmt.Sprintf("rule 6: %s began a first start, and nothing on its disk says so", b.name()))
	}
	if len(d.archive) == 0 || begun == bootstrap.IntentSetAside {
		return
	}
	if x := d.archive[len(d.archive)-1].dir; x.logged && b.owns(x) {
		w.broke(fmt.Sprintf("rule 6: %s set its data aside and goes on in the same life, and nothing on its disk says that more was to be done", b.name()))
	}
}

// acknowledged notes that a cluster took a write: only one of a fleet ever may.
func (w *World) acknowledged(cluster string) {
	if w.main == "" {
		w.main = cluster
	}
	if cluster != w.main && !w.scenario.TwoClusters {
		w.broke(fmt.Sprintf("rule 1: clusters %s and %s both acknowledged writes", w.main, cluster))
	}
}

// founded notes that members began a cluster from a plan.
func (w *World) founded(cluster string) {
	if !slices.Contains(w.begun, cluster) {
		w.begun = append(w.begun, cluster)
	}
	if len(w.begun) > 1 && !w.scenario.TwoClusters {
		w.broke(fmt.Sprintf("rule 1: clusters %v were both founded", w.begun))
	}
}

// checkChange holds a change of the membership against rule 4, at the instant at
// which it is committed.
func (w *World) checkChange(l *server, before list, e entry) {
	if w.byHand {
		return
	}
	after := w.fabric.pastOf(l.dir.cluster).list
	if alive, voters := w.fabric.answering(l, after), after.voters(); alive < voters/2+1 {
		w.broke(fmt.Sprintf("rule 4: %d of %d voters answer after member %s was changed", alive, voters, e.member.id))
	}
	learners := 0
	for _, m := range after.members {
		if m.learner {
			learners++
		}
	}
	switch was, listed := before.find(e.member.id); {
	case learners > 1:
		w.broke(fmt.Sprintf("rule 4: %d learners at once", learners))
	case e.kind == entryAdd && !e.member.learner:
		w.broke(fmt.Sprintf("rule 4: member %s was added as a voter", e.member.id))
	case e.kind == entryPromote && (!listed || !was.learner):
		w.broke(fmt.Sprintf("rule 4: member %s became a voter and was no learner", e.member.id))
	case e.kind == entryRemove && listed && !was.learner:
		w.checkRemoval(l, before, was)
	}
}

// keep notes a directory that must never be gone.
func (w *World) keep(d *dir) {
	if !slices.Contains(w.dirs, d) {
		w.dirs = append(w.dirs, d)
	}
}

// somewhere says that a directory is still on a card. What a fault took was
// dropped from the books then.
func (w *World) somewhere(d *dir) bool {
	return slices.ContainsFunc(w.boards, func(b *board) bool {
		return b.disk.dir == d || slices.ContainsFunc(b.disk.archive, func(x stored) bool { return x.dir == d })
	})
}

// take notes that a fault or an order took what a board holds of a member.
func (w *World) take(b *board) {
	if d := b.disk.dir; d != nil && d.logged && b.owns(d) {
		w.fabric.pastOf(d.cluster).taken[d.member] = true
	}
}

// truth is the list of a cluster that was committed last.
func (w *World) truth(cluster string) list {
	for _, p := range w.fabric.pasts {
		if p.cluster == cluster {
			return p.list
		}
	}
	return list{}
}

// atEnd checks what must hold of a fleet that is whole.
func (w *World) atEnd() {
	for _, s := range w.fabric.servers {
		if s.leader != s {
			continue
		}
		p := w.fabric.pastOf(s.dir.cluster)
		if n, lost := p.missing(s.dir); lost {
			w.broke(fmt.Sprintf("acknowledged write lost: cluster %s is whole without write %d", p.cluster, n))
		}
		if s.list.puts < len(p.acked) {
			w.broke(fmt.Sprintf("acknowledged write lost: cluster %s holds %d writes, and acknowledged %d", p.cluster, s.list.puts, len(p.acked)))
		}
	}
}
