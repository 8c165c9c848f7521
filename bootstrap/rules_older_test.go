package bootstrap

import (
	"slices"
	"time"
)

// behind is what another board remembers of this board's member, if that is more than
// the disk has and others hold the data too.
func (j *judge) behind() *Owner {
	s := j.s
	more := slices.ContainsFunc(s.Recalled, func(r Recall) bool { return r.Others > 0 })
	if s.Disk.Watched || s.Disk.State != DiskMember || j.storedVoters() < 2 && !more {
		return nil
	}
	for _, r := range s.Recalled {
		for i, o := range r.Owners {
			if o.Member == s.Disk.Member && (o.Log.Index > s.Disk.Log.Index || o.Log.Term > s.Disk.Log.Term) {
				return &r.Owners[i]
			}
		}
	}
	return nil
}

// forgot reports whether an empty disk is older than a member of its life, or than the
// promise that the plan rests on.
func (j *judge) forgot() bool {
	s := j.s
	if s.Disk.Watched || s.Disk.State == DiskMember || s.Disk.Born {
		return false
	}
	for _, r := range s.Recalled {
		if slices.ContainsFunc(r.Owners, func(o Owner) bool { return o.Life == s.Self.Life }) {
			return true
		}
	}
	return s.Founding.Forgot && s.Disk.State == DiskEmpty
}

// storedVoters counts those that the data, else the plan, lists.
func (j *judge) storedVoters() int {
	n := 0
	for _, m := range j.s.Disk.Members {
		if !m.Learner {
			n++
		}
	}
	if n == 0 && j.s.Plan != nil && j.cluster(j.s.Plan) == j.s.Disk.Cluster {
		n = len(j.s.Plan.Founders)
	}
	return n
}

// older holds the decision to what other boards remember of this one.
func (j *judge) older() {
	s, a := j.s, j.a
	j.rule(a.Do != Readdress && a.Do != Start || j.behind() == nil, "a disk that is older than its member is not started, and nothing in it is rewritten")
	if a.Do != Start || s.Disk.Watched {
		return
	}
	j.rule(!j.forgot(), "an empty disk does not start in a life that has started a member, or without the promise that the plan rests on")
	if s.Want.Voters == 1 && len(s.Peers) == 0 || a.Target != "" || j.fresh() && a.Plan != nil {
		return
	}
	since := func(d time.Duration) bool { return !s.Inquiring.IsZero() && s.Now.Sub(s.Inquiring) >= d }
	for _, p := range s.Peers {
		answered := slices.ContainsFunc(s.Recalled, func(r Recall) bool { return r.Board == p.ID })
		late := since(2*time.Second) && s.Now.Sub(p.Since) >= 2*time.Second
		j.rule(!p.Alive || answered || late || since(time.Minute), "a living board may know more, and is given time to say so")
	}
	if j.fresh() {
		return
	}
	saw, remember := false, 0
	for _, r := range s.Recalled {
		knows := slices.ContainsFunc(r.Owners, func(o Owner) bool { return o.Member == s.Disk.Member })
		if saw = saw || a.Plan == nil && slices.Contains(r.Saw, s.Disk.Member); knows || a.Plan != nil {
			remember++
		}
	}
	enough := 2
	if j.storedVoters() < 2 && a.Plan == nil {
		enough = 1
	}
	j.rule(saw || remember >= enough || since(time.Minute), "a disk that may be older starts only on the word of the others, or after a minute")
}

// words that other boards may say of board a's member.
func recalls() dim {
	saw := memberID("a")
	return vary(same,
		recalled(remembers("b", Mark{5, 200})), recalled(remembers("b", Mark{5, 200}, saw)),
		recalled(remembers("b", Mark{5, 500}, saw)), recalled(remembers("b", Mark{6, 100})),
		recalled(remembers("b", Mark{5, 200}), remembers("c", Mark{5, 200})),
		recalled(remembers("b", Mark{5, 200}, saw), remembers("c", Mark{5, 201})),
		recalled(Recall{Board: "b"}, Recall{Board: "c"}), recalled(Recall{Board: "b"}),
		recalled(Recall{Board: "b", Others: 2, Owners: remembers("b", Mark{5, 500}).Owners}),
		recalled(Recall{Board: "b", Owners: []Owner{{Member: "77", Board: "a", Life: "a0", Log: Mark{9, 9}}}}))
}

