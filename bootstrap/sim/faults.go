package sim

import (
	"time"

	"muster/bootstrap"
)

// Kind names a fault.
type Kind string

// The faults. For says how long one lasts, where it does; Board and Other say
// whom it befalls.
const (
	Kill         Kind = "kill"        // agent and child die; back after For
	KillAtStep   Kind = "kill-step"   // the same before the N-th step of an effect from now on
	PowerCut     Kind = "power-cut"   // the board is off for For
	Mains        Kind = "mains"       // all boards are off for For
	Part         Kind = "part"        // no packets between Board and all others for For
	PartOneWay   Kind = "part-oneway" // no packets from Board to Other for For
	Split        Kind = "split"       // boards up to Board on one side, the others on the other, for For
	Loss         Kind = "loss"        // N % of gossip is lost for For
	Late         Kind = "late"        // gossip takes up to N s for For
	Move         Kind = "move"        // the board gets an address that nobody had
	MoveAll      Kind = "move-all"    // all boards do, at once
	MoveOff      Kind = "move-off"    // all are off for For and come back at other addresses
	Swap         Kind = "swap"        // two boards swap addresses
	Unplug       Kind = "unplug"      // the board has no address for For
	Wipe         Kind = "wipe"        // off for For, and back with an empty disk
	Clone        Kind = "clone"       // off, and back with a copy of the card of Other
	CopyData     Kind = "copy-data"   // off, and back with the data directory of Other
	Damage       Kind = "damage"      // off, and back with data that cannot be used
	TailLost     Kind = "tail-lost"   // off, and back with the last N entries of the log gone
	DataLost     Kind = "data-lost"   // off, and back without the data directory
	Unreadable   Kind = "unreadable"  // the disk cannot be read for For; the agent restarts
	Full         Kind = "full"        // the disk is full for For; the child dies
	ReadOnly     Kind = "read-only"   // the disk is read-only for For; the child dies
	Clock        Kind = "clock"       // the wall clock jumps by N s
	Slow         Kind = "slow"        // the board is N times slower for For
	Leave        Kind = "leave"       // its owner orders the board to leave
	Yield        Kind = "yield"       // its owner gives the board's data up
	Voters       Kind = "voters"      // the profile asks for N voters
	Plug         Kind = "plug"        // a spare board is switched on
	OldData      Kind = "old-data"    // off, and back with data of a cluster that is long gone
	Twin         Kind = "twin"        // off, and back as the double of Other, hardware and all, until its owner ends that after For; 0: never; with N it has that one's identity, and an empty disk
	Bare         Kind = "bare"        // the board has no profile for For; with N one that cannot be used
	Diverge      Kind = "diverge"     // off, and back with a database that differs from the others'; after For its owner gives it up
	Unsure       Kind = "unsure"      // whether the hardware is the board's cannot be told for For; the agent restarts
	Unowned      Kind = "unowned"     // the file that says whose the data is is away for For; the agent restarts
	Forget       Kind = "forget"      // what the board knew of who started which member is gone; the agent restarts
	Renew        Kind = "renew"       // the agent is asked to start anew; with N all are
	Pace         Kind = "pace"        // a write on the board's disk takes N ms for For, 0: for good; with N 0 that is not known
	Boards       Kind = "boards"      // the owner writes N boards into every profile
	Dead         Kind = "dead"        // the board is off for good
	Alarm        Kind = "alarm"       // etcd raises alarm N for For: 1 no space, 2 different data
	OldCard      Kind = "old-card"    // off, and back with an image of its card of N ms before
	Profile      Kind = "profile"     // the board's own profile asks for N voters for For
	Wedge        Kind = "wedge"       // the board's etcd answers nobody for For, and its agent goes on
	RemoveByHand Kind = "remove"      // somebody removes the board's member with etcdctl
)

// Fault is one thing that goes wrong, or that a person does.
type Fault struct {
	At    time.Duration
	Kind  Kind
	Board int
	Other int
	N     int
	For   time.Duration
}

// inject plays a fault, if that is within the limits.
func (w *World) inject(f Fault) {
	b := w.boards[f.Board]
	if !w.bearable(f) {
		w.result.Skipped++
		w.say("skipped: %+v", f)
		return
	}
	w.say("FAULT %s board-%d other board-%d n %d for %v", f.Kind, f.Board+1, f.Other+1, f.N, f.For)
	switch f.Kind {
	case Kill:
		b.kill(max(f.For, time.Millisecond))
	case KillAtStep:
		b.killIn, b.backIn = f.N, max(f.For, time.Millisecond)
	case PowerCut:
		w.off(b, f.For, func() {})
	case Dead:
		b.dead = true
		b.switchOff()
	case Alarm:
		w.raise(bootstrap.Alarms(f.N), f.For)
	case Mains:
		for _, o := range w.boards {
			if o.power {
				w.off(o, f.For+w.some(20*time.Second), func() {})
			}
		}
	case Part, PartOneWay, Split:
		w.partition(f)
	case Loss:
		w.lossy = float64(f.N) / 100
		w.after(f.For, func() { w.lossy = 0 })
	case Late:
		w.late = time.Duration(f.N) * time.Second
		w.after(f.For, func() { w.late = 300 * time.Millisecond })
	case Leave:
		if b.agent != nil && !b.left {
			b.left, b.agent.order = true, bootstrap.OrderLeave
			b.agent.wake(0)
		}
	case Yield:
		if b.agent != nil {
			b.agent.order = bootstrap.OrderYield
			b.agent.wake(0)
		}
	case Voters:
		w.asked, w.voters = wish{w.voters, w.now}, f.N
	case Renew:
		for _, o := range w.boards {
			if o.agent != nil && (o == b || f.N > 0) {
				o.agent.renewal = bootstrap.Renewal{Since: w.time(), Why: "an upgrade"}
				o.agent.wake(0)
			}
		}
	case Boards:
		w.profile = f.N
		for _, o := range w.boards {
			o.kill(time.Second + w.some(5*time.Second))
		}
	case Plug:
		b.switchOn()
	default:
		w.injectBoard(b, f)
	}
}

