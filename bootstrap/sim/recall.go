package sim

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"muster/bootstrap"
)

// The periods of the real agent and child: how often a child tells how far its log is,
// which it says of the time before, and how long that may wait to be written down.
const (
	markEvery   = 5 * time.Second
	ownersEvery = 15 * time.Second
	askAgain    = time.Second
)

// witness is what an agent knows of the logs of others, and what they say of its own.
type witness struct {
	owners    []bootstrap.Owner
	ownersAt  time.Duration
	unwritten bool
	learnedAt time.Time
	seen      []string
	recalled  []bootstrap.Recall
	asked     map[string]time.Duration
	watched   string         // the life that this agent has drawn, or whose member it has run
	sample    bootstrap.Mark // how far the log was at the last look
	markTold  bootstrap.Mark // at the look before
}

// learn keeps what the cards of others tell of the members.
func (a *agent) learn(o *bootstrap.Observation) {
	next, news, grown := bootstrap.Learn(a.owners, o.Peers)
	if news {
		a.learnedAt = a.w.time()
	}
	if c := o.Cluster; !c.AsOf.IsZero() && c.ID == a.clusterOf() && c.AsOf.After(a.learnedAt) {
		kept, fewer := bootstrap.Forget(next, c.Members)
		if again, _, _ := bootstrap.Learn(kept, o.Peers); fewer && len(again) == len(kept) {
			next, news = kept, true
		}
	}
	a.owners, a.unwritten = next, a.unwritten || news || grown
	if a.unwritten && (news || a.w.now-a.ownersAt >= ownersEvery) {
		a.ownersAt, a.unwritten = a.w.now, false
		a.b.disk.owners = next
	}
	for _, m := range bootstrap.Running(o.Peers) {
		if !slices.Contains(a.seen, m) {
			a.seen = append(a.seen, m)
		}
	}
	o.Owners, o.Recalled = a.owners, a.recalled
	o.Disk.Watched = a.watched == a.b.disk.life || a.w.plant.trusting
}

// tellMark lets the child say how far its log was at the look before.
func (a *agent) tellMark(turn int) {
	s := a.server
	if a.turn != turn || s == nil {
		return
	}
	a.markTold, a.sample = a.sample, s.shows()
	if a.proc == bootstrap.ProcRunning && a.markTold != (bootstrap.Mark{}) {
		a.facts.Log = a.markTold
	}
	a.later(markEvery, func() { a.tellMark(turn) })
}

// askRecall asks the boards that have not said yet what they remember of this one.
func (a *agent) askRecall() {
	for _, id := range bootstrap.Unasked(a.state) {
		if at, asked := a.asked[id]; asked && a.w.now-at < askAgain {
			continue
		}
		a.asked[id] = a.w.now
		a.w.message(a.b, id, func(o *agent) {
			r := bootstrap.Remember(o.owners, o.seen, a.gossipID())
			r.Board = o.gossipID()
			o.w.message(o.b, a.gossipID(), func(back *agent) {
				if back == a {
					a.hearRecall(r)
				}
			})
		})
	}
}

func (a *agent) hearRecall(r bootstrap.Recall) {
	a.recalled = slices.DeleteFunc(slices.Clone(a.recalled), func(o bootstrap.Recall) bool { return o.Board == r.Board })
	a.recalled = append(a.recalled, r)
	slices.SortFunc(a.recalled, func(x, y bootstrap.Recall) int { return cmp.Compare(x.Board, y.Board) })
	a.wake(0)
}

// message brings something to the agent of a board, unless it gets lost.
func (w *World) message(from *board, id string, take func(*agent)) {
	if w.lossy > 0 && w.random.Float64() < w.lossy {
		return
	}
	w.after(time.Millisecond+w.some(min(w.late, 50*time.Millisecond)), func() {
		for _, o := range w.boards {
			if o.agent != nil && o.agent.gossipID() == id && w.visible(from, o) {
				take(o.agent)
			}
		}
	})
}

// noticing is how long a board that could tell must have been in sight before a start on
// an older disk is held against the agent.
const noticing = 5 * time.Second

// checkOlder holds a start from data against what others could have told: that the disk
// is older than its member.
func (w *World) checkOlder(a *agent, x *dir) {
	if w.lossy > 0 || w.late > time.Second || a.watched == a.b.disk.life {
		return
	}
	for _, o := range w.boards {
		if o == a.b || o.agent == nil || w.now-o.agent.bootedAt < noticing || w.now-a.bootedAt < noticing || !w.visible(a.b, o) || !w.knows(a.b, o) || x.list().voters() < 2 {
			continue
		}
		for _, m := range o.agent.owners {
			if m.Member == x.member && m.Log.Beyond(x.mark()) {
				w.broke(fmt.Sprintf("rule 5: %s starts a disk that is older than its member: %s remembers %v, and it has %v", a.b.name(), o.name(), m.Log, x.mark()))
			}
		}
	}
}

