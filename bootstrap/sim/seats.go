package sim

import (
	"fmt"
	"time"

	"muster/bootstrap"
)

// wish is a number of voters that was asked for before, and until when.
type wish struct {
	voters int
	until  time.Duration
}

// ask writes a number of voters of its own into a board's profile; 0: that of all.
func (w *World) ask(b *board, n int) {
	b.asked, b.asks = wish{b.voters(), w.now}, n
	b.moved()
}

// wedge lets a board's etcd answer nobody for a while, if it is not killed before.
func (w *World) wedge(b *board, f Fault) {
	s := b.agent.server
	s.wedged = true
	w.fabric.settle()
	w.after(f.For, func() {
		s.wedged = false
		w.fabric.settle()
	})
}

// raise lets etcd's alarms stand for a while: it refuses all writes, and grants no lease.
func (w *World) raise(alarms bootstrap.Alarms, long time.Duration) {
	if w.alarm |= alarms; w.alarmAt == 0 {
		w.alarmAt = w.now
	}
	w.after(long, func() { w.alarm, w.alarmAt = 0, 0 })
}

// checkAlarm holds a board that sees its cluster at work against rule 7: it says which
// alarm stands there.
func (w *World) checkAlarm(a *agent) {
	const heard = 10 * time.Second
	if w.alarm != 0 && w.now-w.alarmAt > heard && a.healthy() && w.now-a.readyAt > heard && len(bootstrap.AlarmWarnings(a.state)) == 0 {
		w.broke(fmt.Sprintf("rule 7: %s does not say that alarm %d stands", a.b.name(), w.alarm))
	}
}

// hears notes which members the leaders are connected to. Of one that comes for a moment
// a steward need not know.
func (f *fabric) hears() {
	for _, l := range f.servers {
		if l.leader != l {
			continue
		}
		p := f.pastOf(l.dir.cluster)
		p.heard[l.id] = f.now()
		for id, since := range l.active {
			if f.now()-since >= 2*time.Second {
				p.heard[id] = f.now()
			}
		}
	}
}

// told is how long the boards may take to hear what a profile asks for.
const told = time.Minute

// checkRemoval holds the end of a voter against rule 4: one whose data is whole is removed
// by order, or because all profiles ask for fewer, or after replace_after; while its agent
// is on and only its etcd is not heard, after twice as long.
func (w *World) checkRemoval(l *server, before list, m member) {
	p := w.fabric.pastOf(l.dir.cluster)
	b := w.bearer(l.dir.cluster, m.id)
	if b == nil || b.left {
		return
	}
	d := b.disk.dir
	if d.damage != "" || d.rotten || len(d.log) < d.cut || b.disk.intent.Do == bootstrap.IntentSetAside || w.aged(d) {
		return
	}
	away, grace := w.now-p.heard[m.id], replaceAfter
	on := b.agent != nil && b.agent.bootedAt <= p.heard[m.id] && w.visible(w.boards[l.machine], b)
	if on && w.whole() && !w.doubled(b) {
		grace *= 2
	}
	if away < grace && !w.surplus(l, before) {
		const text = "rule 4: voter %s was removed, whose data is whole and which was away for %v, while %d were wanted of %d"
		w.broke(fmt.Sprintf(text, m.id, away, w.voters, before.voters()))
	}
}

// whole reports whether nothing is cut off from anything.
func (w *World) whole() bool {
	for _, n := range w.cut {
		if n > 0 {
			return false
		}
	}
	return true
}

func (w *World) doubled(b *board) bool {
	for _, o := range w.boards {
		if o.double == b {
			return true
		}
	}
	return false
}

// surplus reports whether no board that a leader's board has seen for a while asks for as
// many voters as there are, nor did so a moment ago, and more than three are there.
func (w *World) surplus(l *server, before list) bool {
	lead := w.boards[l.machine]
	most := 3
	for _, o := range w.boards {
		if o.agent == nil || lead.agent == nil {
			continue
		}
		if o != lead && (!w.visible(lead, o) || !w.knows(lead, o) || w.now-o.agent.bootedAt < told) {
			continue
		}
		asks := o.voters()
		if o.asked.voters > 0 && w.now-o.asked.until < told {
			asks = min(asks, o.asked.voters)
		}
		if w.asked.voters > 0 && w.now-w.asked.until < told {
			asks = min(asks, w.asked.voters)
		}
		most = max(most, asks)
	}
	lately := w.asked.voters > w.voters && w.now-w.asked.until < time.Minute
	return before.voters() > most && !lately
}
