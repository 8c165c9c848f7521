package sim

import (
	"slices"
	"time"

	"muster/bootstrap"
)

// spoil does to the disk of a board that is off what the fault says.
func (w *World) spoil(b *board, f Fault) {
	old := b.disk.dir
	if f.Kind != TailLost && f.Kind != Diverge {
		w.take(b)
	}
	switch f.Kind {
	case Wipe:
		w.forget(b.disk)
		b.disk = &disk{}
		b.left = false
	case Clone:
		w.forget(b.disk)
		b.disk = w.boards[f.Other].disk.copyOf()
		b.left = false
	case CopyData:
		w.forget(b.disk)
		b.disk.dir = w.boards[f.Other].disk.dir.copyOf()
	case Twin:
		w.forget(b.disk)
		o := w.boards[f.Other]
		if b.disk, b.hardware = o.disk.copyOf(), o.hardware; f.N > 0 {
			b.disk = &disk{}
		}
	case OldCard:
		w.putBack(b, f)
	case Diverge:
		old.rotten = true
	case OldData:
		w.forgetDir(old)
		id := memberID(b.peerURL(), "long gone")
		b.disk.born, b.disk.intent = true, bootstrap.Intent{}
		b.disk.dir = &dir{board: b.disk.id, life: b.disk.life, machine: b.n, logged: true, cluster: clusterID([]string{id}), member: id, term: 1,
			log: []entry{{term: 1, kind: entryAdd, member: member{id: id, name: b.name(), url: b.peerURL(), started: true}}}, commit: 1}
	case DataLost:
		w.forgetDir(old)
		b.disk.dir = nil
	case Damage:
		if old != nil && old.logged {
			old.damage = "walpb: crc mismatch"
		}
	case TailLost:
		if old != nil && old.logged {
			old.cut = max(old.cut, len(old.log))
			keep := max(len(old.log)-f.N, 0)
			old.log = old.log[:keep]
			// The database keeps what it has: etcd starts with the shorter log.
			old.commit = min(old.commit, keep)
		}
	}
}

// forget takes what a fault destroyed from the books.
func (w *World) forget(d *disk) {
	w.forgetDir(d.dir)
	for _, x := range d.archive {
		w.forgetDir(x.dir)
	}
}

func (w *World) forgetDir(d *dir) {
	w.dirs = slices.DeleteFunc(w.dirs, func(x *dir) bool { return x == d })
}

// obscure takes from a board what it needs to know, for a while.
func (w *World) obscure(b *board, f Fault) {
	what := &b.unreadable
	switch f.Kind {
	case Bare:
		what, b.spoilt = &b.bare, f.N > 0
	case Unsure:
		what = &b.unsure
	case Unowned:
		what = &b.disk.dir.unowned
	case Forget:
		b.disk.owners = nil
		b.kill(time.Second)
		return
	}
	*what = true
	if f.Kind != Bare {
		b.kill(time.Second)
	}
	w.after(f.For, func() {
		*what = false
		if f.Kind == Unsure && b.disk.hardware != b.hardware {
			// It gossips under another ID from now on.
			b.kill(time.Second)
		}
		b.moved()
	})
}

// settleData is an owner who gives data up that differs from the others', when
// the board holds for it. Where that board runs, and the others hold instead, it is
// switched off for as long as they need to find each other.
func (w *World) settleData(b *board, d *dir) {
	a, again := b.agent, 5*time.Second
	switch {
	case b.disk.dir != d:
		return
	case a == nil:
	case a.do == bootstrap.Hold && bootstrap.YieldRefusal(a.state) == "":
		a.order = bootstrap.OrderYield
		a.wake(0)
	case a.state.Row == bootstrap.LostQuorum:
		again = 3 * time.Minute
		w.off(b, 2*time.Minute, func() {})
	}
	w.after(again, func() { w.settleData(b, d) })
}

// settleTwin is an owner who ends that a board is the double of another, as both
// ask: its disk is emptied, and it is itself again.
func (w *World) settleTwin(b *board, hardware string) {
	w.say("%s is itself again", b.name())
	b.switchOff()
	w.forget(b.disk)
	b.disk, b.hardware, b.double = &disk{}, hardware, nil
	w.after(5*time.Second, b.switchOn)
}
