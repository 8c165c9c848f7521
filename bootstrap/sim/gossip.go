package sim

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"muster/bootstrap"
	"muster/bootstrap/founding"
)

// card is what a board tells about itself.
type card struct {
	bootstrap.Peer
	plan string // digest of the plan that it knows
}

// view is what a board last heard of another.
type view struct {
	card
	seq int
}

func (a *agent) sortedPeers() []*view {
	return slices.SortedFunc(maps.Values(a.peers), func(x, y *view) int { return cmp.Compare(x.ID, y.ID) })
}

// card makes the card of this board as it is.
func (a *agent) card() card {
	b, d, f := a.b, a.b.disk, a.facts
	c := card{Peer: bootstrap.Peer{ID: a.gossipID(), Life: d.life, Name: b.name(), Address: b.host, PeerURL: b.peerURL(), Role: bootstrap.Role(a.state),
		Boards: a.w.profileBoards(), Voters: b.voters(), ReplaceAfter: replaceAfter, Seat: bootstrap.Offer(a.state), Never: b.never, Renews: !a.renewal.Since.IsZero() || !bootstrap.Wish(a.state).Since.IsZero(),
		Mislists: bootstrap.Mislisted(a.state), Measures: b.measures()}}
	c.plan = a.digest
	if b.copied() {
		return c
	}
	c.Missed, c.Twin = bootstrap.Longest(a.state), bootstrap.IsTwin(a.state)
	c.Data = f.State == bootstrap.DiskMember || f.State == bootstrap.DiskDamaged
	c.Cluster, c.Healthy, c.Pace = f.Cluster, a.healthy(), bootstrap.Steers(a.state)
	if f.Owner == bootstrap.MatchSame {
		c.Member = f.Member
	}
	if a.server != nil {
		c.Log, c.Alarms = a.markTold, a.state.Etcd.Alarms
	}
	if a.cluster.ID == f.Cluster && f.Cluster != "" {
		c.Keys = a.cluster.Keys
	}
	return c
}

// gossipID is the ID under which this board is seen: a copied card does not
// pass for the board that it was made on.
func (a *agent) gossipID() string {
	if a.b.copied() {
		return a.b.hardware
	}
	return a.b.disk.id
}

// copied says that the board can tell that its card was made on other hardware.
func (b *board) copied() bool { return b.disk.hardware != b.hardware && !b.unsure }

// show tells the others if this board's card changed, and the plan to whom does
// not know it.
func (a *agent) show() {
	c := a.card()
	news := c
	if c.Pace == bootstrap.DefaultPace {
		// Who goes by nothing else learns nothing from it; the next exchange brings it.
		news.Pace = 0
	}
	if news != a.shown {
		a.shown = news
		a.w.seq++
		for _, o := range a.w.boards {
			if o != a.b {
				a.send(o, c, a.w.seq)
			}
		}
	}
	a.askRecall()
	p := a.plan
	if p == nil {
		return
	}
	for _, v := range a.sortedPeers() {
		at, told := a.told[v.ID]
		if v.Alive && v.plan != a.digest && (!told || a.w.now-at >= 5*time.Second) {
			a.told[v.ID] = a.w.now
			a.w.deliver(a, founding.Message{Type: founding.TypeChosen, From: a.gossipID(), To: v.ID, Terms: a.machine.Terms(), Plan: p})
		}
	}
}

// send brings a card to a board, unless it gets lost.
func (a *agent) send(o *board, c card, seq int) {
	if a.w.lossy > 0 && a.w.random.Float64() < a.w.lossy {
		return
	}
	from := a.b
	a.w.after(5*time.Millisecond+a.w.some(a.w.late), func() {
		if o.agent != nil && a.w.visible(from, o) {
			o.agent.hear(c, seq)
		}
	})
}

// hear takes a card.
func (a *agent) hear(c card, seq int) {
	if c.ID == a.gossipID() {
		return
	}
	v := a.peers[c.ID]
	if v == nil {
		v = &view{}
		a.peers[c.ID] = v
	}
	if seq < v.seq {
		return
	}
	was, since := v.Alive, v.Since
	news := !was || v.Role != c.Role || v.plan != c.plan || v.Healthy != c.Healthy || v.Life != c.Life || v.PeerURL != c.PeerURL || v.Seat != c.Seat || v.Renews != c.Renews || v.Mislists != c.Mislists || v.Data != c.Data || v.Member != c.Member || v.Voters != c.Voters || v.Twin != c.Twin
	v.card, v.seq = c, seq
	v.Alive, v.Since = true, since
	if !was {
		v.Since = a.w.time()
	}
	if news {
		a.wake(0)
	}
}

