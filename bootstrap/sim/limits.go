package sim

import (
	"slices"
	"strconv"

	"muster/bootstrap"
)

func itoa(n int) string { return strconv.Itoa(n) }

func (w *World) forgetDir(d *dir) {
	w.dirs = slices.DeleteFunc(w.dirs, func(x *dir) bool { return x == d })
}

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
//   - A card is copied only when the plan is known on it or it never was used:
//     a copy of a card that has promised is a second acceptor.
//   - A board leaves only if others than it hold the cluster, and if the agent
//     does not refuse the order.
//   - A member is removed by hand only as etcd allows it, and only while all
//     voters are intact and running.
//   - Spare boards come only once there is a cluster: before, they count as
//     boards that were forgotten in the profile.
//   - Two boards swap addresses only once the cluster has taken its first write,
//     and addresses change at all only once the plan is on every card.
//   - The voters asked for are not more than the boards there are, and stay what
//     they are until the fleet is founded.
func (w *World) bearable(f Fault) bool {
	b := w.boards[f.Board]
	switch f.Kind {
	case Wipe, Clone, CopyData, Damage, TailLost, DataLost, OldData, Twin, Yield:
		if f.Kind == Yield && (b.agent == nil || b.agent.do != bootstrap.Hold) {
			return false
		}
		if !b.power || b.gone || (f.Kind == Clone || f.Kind == Twin) && !w.copyable(f) || f.Kind == CopyData && w.boards[f.Other].disk.dir.empty() {
			return false
		}
		if (f.Kind == Clone || f.Kind == CopyData) && f.Board == f.Other {
			return false
		}
		if (f.Kind == OldData || f.Kind == CopyData) && (b.left || !w.planSpread()) || f.Kind == TailLost && !w.caughtUp(b) {
			return false
		}
		return w.spareable(b)
	case Plug:
		return w.main != ""
	case Unreadable:
		return b.power && !b.gone
	case Leave:
		return b.agent != nil && w.leader() != nil && !b.left && w.standing() > max(1, w.voters/2+1) && bootstrap.LeaveRefusal(b.agent.state) == ""
	case RemoveByHand:
		return w.leader() != nil && w.allRun() && w.intact(nil) == w.truth(w.main).voters() && w.truth(w.main).voters() > 1
	case Voters:
		return f.N <= len(w.boards) && w.planSpread()
	case Move, MoveAll, MoveOff:
		return w.planSpread()
	case Swap:
		return w.main != "" && w.boards[f.Other].host != "" && b.host != "" && f.Other != f.Board
	}
	return true
}

// standing counts the boards that have not left.
func (w *World) standing() int {
	n := 0
	for _, b := range w.boards {
		if b.power && !b.left && !b.gone {
			n++
		}
	}
	return n
}

func (w *World) allRun() bool {
	for _, b := range w.boards {
		if d := b.disk.dir; d != nil && d.logged && (b.agent == nil || b.agent.server == nil) {
			return false
		}
	}
	return true
}

func (w *World) copyable(f Fault) bool {
	o := w.boards[f.Other]
	return o.disk.id != "" && o.disk.founding.Chosen != nil && f.Other != f.Board && o.disk.hardware == o.hardware
}

// spareable says that the fleet can do without what is on the card of a board.
func (w *World) spareable(b *board) bool {
	if !w.planSpread() {
		q := max(w.scenario.Voters, w.scenario.Boards/2+1)
		most := min(2*q-w.scenario.Boards-1, w.scenario.Voters-(w.scenario.Voters/2+1))
		if w.wiped >= most {
			return false
		}
		w.wiped++
		return true
	}
	cluster := w.main
	if cluster == "" {
		return false
	}
	voters := w.truth(cluster).voters()
	return w.intact(b) >= voters/2+1
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
		if b == without || d == nil || d.cluster != w.main || len(d.log) < max(most, d.cut) {
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
			if b != without && !b.gone && d != nil && d.logged && d.damage == "" && d.cluster == w.main && d.member == m.id && d.board == b.disk.id &&
				d.life == b.disk.life && b.disk.hardware == b.hardware && len(d.log) > 0 && len(d.log) >= d.cut && b.disk.intent.Do != bootstrap.IntentSetAside {
				n++
				break
			}
		}
	}
	return n
}