// mark is the end of the log of a stopped member.
func (d *dir) mark() bootstrap.Mark {
	return bootstrap.Mark{Term: uint64(d.term), Index: uint64(len(d.log))}
}

// reached notes how far the logs of all members ever were.
func (f *fabric) reached() {
	for _, s := range f.servers {
		p := f.pastOf(s.dir.cluster)
		p.reach[s.id] = p.reach[s.id].Max(s.dir.mark())
	}
}

// aged reports whether a directory is older than its member was.
func (w *World) aged(x *dir) bool { return w.fabric.pastOf(x.cluster).reach[x.member].Beyond(x.mark()) }

// list is the members by the log.
func (d *dir) list() (l list) {
	for _, e := range d.log {
		l = l.apply(e)
	}
	return l
}

// image is a copy of a card, for a fault that puts it back.
func (w *World) image(f Fault) {
	if w.images == nil {
		w.images = map[Fault]*disk{}
	}
	w.images[f] = w.boards[f.Board].disk.copyOf()
}

// putBack brings the image of a card back onto it.
func (w *World) putBack(b *board, f Fault) {
	old, next := b.disk, w.images[f].copyOf()
	if x := next.dir; x != nil && old.dir != nil && x.cluster == old.dir.cluster && x.member == old.dir.member {
		x.cut = max(x.cut, old.dir.cut, len(old.dir.log))
		if p := w.fabric.pastOf(x.cluster); p.holds(x) {
			delete(p.taken, x.member)
		}
	}
	w.forget(old)
	b.disk = next
	b.left = next.intent.Do == bootstrap.IntentLeave || next.intent.Do == bootstrap.IntentLeft || next.aside.leaves
	if next.dir != nil && next.dir.logged {
		w.keep(next.dir)
	}
	for _, x := range next.archive {
		if x.logged {
			w.keep(x.dir)
		}
	}
}

// noticed reports whether a board that is on would know that the disk of another ends
// before its member did; w remembers it, and spares it until that is settled.
func (w *World) noticed(b *board, id string, end bootstrap.Mark) bool {
	for _, o := range w.boards {
		if o == b || o.agent == nil || o.killIn > 0 || !w.visible(b, o) {
			continue
		}
		if slices.ContainsFunc(o.disk.owners, func(m bootstrap.Owner) bool { return m.Member == id && m.Log.Beyond(end) }) {
			w.knowing = append(w.knowing, knowing{b, o, w.ignorant(id, end) >= min(w.truth(w.main).voters()/2+1, 2)})
			return true
		}
	}
	return false
}

// ignorant counts the boards that remember a member and not that it was further: those
// whose word lets it start.
func (w *World) ignorant(id string, end bootstrap.Mark) int {
	n := 0
	for _, o := range w.boards {
		if slices.ContainsFunc(o.disk.owners, func(m bootstrap.Owner) bool { return m.Member == id && !m.Log.Beyond(end) }) {
			n++
		}
	}
	return n
}

// knowing is a board that alone may know that another one's disk is old. It is not to be
// away at all where enough others would vouch for that disk in good faith.
type knowing struct {
	of, who *board
	needed  bool
}

// spared reports whether a fault leaves those alone who alone know that a disk is old,
// until it was given up or has caught up: they are switched on, and reached, within the
// minute that the old disk waits for them.
func (w *World) spared(f Fault) bool {
	w.knowing = slices.DeleteFunc(w.knowing, func(k knowing) bool {
		d := k.of.disk.dir
		return d == nil || len(d.log) >= d.cut
	})
	for _, k := range w.knowing {
		switch f.Kind {
		case Loss:
			return f.N <= 50
		case Mains:
			if k.needed {
				return false
			}
		case PowerCut, Kill, Part, Split, Wedge:
			if (w.boards[f.Board] == k.who || f.Kind == Split) && (f.For > 40*time.Second || k.needed) {
				return false
			}
		case Wipe, Clone, CopyData, OldData, OldCard, Dead, Forget, Twin, Leave, Diverge, Damage, DataLost, TailLost, RemoveByHand, Unplug, Move, Swap, MoveAll, MoveOff:
			if w.boards[f.Board] == k.who || w.boards[f.Other] == k.who || f.Kind == MoveAll || f.Kind == MoveOff {
				return false
			}
		}
	}
	return true
}
