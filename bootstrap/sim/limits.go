package sim

import (
	"slices"
	"strconv"
	"time"

	"muster/bootstrap"
)

func itoa(n int) string { return strconv.Itoa(n) }

// bearable says that a fault stays within what the design promises to survive.
// It is asked when the fault's time has come, because what can be borne depends
// on what happened before:
//
//   - Data is destroyed (wiped, overwritten, damaged, cut short, lost) only while
//     the voters of the committed list whose data is intact stay a quorum. A log
//     that lost its end is not intact before it has got it back, and loses it
//     only while a quorum of others holds all that was committed.
//   - Before the cluster has taken its first write, and the plan is on every
//     card, at most min(2Q-N-1, voters - majority) cards are wiped at all.
//   - One board at most is off for good, and only while a quorum of the others holds all
//     that was committed; what is on its card counts for nothing from then on.
//   - Data of which nobody knows whose it is is not copied: for the copy no file
//     would come back.
//   - Data of a cluster that is long gone, or of another board, comes only onto a
//     card that has heard of the plan: before, while the fleet is off, nothing tells
//     a member of that cluster that it is not the fleet's.
//   - A data directory alone is lost only when the board has noted that it had a
//     log: in the moment before, nothing on the card tells the loss from a first
//     start that was cut off.
//   - A card is copied only when the plan is known on it or it never was used:
//     a copy of a card that has promised is a second acceptor.
//   - A board leaves only if others than it hold the cluster, and if the agent
//     does not refuse the order.
//   - A member is removed by hand only as etcd allows it, and only while all
//     voters are intact and running.
//   - Spare boards come only once there is a cluster: before, they count as
//     boards that were forgotten in the profile.
//   - A board becomes the double of another only while that one runs and the
//     network is whole; until that has ended nothing befalls either of them, nor
//     the network: a double whose original is not there cannot be told from it. A
//     double with a disk of its own can: its original may die, once both were seen
//     for half a minute.
//   - A database becomes different only where its member works, and is given up
//     by order some time later.
//   - The voters asked for are not more than the boards there are, and stay what
//     they are until the fleet is founded; so does a profile of one board.
func (w *World) bearable(f Fault) bool {
	b := w.boards[f.Board]
	if !w.twinsSeen(f) || !w.spared(f) {
		return false
	}
	switch f.Kind {
	case Wipe, Clone, CopyData, Damage, TailLost, DataLost, OldData, Twin, Yield, Diverge:
		if f.Kind == Yield && (b.agent == nil || b.agent.do != bootstrap.Hold || bootstrap.YieldRefusal(b.agent.state) != "") {
			return false
		}
		if !b.power || (f.Kind == Clone || f.Kind == Twin) && !w.copyable(f) || (f.Kind == CopyData || f.Kind == Clone) && w.boards[f.Other].unknown() || f.Kind == CopyData && w.boards[f.Other].disk.dir.empty() {
			return false
		}
		if (f.Kind == Clone || f.Kind == CopyData) && f.Board == f.Other {
			return false
		}
		if (f.Kind == OldData || f.Kind == CopyData) && (b.left || !w.planSpread() || b.disk.founding.Chosen == nil) || f.Kind == TailLost && !w.caughtUp(b) {
			return false
		}
		if f.Kind == Diverge && !w.startable(b) || f.Kind == DataLost && b.unnoted() {
			return false
		}
		return w.spareable(b)
	case OldCard:
		return w.ageable(b, w.images[f]) && w.spareable(b)
	case Dead:
		return b.power && w.planSpread() && !slices.ContainsFunc(w.boards, func(o *board) bool { return o.dead }) && w.intact(b) >= w.truth(w.main).voters()/2+1 && (w.truth(w.main).voters() < 3 || w.caughtUp(b))
	case Plug:
		return w.main != ""
	case Unreadable, Unsure, Forget:
		return b.power
	case Unowned:
		return b.power && b.disk.dir != nil
	case Leave:
		return b.agent != nil && w.leader() != nil && !b.left && w.standing() > max(1, w.voters/2+1) && bootstrap.LeaveRefusal(b.agent.state) == ""
	case RemoveByHand:
		return w.leader() != nil && w.allRun() && w.intact(nil) == w.truth(w.main).voters() && w.truth(w.main).voters() > 1
	case Voters:
		return f.N <= len(w.boards) && w.planSpread()
	case Profile:
		return b.asks == 0 && w.planSpread()
	case Wedge:
		return b.agent != nil && b.agent.server != nil && b.agent.server.ready && !b.agent.server.wedged
	case Swap:
		return w.boards[f.Other].host != "" && b.host != "" && f.Other != f.Board
	}
	return true
}

// standing counts the boards that have not left.
func (w *World) standing() int {
	n := 0
	for _, b := range w.boards {
		if b.power && !b.left {
			n++
		}
	}
	return n
}

func (w *World) allRun() bool {
	for _, b := range w.boards {
		if d := b.disk.dir; d != nil && d.logged && (b.agent == nil || b.agent.server == nil || b.agent.server.wedged) {
			return false
		}
	}
	return true
}

