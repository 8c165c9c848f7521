package bootstrap

import (
	"slices"
	"testing"
	"time"

	"muster/bootstrap/founding"
)

// TestEveryCombinationKeepsTheRules goes through every combination of what a
// board can see, in small values, and holds the decision against the rules of
// docs/design.md. It asks the rules, not the code: each check is written from
// the facts alone.
func TestEveryCombinationKeepsTheRules(t *testing.T) {
	n := 0
	verbs := map[Verb]int{}
	each(func(s State) {
		a := Decide(s)
		n++
		verbs[a.Do]++
		for _, broken := range broken(s, a) {
			t.Fatalf("rule broken: %s\n decided %+v\n from %+v", broken, a, s.Observation)
		}
	})
	t.Logf("%d combinations: %v", n, verbs)
	for _, v := range []Verb{Wait, Hold, Propose, Start} {
		if verbs[v] == 0 {
			t.Errorf("no combination leads to %q: the enumeration is too small", v)
		}
	}
}

// broken names the rules that an action breaks.
func broken(s State, a Action) []string {
	var out []string
	rule := func(ok bool, text string) {
		if !ok {
			out = append(out, text)
		}
	}
	starts, founds := a.Do == Start, a.Do == Start && a.Plan != nil
	changes := a.Do == Start || a.Do == Propose

	rule(slices.Contains(Rows(), a.Why) && a.Say != "", "every action has a row of the table and a sentence")
	rule(a.Do != Hold || a.Hint != "" || a.Why == Leave || a.Why == Resume, "a hold says what would help")
	rule(!changes || s.Want.Cluster != "", "nothing is done without a profile")
	rule(!changes || s.Disk.State != DiskUnknown, "nothing rests on a disk that could not be read")
	ownUnfinished := s.Disk.Intent.Do == IntentFound && !s.Disk.Born && (s.Disk.State == DiskUnborn || s.Disk.State == DiskDamaged && s.Disk.Unlogged)
	rule(!changes || s.Disk.State != DiskDamaged || ownUnfinished, "damaged data is not started, nor founded over")
	rule(!changes || s.Disk.Hardware == MatchSame, "an identity that may be copied does nothing")
	rule(!changes || s.Disk.Owner != MatchOther, "the data of another board or life is never used")
	rule(!starts || founds || s.Disk.Owner == MatchSame, "data starts only for the board and life that made it")
	rule(a.Do != Propose || s.Shadow == "", "nobody proposes beside another board with its own ID")
	rule(!changes || s.Self.PeerURL != "", "nothing is done without an address")
	rule(!starts || s.Etcd.Proc == ProcStopped, "a child is started only while none runs, starts or backs off")

	rule(!founds || s.Plan != nil && a.Plan == s.Plan, "founding rests on the chosen plan")
	if founds && s.Plan != nil {
		f, named := s.Plan.Founder(s.Self.ID)
		rule(named && f.Life == s.Self.Life, "only a founder in the life that was named founds")
		rule(f.PeerURL == s.Self.PeerURL, "a founder starts where the plan lists it")
	}
	for _, p := range s.Peers {
		rule(!founds || !p.Alive || p.Cluster == "" || p.Cluster == clusterID(s.Plan), "nothing is founded beside data of another cluster")
	}
	rule(!founds || !startedInList(s, memberID(s.Self.ID)), "a member that the cluster has seen start does not start with an empty log")
	rule(!starts || s.Shadow == "", "nothing starts beside another board with its own ID")
	rule(!founds || s.Disk.State == DiskEmpty || ownUnfinished && a.Clear,
		"founding needs an empty directory, or one of our own unfinished start")
	rule(!founds || !s.Cluster.known(s.Now) || s.Cluster.lists(memberID(s.Self.ID)), "a founder that the quorum removed does not found")
	rule(!founds || !s.Disk.Born, "a member ID never starts twice with an empty log")
	rule(!starts || founds || s.Disk.State == DiskMember, "a restart needs data")
	if starts && !founds {
		rule(s.Plan == nil || clusterID(s.Plan) == s.Disk.Cluster, "data of another cluster than the fleet's is not started")
		rule(!s.Cluster.known(s.Now) || s.Cluster.lists(s.Disk.Member), "a member that the quorum removed is not started")
		for _, p := range s.Peers {
			rival := p.Alive && p.Cluster != "" && p.Cluster != s.Disk.Cluster
			rule(!rival || s.Plan != nil, "data is not started beside other data while no plan says which is the fleet's")
		}
	}
	rule(!a.Clear || founds && ownUnfinished, "only what is left of our own unfinished start is set aside")

	if a.Do == Propose {
		able, data := 1, false
		for _, p := range s.Peers {
			if p.Alive && p.Boards == s.Want.Boards && p.Voters == s.Want.Voters {
				able++
			}
			data = data || p.Data
		}
		q := max(s.Want.Voters, s.Want.Boards/2+1)
		rule(s.Disk.State == DiskEmpty && !s.Disk.Born && s.Disk.Intent.Do == "", "only an empty board proposes")
		rule(s.Plan == nil, "nobody proposes once a plan is chosen")
		rule(!s.Want.Never, "a board that never founds does not propose")
		rule(able >= q, "a proposal needs a founding quorum of living boards with the same terms")
		rule(len(s.Peers)+1 <= 2*q-1, "a fleet larger than 2Q-1 does not found")
		rule(!data, "nobody proposes while a board holds data")
	}
	return out
}

