package bootstrap

import (
	"slices"
	"strings"
	"time"

	"muster/bootstrap/founding"
)

// judge holds one decision against the rules of docs/design.md. It is written
// from the facts alone and calls nothing that Decide calls: what is wrong in
// both would not be seen.
type judge struct {
	s        State
	a        Action
	broken   []string
	clusters map[*founding.Plan]string
	proven   int // set-asides of what may be proven to be redundant
}

func newJudge() *judge { return &judge{clusters: map[*founding.Plan]string{}} }

// judge gives the rules that the decision breaks.
func (j *judge) judge(s State, a Action) []string {
	j.s, j.a, j.broken = s, a, j.broken[:0]
	j.words()
	j.unknown()
	j.child()
	switch a.Do {
	case Propose:
		j.propose()
	case Start:
		j.start()
	case SetAside:
		j.setAside()
	case Readdress:
		j.readdress()
	case Pledge, Adopt:
		j.promises()
	case Add, Promote, Remove, Update, Transfer, Fence, Unfence, TakeTurn, ReleaseTurn:
		j.throughTheQuorum()
	case Renew, Rerun:
		j.renew()
	}
	j.older()
	return j.broken
}

func (j *judge) rule(ok bool, text string) {
	if !ok {
		j.broken = append(j.broken, text)
	}
}

// words holds what an owner reads to what it promises.
func (j *judge) words() {
	a := j.a
	j.rule(slices.Contains(Rows(), a.Why) && a.Say != "", "every action has a row of the table and a sentence")
	j.rule(a.Do != Hold || a.Hint != "", "a hold says what would help")
	if a.Do == Hold && strings.Contains(a.Hint, "agent yield") {
		s := j.s
		s.Order = OrderYield
		switch did := Decide(s).Do; s.Etcd.Proc {
		case ProcStopped, ProcBackoff:
			j.rule(did == SetAside, "who is told to run `agent yield` can give up what is on the disk by it")
		case ProcStarting, ProcRunning:
			j.rule(did == Stop, "who is told to run `agent yield` can give up by it what runs")
		}
	}
}

// unknown holds the decision to rule 2: unknown is not absent.
func (j *judge) unknown() {
	s, a := j.s, j.a
	acts := a.Do != Wait && a.Do != Hold && a.Do != Renew
	gives := a.Do == SetAside || a.Do == Stop
	begun := gives && s.Disk.Intent.Do == IntentSetAside
	j.rule(!acts || s.Want.Cluster != "", "nothing is done without a profile")
	j.rule(!acts || s.Disk.State != DiskUnknown, "nothing rests on a disk that could not be read")
	j.rule(!acts || begun || s.Disk.Hardware != MatchUnknown, "an identity that may be copied does nothing")
	j.rule(!acts || gives || s.Disk.Hardware == MatchSame, "an identity of other hardware does nothing but make room")
	j.rule(!acts || gives || s.Disk.Owner != MatchOther || s.Disk.State == DiskEmpty, "the data of another board or life is never used")
	j.rule(!acts || gives || s.Disk.State != DiskMember || s.Disk.Owner == MatchSame, "data of nobody knows whom is never used")
	j.rule(!acts || gives || s.Shadow == "" || s.Now.Sub(s.Shadowed) < 20*time.Second, "a twin does nothing")
	j.rule(!acts || gives || a.Do == Pledge || a.Do == Adopt || a.Why == Leave || s.Self.PeerURL != "", "nothing is done without an address")
}

// child holds the decision to what the etcd child allows.
func (j *judge) child() {
	s, a := j.s, j.a
	idle := s.Etcd.Proc == ProcStopped || s.Etcd.Proc == ProcBackoff
	j.rule(a.Do != Start || s.Etcd.Proc == ProcStopped, "a child is started only while none runs, starts or backs off")
	j.rule(a.Do != SetAside && a.Do != Readdress || idle, "no data directory is touched while a child may be in it")
	if a.Do != Stop {
		return
	}
	j.rule(s.Etcd.Proc == ProcStarting || s.Etcd.Proc == ProcRunning, "only a child is stopped")
	if a.Abrupt {
		moved := s.Etcd.PeerURL != "" && s.Self.PeerURL != "" && s.Etcd.PeerURL != s.Self.PeerURL
		stranded := !s.Leaderless.IsZero() && s.Now.Sub(s.Leaderless) >= 3*time.Second && j.strays() > 0
		j.rule(moved || stranded, "a child is cut off only where its address is gone, or without a leader while members are elsewhere")
		lost := s.Now.Sub(s.Leaderless) >= 10*time.Second // the quorum does not find this member
		j.rule(moved || !j.fresh() || !s.Cluster.AsOf.After(s.Leaderless) || lost, "addresses are not corrected at once where a quorum answers: it may be about to find this member")
		return
	}
	j.rule(j.useless() || j.wanted(), "a child is ended only where its data is given up")
	s.Etcd.Proc, s.Etcd.Ended = ProcStopped, s.Now
	j.rule(Decide(s).Do != Start, "what is ended to be given up is not started again")
}

// strays counts the members that living boards show elsewhere than the database
// lists them.
func (j *judge) strays() int {
	n := 0
	for _, m := range j.s.Disk.Members {
		if p := j.card(m.ID); p != nil && p.PeerURL != "" && p.PeerURL != m.PeerURL {
			n++
		}
	}
	return n
}

// fresh says that a quorum of the fleet's cluster, as far as a plan says which
// that is, has said within the last seconds whom it lists.
func (j *judge) fresh() bool {
	c := j.s.Cluster
	said := !c.AsOf.IsZero() && j.s.Now.Sub(c.AsOf) <= 15*time.Second && c.ID != "" && len(c.Members) > 0
	return said && (j.s.Plan == nil || c.ID == j.cluster(j.s.Plan))
}

// member is how the list that was read shows a member; nil: it does not.
func (j *judge) member(id string) *Member {
	for i, m := range j.s.Cluster.Members {
		if m.ID == id && id != "" {
			return &j.s.Cluster.Members[i]
		}
	}
	return nil
}

// card is the living board that says that it holds a member of this board's
// cluster; nil: none does.
func (j *judge) card(member string) *Peer {
	for i, p := range j.s.Peers {
		if p.Alive && member != "" && p.Member == member && p.Cluster == j.s.Disk.Cluster {
			return &j.s.Peers[i]
		}
	}
	return nil
}

func (j *judge) active(member string) bool {
	return member == j.s.Disk.Member || slices.ContainsFunc(j.s.Etcd.Progress, func(p Progress) bool { return p.Member == member && p.Active })
}

// cluster is the ID of the cluster that a plan makes; "" without one.
func (j *judge) cluster(p *founding.Plan) string {
	if p == nil {
		return ""
	}
	id, ok := j.clusters[p]
	if !ok {
		id = FormatID(p.ClusterID())
		j.clusters[p] = id
	}
	return id
}

// atWork is a living board that works in another cluster than this board's data.
func (j *judge) atWork() *Peer {
	for i, p := range j.s.Peers {
		if p.Alive && p.Healthy && p.Cluster != "" && p.Cluster != j.s.Disk.Cluster {
			return &j.s.Peers[i]
		}
	}
	return nil
}