// ageable says that the fleet can bear an image of a card: a quorum of others holds all
// that was committed, or a board that is on knows that the image is older than the member.
func (w *World) ageable(b *board, image *disk) bool {
	if image == nil || !b.power || image.hardware != b.hardware || b.disk.hardware != b.hardware || b.unknown() || image.dir != nil && image.dir.unowned {
		return false
	}
	now, then := b.disk.dir, image.dir
	if now != nil && now.rotten || then != nil && then.rotten {
		return false // its owner is about to decide
	}
	switch ours := func(d *dir) bool { return d != nil && d.logged && d.cluster == w.main }; {
	case w.caughtUp(b):
		return true
	case ours(then):
		return !w.aged(then) || w.noticed(b, then.member, then.mark())
	case ours(now) && b.owns(now):
		return w.noticed(b, now.member, bootstrap.Mark{})
	}
	return true
}

func (w *World) copyable(f Fault) bool {
	o := w.boards[f.Other]
	return o.disk.id != "" && o.disk.founding.Chosen != nil && f.Other != f.Board && o.disk.hardware == o.hardware
}

// spareable says that the fleet can do without what is on the card of a board.
func (w *World) spareable(b *board) bool {
	if w.main != "" && w.intact(b) < w.truth(w.main).voters()/2+1 {
		return false
	}
	if !w.planSpread() {
		q := max(w.scenario.Voters, w.scenario.Boards/2+1)
		most := min(2*q-w.scenario.Boards-1, w.scenario.Voters-(w.scenario.Voters/2+1))
		if w.wiped >= most {
			return false
		}
		w.wiped++
		return true
	}
	return w.main != ""
}

// caughtUp says that a quorum holds all that was committed, without one board:
// a log that lost its end says nothing, and its member votes on.
func (w *World) caughtUp(without *board) bool {
	most, n := 0, 0
	for _, b := range w.boards {
		if d := b.disk.dir; d != nil && d.cluster == w.main {
			most = max(most, d.commit)
		}
	}
	l := w.truth(w.main)
	for _, b := range w.boards {
		d := b.disk.dir
		if b == without || b.dead || d == nil || d.cluster != w.main || !b.owns(d) || len(d.log) < max(most, d.cut) {
			continue
		}
		if m, ok := l.find(d.member); ok && !m.learner {
			n++
		}
	}
	return n >= l.voters()/2+1
}

// planSpread says that the cluster works and that every board on knows the plan.
func (w *World) planSpread() bool {
	if w.main == "" {
		return false
	}
	for _, b := range w.boards {
		if b.power && b.disk.founding.Chosen == nil && b.n < w.scenario.Boards {
			return false
		}
	}
	return true
}

// intact counts the voters of the committed list whose data is whole and can be
// started where it lies, without that of one board.
func (w *World) intact(without *board) int {
	l, n := w.truth(w.main), 0
	for _, m := range l.members {
		if m.learner {
			continue
		}
		for _, b := range w.boards {
			d := b.disk.dir
			if b != without && !b.dead && d != nil && d.logged && d.damage == "" && !d.rotten && d.cluster == w.main && d.member == m.id && b.owns(d) && len(d.log) > 0 && len(d.log) >= d.cut && b.disk.intent.Do != bootstrap.IntentSetAside {
				n++
				break
			}
		}
	}
	return n
}

// twinsSeen says that a fault leaves a board and its double in sight of each
// other.
func (w *World) twinsSeen(f Fault) bool {
	if f.Kind == Twin {
		o := w.boards[f.Other]
		if o.agent == nil || o.agent.server == nil || o.host == "" || o.killIn > 0 || o.unsure || !o.agent.renewal.Since.IsZero() || w.boards[f.Board].double != nil || len(w.doubles()) > 0 {
			return false
		}
		for _, n := range w.cut {
			if n > 0 {
				return false
			}
		}
		return true
	}
	doubles := w.doubles()
	if len(doubles) == 0 {
		return true
	}
	switch f.Kind {
	case Loss, Late, Voters, Clock, Plug:
		return true
	case Mains, Part, PartOneWay, Split, MoveAll, MoveOff, RemoveByHand, Boards, Renew:
		return false
	case Kill, KillAtStep, PowerCut:
		if b := w.boards[f.Board]; slices.ContainsFunc(doubles, func(o *board) bool { return o.double == b && o.blank && w.now-o.doubledAt >= 30*time.Second }) {
			return true
		}
	}
	return !slices.Contains(doubles, w.boards[f.Board]) && !slices.Contains(doubles, w.boards[f.Other])
}

// doubles are the boards of which there are two, and their doubles.
func (w *World) doubles() []*board {
	var out []*board
	for _, b := range w.boards {
		if b.double != nil {
			out = append(out, b, b.double)
		}
	}
	return out
}

// startable says that a member works on a board.
func (w *World) startable(b *board) bool {
	return b.agent != nil && b.agent.server != nil && b.agent.healthy()
}

// unknown says that the file which says whose the data of a board is is away.
func (b *board) unknown() bool { return b.disk.dir != nil && b.disk.dir.unowned }

// unnoted says that the first start of a member has begun its log, and that nothing
// else on the card says so yet.
func (b *board) unnoted() bool { return !b.disk.dir.empty() && b.disk.dir.logged && !b.disk.born }