// injectBoard plays what befalls one board's disk, address or speed.
func (w *World) injectBoard(b *board, f Fault) {
	switch f.Kind {
	case Move, MoveAll, MoveOff, Swap, Unplug:
		w.move(b, f)
	case Wipe, Clone, CopyData, Damage, TailLost, DataLost, OldData, OldCard:
		w.off(b, f.For, func() { w.spoil(b, f) })
	case Diverge:
		w.off(b, 5*time.Second, func() { w.spoil(b, f) })
		d := b.disk.dir
		w.after(5*time.Second+f.For, func() { w.settleData(b, d) })
	case Twin:
		own := b.hardware
		w.off(b, 5*time.Second, func() { w.spoil(b, f) })
		b.double, b.blank, b.doubledAt = w.boards[f.Other], f.N > 0, w.now+5*time.Second
		if f.For > 0 {
			w.after(5*time.Second+f.For, func() { w.settleTwin(b, own) })
		}
	case Bare, Unreadable, Unsure, Unowned, Forget:
		w.obscure(b, f)
	case Full, ReadOnly:
		b.full = faultFull
		if f.Kind == ReadOnly {
			b.full = faultReadOnly
		}
		w.after(f.For, func() { b.full = faultNone })
		if b.agent != nil && b.agent.server != nil {
			w.fabric.die(b.agent.server, b.full, "the file system cannot be written")
			w.fabric.settle()
		}
	case Pace:
		w.measured(b, f)
	case Profile:
		w.ask(b, f.N)
		w.after(f.For, func() { w.ask(b, 0) })
	case Wedge:
		w.wedge(b, f)
	case Clock:
		b.clock += time.Duration(f.N) * time.Second
	case Slow:
		b.slow = time.Duration(max(f.N, 1))
		w.after(f.For, func() { b.slow = 1 })
	case RemoveByHand:
		if lead := w.leader(); lead != nil && b.disk.dir != nil {
			w.byHand = true
			_ = w.fabric.remove(lead, b.disk.dir.member)
			w.byHand = false
		}
	}
}

// off switches a board off, does something to it, and switches it on again.
func (w *World) off(b *board, long time.Duration, then func()) {
	if !b.power {
		return
	}
	b.switchOff()
	then()
	w.after(max(long, time.Second), b.switchOn)
}

func (w *World) partition(f Fault) {
	pairs := map[[2]int]bool{}
	for i := range w.boards {
		for j := range w.boards {
			switch {
			case i == j:
			case f.Kind == Part && (i == f.Board || j == f.Board), f.Kind == PartOneWay && i == f.Board && j == f.Other,
				f.Kind == Split && (i <= f.Board) != (j <= f.Board):
				pairs[[2]int{i, j}] = true
			}
		}
	}
	for p := range pairs {
		w.cut[p]++
	}
	w.topology()
	w.after(f.For, func() {
		for p := range pairs {
			w.cut[p]--
		}
		w.topology()
	})
}

// move gives boards other addresses.
func (w *World) move(b *board, f Fault) {
	switch f.Kind {
	case Move:
		b.host = w.newHost()
	case Swap:
		o := w.boards[f.Other]
		b.host, o.host = o.host, b.host
		o.moved()
	case MoveAll:
		for _, o := range w.boards {
			o.host = w.newHost()
		}
		for _, o := range w.boards {
			o.moved()
		}
	case MoveOff:
		for _, o := range w.boards {
			if o.power {
				w.off(o, f.For+w.some(10*time.Second), func() { o.host = w.newHost() })
			}
		}
	case Unplug:
		host := b.host
		b.host = ""
		w.after(f.For, func() {
			if b.host == "" {
				b.host = host
				if w.at(host) != b && w.at(host) != nil {
					b.host = w.newHost()
				}
				b.moved()
				w.topology()
			}
		})
	}
	b.moved()
	w.topology()
}

func (b *board) moved() {
	if b.agent != nil {
		b.agent.wake(0)
	}
}

func (w *World) newHost() string {
	w.hosts++
	return "10.0." + itoa(1+w.hosts/250) + "." + itoa(1+w.hosts%250)
}