// visible says that gossip travels between two boards, directly or by way of a
// third.
func (w *World) visible(a, b *board) bool {
	if a.agent == nil || b.agent == nil || a.host == "" || b.host == "" {
		return false
	}
	if w.open(a, b) {
		return true
	}
	for _, c := range w.boards {
		if c != a && c != b && c.agent != nil && c.host != "" && w.open(a, c) && w.open(c, b) {
			return true
		}
	}
	return false
}

// open says that packets travel both ways.
func (w *World) open(a, b *board) bool {
	return w.cut[[2]int{a.n, b.n}] == 0 && w.cut[[2]int{b.n, a.n}] == 0
}

// topology lets gossip find out what changed: that a board is there within a
// second or two, that it is gone within some seconds.
func (w *World) topology() {
	w.fabric.settle()
	for _, a := range w.boards {
		for _, b := range w.boards {
			if a == b || a.agent == nil {
				continue
			}
			there, known := w.visible(a, b), w.knows(a, b)
			switch {
			case there && !known:
				w.after(100*time.Millisecond+w.some(1500*time.Millisecond), func() { w.detect(a, b) })
			case !there && known:
				w.after(2*time.Second+w.some(5*time.Second), func() { w.detect(a, b) })
			}
		}
	}
}

func (w *World) knows(a, b *board) bool {
	for _, v := range a.agent.peers {
		if v.Name == b.name() && v.Alive {
			return true
		}
	}
	return false
}

// detect brings what a knows of b up to what is so.
func (w *World) detect(a, b *board) {
	if a.agent == nil {
		return
	}
	if w.visible(a, b) {
		w.seq++
		a.agent.hear(b.agent.card(), w.seq)
		return
	}
	for _, v := range a.agent.peers {
		if v.Name == b.name() && v.Alive {
			v.Alive, v.Since = false, w.time()
			a.agent.wake(0)
		}
	}
}

// resync is the exchange of everything that gossip does now and then, which
// makes up for what was lost.
func (w *World) resync() {
	w.after(5*time.Second, w.resync)
	for _, a := range w.boards {
		for _, b := range w.boards {
			if a == b || a.agent == nil || w.lossy > 0 && w.random.Float64() < w.lossy {
				continue
			}
			if there := w.visible(a, b); there {
				w.detect(a, b)
			} else if w.knows(a, b) {
				w.after(w.some(5*time.Second), func() { w.detect(a, b) })
			}
		}
	}
}

// deliver brings a founding message to the board that it is for.
func (w *World) deliver(from *agent, m founding.Message) {
	if m.To != from.gossipID() && w.lossy > 0 && w.random.Float64() < w.lossy {
		return
	}
	delay := time.Millisecond + w.some(min(w.late, 50*time.Millisecond))
	if w.random.IntN(20) == 0 {
		delay += w.some(2 * w.late)
	}
	sender := from.b
	w.after(delay, func() {
		for _, o := range w.boards {
			if o.agent != nil && o.agent.gossipID() == m.To && (o == sender || w.visible(sender, o)) {
				a := o.agent
				a.meanwhile(func() { a.receive(m) })
			}
		}
	})
}

func (a *agent) receive(m founding.Message) {
	if a.busy {
		a.waiting = append(a.waiting, func() { a.receive(m) })
		return
	}
	if m.Type == founding.TypeChosen && m.Plan != nil && slices.Contains(a.b.disk.yielded, bootstrap.FormatID(m.Plan.ClusterID())) {
		return
	}
	a.carryOut(a.machine.Step(m))
}

// carryOut writes first and sends then.
func (a *agent) carryOut(r founding.Ready) {
	send := func() {
		if r.Chosen != nil {
			a.know()
		}
		if r.Conflict != nil {
			a.rival = r.Conflict
		}
		for _, m := range r.Messages {
			a.w.deliver(a, m)
		}
		if r.Chosen != nil || r.Conflict != nil {
			a.wake(0)
		}
	}
	if r.Record == nil {
		send()
		return
	}
	record := *r.Record
	a.steps(func() {
		a.w.checkPromise(a, record)
		a.b.disk.founding = record
	}, send)
}
