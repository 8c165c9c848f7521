package sim

import (
	"math/rand/v2"
	"slices"
	"time"
)

// deal is what a seed deals, and how often.
var deal = []struct {
	kind  Kind
	share int
}{
	{Kill, 6}, {KillAtStep, 14}, {PowerCut, 6}, {Mains, 3}, {Part, 5}, {PartOneWay, 3}, {Split, 4}, {Loss, 3}, {Late, 2},
	{Move, 8}, {MoveAll, 2}, {MoveOff, 2}, {Swap, 2}, {Unplug, 3}, {Wipe, 7}, {Clone, 4}, {CopyData, 2}, {Damage, 4}, {TailLost, 3},
	{DataLost, 3}, {Unreadable, 3}, {Full, 2}, {ReadOnly, 2}, {Clock, 3}, {Slow, 3}, {Leave, 3}, {Yield, 1}, {Voters, 2}, {Plug, 3}, {RemoveByHand, 3}, {OldData, 3},
	{Twin, 2}, {Diverge, 2}, {Unsure, 2}, {Unowned, 2}, {Forget, 2}, {Bare, 2}, {Renew, 3},
}

// Generate makes the scenario of a seed: three to five boards, up to two spare
// ones, and up to eight faults within some minutes. In one of eight a disk becomes
// slow besides, in one of four an image of a card is put back, in one of four a board is
// not like the others.
func Generate(seed uint64) Scenario {
	s := generate(seed)
	// From numbers of its own: the other faults stay what they were.
	if r := rand.New(rand.NewPCG(seed, 11)); r.IntN(8) == 0 {
		s.Faults = append(s.Faults, slowDisk(r, s)...)
	}
	if r := rand.New(rand.NewPCG(seed, 13)); r.IntN(4) == 0 && !s.TwoClusters {
		s.Faults = append(s.Faults, oldCards(r, s)...)
	}
	if r := rand.New(rand.NewPCG(seed, 17)); r.IntN(4) == 0 && !s.TwoClusters {
		s.Faults = append(s.Faults, odd(r, s)...)
	}
	return s
}

// odd makes one board unlike the others, by its profile, its etcd or its identity, while
// leadership and boards come and go.
func odd(r *rand.Rand, s Scenario) []Fault {
	all := s.Boards + s.Spare
	at := time.Duration(10000+r.IntN(60000)) * time.Millisecond
	f := fault1(r, []Kind{Profile, Profile, Wedge, Wedge, Twin, Dead, Dead, Alarm}[r.IntN(8)], at, all, s)
	faults := []Fault{f}
	if f.Kind == Twin {
		faults[0].N, faults[0].For = 1, time.Duration(60+r.IntN(120))*time.Second
		original := fault1(r, []Kind{Kill, PowerCut}[r.IntN(2)], at+time.Duration(36000+r.IntN(30000))*time.Millisecond, all, s)
		original.Board = f.Other
		faults = append(faults, original)
	}
	for range r.IntN(4) {
		kind := []Kind{Kill, KillAtStep, PowerCut, Part, PartOneWay, Mains, Voters, Renew, Wedge, Profile, Leave, Wipe}[r.IntN(12)]
		next := fault1(r, kind, at+time.Duration(r.IntN(100000))*time.Millisecond, all, s)
		faults = append(faults, next)
	}
	return faults
}

// oldCards puts an image of a card back, of any moment before, in the middle of what else
// may go on: a mains cut, a board that is off meanwhile, a voter that goes for good.
func oldCards(r *rand.Rand, s Scenario) []Fault {
	all := s.Boards + s.Spare
	at := time.Duration(r.IntN(150000)) * time.Millisecond
	if r.IntN(3) == 0 {
		return partners(r, at, all)
	}
	var faults []Fault
	if r.IntN(2) == 0 {
		f := fault1(r, PowerCut, at-time.Duration(r.IntN(60000))*time.Millisecond, all, s)
		f.At = max(f.At, 0)
		faults = append(faults, f)
	}
	faults = append(faults, fault1(r, OldCard, at, all, s))
	for range r.IntN(3) {
		kind := []Kind{Mains, PowerCut, Kill, KillAtStep, Part, Split, Move, MoveOff, Leave, Voters, OldCard, TailLost}[r.IntN(12)]
		faults = append(faults, fault1(r, kind, at+time.Duration(r.IntN(20000))*time.Millisecond, all, s))
	}
	return faults
}

