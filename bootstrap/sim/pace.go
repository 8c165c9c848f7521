package sim

import (
	"cmp"
	"fmt"
	"time"

	"muster/bootstrap"
)

// What a board measures unless a fault says otherwise: a write on its disk and the
// way to another board, in milliseconds.
const (
	fastSync = 2
	shortWay = 10
)

// slowDownAfter is how long members must have needed a slower pace before the
// steward may change it.
const slowDownAfter = time.Minute

// measures are what the board tells of its disk and of the way to the others.
func (b *board) measures() bootstrap.Measures {
	return bootstrap.Measures{Sync: b.sync, Trip: shortWay}
}

// measured gives a board another disk speed, for a while or for good.
func (w *World) measured(b *board, f Fault) {
	b.sync = f.N
	if p, _ := bootstrap.PaceFor([]bootstrap.Measures{b.measures()}); p > bootstrap.DefaultPace {
		if len(w.needed) == 0 {
			w.slowAt = w.now
		}
		w.needed[p] = true
		if w.plant.hasty {
			b.disk.pace = p
		}
	}
	if f.For > 0 {
		w.after(f.For, func() { b.sync = fastSync })
	}
}

// pacing is what the agent knows of the fleet's pace.
func (a *agent) pacing() bootstrap.Pacing {
	p := bootstrap.Pacing{Own: a.b.measures(), Kept: a.b.disk.pace}
	if a.proc == bootstrap.ProcRunning {
		p.Runs = a.runs
	}
	return p
}

// keepPace writes the fleet's pace down where a restart would go by another one.
func (a *agent) keepPace() {
	p := bootstrap.Unkept(a.state)
	if p == 0 || a.w.plant.noPace || a.fatal() {
		return
	}
	a.w.say("%s: the fleet's pace is %d", a.b.name(), p)
	a.b.disk.pace = p
}

// pace is what etcd is started with: the plan's at founding, else the fleet's.
func (a *agent) pace(act bootstrap.Action) bootstrap.Pace {
	if act.Plan != nil {
		return bootstrap.PlanPace(act.Plan)
	}
	return cmp.Or(a.state.Pace, bootstrap.DefaultPace)
}

// rerun ends the child in order; the next decision starts it again.
func (a *agent) rerun() {
	a.checkTurn()
	a.steps(func() { a.halt(false) })
}

// checkPace holds the pace with which a member starts against what was measured. A
// change restarts every member's etcd, so that it takes a minute of need; and it is
// on the disk first, or the next start would go by another one (6).
func (w *World) checkPace(a *agent, p bootstrap.Pace, founds bool) {
	planned := bootstrap.DefaultPace
	if a.plan != nil {
		planned = bootstrap.PlanPace(a.plan)
	}
	switch kept := a.b.disk.pace; {
	case !founds && p != cmp.Or(kept, planned):
		w.broke(fmt.Sprintf("rule 6: etcd on %s starts at pace %d, and its disk says %d, the plan %d", a.b.name(), p, kept, planned))
	case p == planned || p == bootstrap.DefaultPace:
	case !w.needed[p]:
		w.broke(fmt.Sprintf("pace: etcd on %s starts at pace %d, which no board ever needed", a.b.name(), p))
	case w.now-w.slowAt < slowDownAfter:
		w.broke(fmt.Sprintf("pace: etcd on %s starts at pace %d, and nobody needed a slower one before %v", a.b.name(), p, w.slowAt))
	}
}

// offPace says which member of a quiet fleet does not run at the pace of its leader,
// or that this is too fast for them, or "". A single voter has nobody to be in pace
// with.
func (w *World) offPace(lead *server) string {
	if lead.list.voters() < 2 {
		return ""
	}
	var all []bootstrap.Measures
	for _, s := range w.fabric.servers {
		if s.dir.cluster != lead.dir.cluster {
			continue
		}
		if s.pace != lead.pace {
			return fmt.Sprintf("pace: member %s runs at %d, its leader at %d: %s", s.id, s.pace, lead.pace, w.rows())
		}
		all = append(all, w.boards[s.machine].measures())
	}
	if need, _ := bootstrap.PaceFor(all); need > lead.pace {
		return fmt.Sprintf("pace: all run at %d, and their disks and ways need %d: %s", lead.pace, need, w.rows())
	}
	return ""
}