// each calls f with every combination.
func each(f func(State)) {
	born := plan()
	other := plan()
	other.Founders = other.Founders[1:]
	former := plan()
	former.Founders[0].Life = "a0"
	elsewhere := plan()
	elsewhere.Founders[0].PeerURL = "https://10.0.0.0:2380"

	lists := []Cluster{{}, list("a", "b", "c"), list("b", "c"), {AsOf: t0.Add(-time.Hour), ID: planID()}, {AsOf: t0, ID: "77"}}
	peers := [][]Peer{
		nil,
		{peer("b", 2)},
		{peer("b", 2), peer("c", 3)},
		{peer("b", 2), with(peer("c", 3), func(p *Peer) { p.Voters = 1 })},
		{peer("b", 2), with(peer("c", 3), func(p *Peer) { p.Alive = false })},
		{with(peer("b", 2), holding(planID())), peer("c", 3)},
		{with(peer("b", 2), holding("77")), peer("c", 3)},
		{with(peer("b", 2), func(p *Peer) { holding("77")(p); p.Alive = false }), peer("c", 3), peer("d", 4)},
		{peer("b", 2), peer("c", 3), peer("d", 4), peer("e", 5), peer("f", 6)},
	}
	disks := []Disk{{State: DiskUnknown}, {State: DiskEmpty}, {State: DiskUnborn}, {State: DiskMember}, {State: DiskDamaged}, {State: DiskDamaged, Unlogged: true}}
	intents := []Intent{{}, {IntentFound, born.Digest()}, {IntentFound, "other"}, {Do: "dance"}}
	for _, shadow := range []string{"", "10.0.0.7"} {
		for _, want := range []Want{{}, {Problem: "bad"}, {Cluster: "lab", Boards: 4, Voters: 3}, {Cluster: "lab", Boards: 4, Voters: 3, Never: true}} {
			for _, url := range []string{"", "https://10.0.0.1:2380"} {
				for _, disk := range disks {
					for hardware := MatchUnknown; hardware <= MatchOther; hardware++ {
						for owner := MatchUnknown; owner <= MatchOther; owner++ {
							for _, intent := range intents {
								for _, wasBorn := range []bool{false, true} {
									for _, p := range []*founding.Plan{nil, born, other, former, elsewhere} {
										for _, view := range peers {
											for _, members := range lists {
												for proc := ProcUnknown; proc <= ProcBackoff; proc++ {
													s := empty()
													s.Want, s.Self.PeerURL, s.Plan, s.Peers, s.Cluster, s.Etcd.Proc = want, url, p, view, members, proc
													s.Disk = Disk{State: disk.State, Unlogged: disk.Unlogged, Hardware: hardware, Owner: owner, Intent: intent, Born: wasBorn}
													if disk.State == DiskMember {
														s.Disk.Cluster, s.Disk.Member, s.Disk.PeerURL = planID(), memberID("a"), "https://10.0.0.1:2380"
													}
													if proc == ProcRunning {
														s.Etcd.Quorum, s.Etcd.Leader = QuorumHeld, true
													}
													s.Shadow = shadow
													f(s)
												}
											}
										}
									}
								}
							}
						}
					}
				}
			}
		}
	}
}

func TestFoldKeepsTime(t *testing.T) {
	at := func(s int) time.Time { return t0.Add(time.Duration(s) * time.Second) }
	facts := func(s int, peers ...Peer) Observation {
		o := empty().Observation
		o.Now, o.Peers = at(s), peers
		return o
	}
	s := Fold(State{}, facts(0, peer("b", 2)))
	s = Fold(s, facts(1, peer("b", 2)))
	if !s.Settled.Equal(at(0)) {
		t.Errorf("settled %v, want since 0", s.Settled)
	}
	s = Fold(s, facts(2, peer("b", 2), peer("c", 3)))
	s = Fold(s, facts(3, peer("b", 2), peer("c", 3)))
	if !s.Settled.Equal(at(2)) {
		t.Errorf("settled %v, want since 2, when a board came", s.Settled)
	}
	lost := facts(4, peer("b", 2))
	lost.Etcd, lost.Shadow = Etcd{Proc: ProcRunning, Quorum: QuorumLost}, "10.0.0.7"
	s = Fold(s, lost)
	lost.Now, lost.Shadow = at(5), "10.0.0.8"
	s = Fold(s, lost)
	if !s.Settled.Equal(at(4)) || !s.Leaderless.Equal(at(4)) || !s.Shadowed.Equal(at(5)) {
		t.Errorf("settled %v leaderless %v shadowed %v, want 4, 4 and 5 (another shadow begins anew)", s.Settled, s.Leaderless, s.Shadowed)
	}
}

func TestNoteKeepsSinceWhileTheRowStays(t *testing.T) {
	s := State{Observation: Observation{Now: t0}}.Note(Action{Do: Start, Why: FoundAgreed})
	s.Now = t0.Add(time.Second)
	s = s.Note(Action{Do: Wait, Why: FoundAgreed})
	if !s.Since.Equal(t0) || s.StartedAs != FoundAgreed {
		t.Errorf("since %v started as %q", s.Since, s.StartedAs)
	}
	if s = s.Note(Action{Do: Propose, Why: FoundAgreeing}); !s.Since.Equal(s.Now) || !s.Proposed.Equal(s.Now) {
		t.Errorf("since %v proposed %v", s.Since, s.Proposed)
	}
}