// partners puts an image back onto a board while one of its partners was off for so long
// that the other one alone has what both have written, and lets that one be away for a
// while: those who come first lack it, and could be a quorum.
func partners(r *rand.Rand, at time.Duration, all int) []Fault {
	boards := r.Perm(all)
	for len(boards) < 3 {
		boards = append(boards, boards[0])
	}
	off := time.Duration(40+r.IntN(60)) * time.Second
	back := at + off - time.Duration(r.IntN(20))*time.Second
	long := func(most int) time.Duration { return time.Duration(1+r.IntN(most)) * time.Second }
	return []Fault{
		{At: at, Kind: PowerCut, Board: boards[0], For: off},
		{At: back, Kind: OldCard, Board: boards[1], N: 10000 + r.IntN(60000), For: long(15)},
		{At: back + time.Duration(r.IntN(3000))*time.Millisecond, Kind: []Kind{PowerCut, Mains, Kill, Part}[r.IntN(4)], Board: boards[2], For: long(40)},
	}
}

// slowDisk makes a board's disk slow, and faults at about the time at which the
// fleet changes its pace for that.
func slowDisk(r *rand.Rand, s Scenario) []Fault {
	all := s.Boards + s.Spare
	at := time.Duration(r.IntN(60000)) * time.Millisecond
	if r.IntN(4) == 0 {
		at = 0 // before there is a plan
	}
	faults := []Fault{fault1(r, Pace, at, all, s)}
	kinds := append(slices.Clone(plain), Pace, KillAtStep)
	if !s.TwoClusters {
		kinds = append(kinds, Pace, KillAtStep, Split, MoveAll, Damage, Renew, Leave, Voters)
	}
	for range r.IntN(5) {
		at := max(at+slowDownAfter+time.Duration(r.IntN(30000)-10000)*time.Millisecond, 0)
		faults = append(faults, fault1(r, kinds[r.IntN(len(kinds))], at, all, s))
	}
	return faults
}

func generate(seed uint64) Scenario {
	r := rand.New(rand.NewPCG(seed, 3))
	if r.IntN(20) == 0 {
		return overfull(r, seed)
	}
	s := Scenario{Seed: seed, Voters: []int{1, 3, 3, 3, 3, 5}[r.IntN(6)]}
	s.Boards = s.Voters + r.IntN(3)
	s.Spare = r.IntN(2)
	all := s.Boards + s.Spare
	total := 0
	for _, d := range deal {
		total += d.share
	}
	at := time.Duration(r.IntN(20)) * time.Second / 2
	for range 1 + r.IntN(8) {
		n, kind := r.IntN(total), Kill
		for _, d := range deal {
			if n -= d.share; n < 0 {
				kind = d.kind
				break
			}
		}
		s.Faults = append(s.Faults, fault1(r, kind, at, all, s))
		at += time.Duration(r.IntN(4)) * time.Duration(r.IntN(15000)) * time.Millisecond
	}
	return s
}

// plain are the faults that befall a fleet in every state.
var plain = []Kind{Kill, KillAtStep, PowerCut, Mains, Late, Loss, Move, Slow, Bare, Part, Wipe}