// olderDisks is a member whose agent has just started, with whatever others remember of it.
func olderDisks() sweep {
	others := list("b", "c")
	// What is independent of the others' word is tried with two of the many.
	unheard := func(s State) bool { return len(s.Recalled) < 2 }
	dims := []dim{
		vary(same, func(s *State) { s.Disk.Watched = true }),
		recalls(),
		vary(same, func(s *State) { s.Disk.Log = Mark{} }, func(s *State) { s.Disk.Log = Mark{5, 600} }, func(s *State) { s.Disk.Log = Mark{7, 150} }),
		vary(same, func(s *State) {
			s.Inquiring, s.Peers = t0.Add(-2*time.Second), slices.Clone(s.Peers)
			for i := range s.Peers {
				s.Peers[i].Since = s.Inquiring
			}
		}, func(s *State) { s.Inquiring = t0.Add(-2 * time.Second) }, func(s *State) { s.Inquiring = t0.Add(-time.Minute) }, func(s *State) { s.Inquiring = time.Time{} }),
		vary(same, func(s *State) { s.Here = t0 }),
		vary(same, func(s *State) { s.Disk.Members = s.Disk.Members[:1] }, func(s *State) { s.Disk.Members = nil }),
		varyWhere(unheard, same, func(s *State) { s.Disk.PeerURL = "https://10.0.0.99:2380" }),
		varyWhere(func(s State) bool { return s.Peers[0].Since.Equal(t0) }, same, func(s *State) { s.Peers = nil }, func(s *State) { s.Peers = voter().Peers }),
		lists(nil, Cluster{}, list("a", "b", "c"), others),
		vary(same, func(s *State) { s.Etcd.Proc = ProcBackoff }, func(s *State) { s.Etcd.Proc, s.Etcd.Quorum = ProcRunning, QuorumHeld }),
		ordersWhere(unheard, "", OrderYield),
		varyWhere(unheard, same, func(s *State) { s.Shadow, s.Shadowed = "10.0.0.7", s.Now.Add(-time.Second) }),
	}
	return sweep{"a member whose disk may be older", func(f func(State)) { product(doubting(), dims, f) },
		[]Verb{Wait, Hold, Start, SetAside, Stop}, []Row{DiskOlder, Restart, Moved, Removed}}
}

// olderBlanks is a board without data whose agent has just started, as a founder and as
// a standby.
func olderBlanks() sweep {
	strange := plan()
	strange.Founders = strange.Founders[1:]
	dims := []dim{
		vary(same, func(s *State) { s.Disk.Watched = true }),
		vary(same, func(s *State) { s.Plan = strange }, func(s *State) { s.Plan = nil }),
		recalls(),
		vary(same, func(s *State) { s.Founding.Forgot = true }),
		vary(same, func(s *State) { s.Disk.State = DiskUnborn }, func(s *State) { s.Disk.State, s.Disk.Unlogged = DiskDamaged, true }),
		vary(same, func(s *State) { s.Disk.Born = true }),
		intents(Intent{}, begun(), Intent{Do: IntentJoin, Member: "99"}, Intent{Do: IntentSetAside}, Intent{Do: IntentLeave}, Intent{Do: IntentLeft}),
		vary(same, func(s *State) { s.Inquiring = t0.Add(-time.Minute) }),
		lists(nil, Cluster{}, list("a", "b", "c"), list("b", "c")),
		procs(),
		vary(same, func(s *State) { s.Shadow, s.Shadowed = "10.0.0.7", s.Now.Add(-time.Second) }),
	}
	return sweep{"a blank board whose disk may be older", func(f func(State)) { product(blank(), dims, f) },
		[]Verb{Wait, Hold, Start, SetAside}, []Row{DiskOlder, FoundAgreed, PlanKnowsMeNot, Damaged}}
}