// overfull makes a fleet that is larger than its profile allows at founding, which
// may be cut in two while it founds: then it founds nothing, or one cluster, or a
// second one that the others do not see. Its owner corrects the profile later.
func overfull(r *rand.Rand, seed uint64) Scenario {
	s := Scenario{Seed: seed, Voters: []int{1, 3, 3}[r.IntN(3)], TwoClusters: true, Unwritten: r.IntN(2) == 0}
	s.Profile = s.Voters
	s.Boards = 2*s.Voters + r.IntN(2)
	if r.IntN(3) > 0 {
		s.Faults = append(s.Faults, Fault{Kind: Split, Board: r.IntN(s.Boards - 1), For: time.Duration(20+r.IntN(60)) * time.Second})
	}
	at := time.Duration(0)
	for range r.IntN(4) {
		at += time.Duration(r.IntN(40000)) * time.Millisecond
		s.Faults = append(s.Faults, fault1(r, plain[r.IntN(len(plain))], at, s.Boards, s))
	}
	s.Faults = append(s.Faults, Fault{At: at + time.Duration(30+r.IntN(60))*time.Second, Kind: Boards, N: s.Boards})
	return s
}

// fault1 fills in one fault.
func fault1(r *rand.Rand, kind Kind, at time.Duration, all int, s Scenario) Fault {
	f := Fault{At: at, Kind: kind, Board: r.IntN(all)}
	long := time.Duration(1+r.IntN(40)) * time.Second
	switch kind {
	case Kill, KillAtStep, PartOneWay, Part, Split, Loss, Late, Mains, MoveOff, Wipe, Clone, CopyData, Damage, TailLost, DataLost, OldData, OldCard, Unplug, Unreadable, Full, ReadOnly, Slow, Twin, Diverge, Unsure, Unowned, Bare:
		f.For = long
	case Profile, Wedge:
		f.For = long * time.Duration(1+r.IntN(2)*5)
	case PowerCut:
		f.For = long * time.Duration(1+r.IntN(3))
	}
	switch kind {
	case KillAtStep:
		f.N, f.For = 1+r.IntN(10), time.Duration(r.IntN(5))*time.Second
	case Bare, Renew:
		f.N = r.IntN(2)
	case PartOneWay, Clone, CopyData, Swap, Twin:
		f.Other = (f.Board + 1 + r.IntN(max(all-1, 1))) % all
	case Loss:
		f.N = 10 + r.IntN(80)
	case Alarm:
		f.N, f.For = 1+r.IntN(3), long
	case Late:
		f.N = 1 + r.IntN(8)
	case TailLost:
		f.N = 1 + r.IntN(30)
	case OldCard:
		f.N = r.IntN(int(max(at.Milliseconds(), 1)))
		if r.IntN(2) == 0 {
			f.N = min(f.N, r.IntN(60000))
		}
	case Clock:
		f.N = r.IntN(2000) - 1000
	case Slow:
		f.N = 2 + r.IntN(20)
	case Pace:
		f.N, f.For = []int{0, 90, 150, 200, 201, 900}[r.IntN(6)], time.Duration(r.IntN(2))*time.Duration(r.IntN(200))*time.Second
	case Voters, Profile:
		f.N = []int{1, 3, 5}[r.IntN(3)]
	case Plug:
		f.Board = s.Boards + s.Spare - 1
	}
	return f
}

// Shrink makes the list of faults as short as it can be while the scenario still
// breaks something.
func Shrink(s Scenario, breaks func(Scenario) bool) Scenario {
	for size := max(len(s.Faults)/2, 1); size > 0; {
		smaller := false
		for i := 0; i+size <= len(s.Faults); {
			try := s
			try.Faults = slices.Delete(slices.Clone(s.Faults), i, i+size)
			if breaks(try) {
				s, smaller = try, true
			} else {
				i += size
			}
		}
		if !smaller || size > 1 {
			size /= 2
		}
	}
	if s.Spare > 0 {
		if try := s; !slices.ContainsFunc(s.Faults, func(f Fault) bool { return f.Board >= s.Boards || f.Other >= s.Boards }) {
			if try.Spare = 0; breaks(try) {
				s = try
			}
		}
	}
	return s
}
