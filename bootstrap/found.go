package bootstrap

import (
	"fmt"
	"strings"
	"time"

	"muster/bootstrap/founding"
)

// planned decides for an empty board that knows the chosen plan.
func planned(s State) Action {
	switch {
	case namesMe(s) && Deserted(s):
		a, ok := converts(s)
		if !ok {
			a = Action{Do: Wait, Why: TwoClusters, Say: "the plan names this board, and most others of it are gone for good", Again: time.Second}
		}
		return a
	case namesMe(s):
		return start(s, FoundAgreed, agreedSay)
	case seat(s) != nil:
		return join(s, seat(s), JoinSeated)
	case clusterSeen(s) && formerMemberListed(s) && s.doubled(s.Self.ID):
		return Action{Do: Wait, Why: Reflashed, WaitsFor: []string{"the other board"},
			Say:  "the cluster lists this board's ID under another life, and another board lately showed the same ID: nothing is concluded from it",
			Hint: fmt.Sprintf("give one of the two an identity of its own (--identity); an earlier member of this board is removed %s after the other was last seen", twinLately)}
	case clusterSeen(s) && formerMemberListed(s):
		return Action{Do: Wait, Why: Reflashed, Say: "the cluster lists this board under an earlier life, whose disk is gone; its old member is removed first",
			WaitsFor: []string{"leader"}, Hint: "the leader's board does it, once all other voters answer"}
	case clusterSeen(s):
		return standby(s)
	}
	if a, ok := converts(s); ok {
		return a
	}
	a := Action{Do: Wait, Why: PlanKnowsMeNot, Say: "a plan was chosen without this board; it waits for the cluster",
		Hint: "switch on the boards that hold the data; a second cluster is never founded by itself", WaitsFor: absentFounders(s)}
	if wasFounder(s) {
		a.Say = "the plan names an earlier life of this board, whose disk is gone; it waits for the cluster"
	}
	if len(a.WaitsFor) == 0 {
		a.Hint = "the boards of the plan are here; their cluster has not answered yet"
	}
	return a
}

func standby(s State) Action {
	a := Action{Do: Wait, Why: JoinStandby, Say: "the cluster runs without this board; it stands by"}
	if s.Cluster.known(s.Now) {
		a.Say = fmt.Sprintf("the cluster has %s; this board stands by", count(s.Cluster.voters(), "voter"))
	}
	return a
}

// found decides for an empty board while no plan is known: the only place
// from which a cluster can come.
func found(s State) Action {
	q, limit := s.Want.terms().Quorum(), s.Want.terms().Limit()
	able := acceptors(s.Observation)
	if p := dataHolder(s); p != nil {
		if clusterSeen(s) {
			return standby(s)
		}
		return Action{Do: Wait, Why: PlanKnowsMeNot, Say: fmt.Sprintf("%s holds data of cluster %s; this board waits to hear of its plan", p.Name, p.Cluster),
			Hint: "switch that board on; if it is gone for good, start the agents of this fleet again", WaitsFor: []string{p.Name}}
	}
	switch {
	case s.Self.Trouble != "":
		return noAddress(s)
	case s.Shadow != "":
		// Two boards with one ID would count as one acceptor and promise as two.
		return Action{Do: Wait, Why: FoundWaiting, Say: "another living board at " + s.Shadow + " has the same board ID; nothing is founded with it",
			Hint: "if this board has just moved this passes by itself; else give one of the two an identity of its own", WaitsFor: []string{s.Shadow}}
	case s.Want.Never:
		return Action{Do: Wait, Why: FoundNever, Say: "the profile says `founding: never`, and no cluster is seen",
			Hint: "connect this board to its fleet", WaitsFor: []string{"cluster"}}
	case Founders(s.Observation) > limit:
		return hold(FoundTooMany, fmt.Sprintf("%d boards are seen, and `boards: %d` allows %d at founding", Founders(s.Observation), s.Want.Boards, limit),
			fmt.Sprintf("with all boards on and nothing founded yet, raise `boards` in the profile of every board to at least %d, or give boards that came later `founding: never`", Founders(s.Observation)))
	case len(able)+1 < q:
		return tooFew(s, able, q)
	case len(able)+1 < s.Want.Boards && s.Now.Sub(s.Settled) < settle:
		return Action{Do: Wait, Why: FoundWaiting, Say: fmt.Sprintf("%d of %d boards here, enough to found; the others get a moment to show up", len(able)+1, s.Want.Boards),
			WaitsFor: missing(s), Again: settle - s.Now.Sub(s.Settled)}
	}
	return agree(s, able)
}

// agree proposes when it is this board's turn: the lowest board ID at once,
// the next one a moment later, and so on. Any number of proposers is safe; one
// at a time is quick, and a turn is short because the boards below may not see
// the fleet yet.
func agree(s State, able []Peer) Action {
	turn := s.Settled
	if len(able)+1 < s.Want.Boards {
		turn = turn.Add(settle)
	}
	for _, p := range able {
		if p.ID < s.Self.ID {
			turn = turn.Add(stagger)
		}
	}
	again := min(proposeAgain<<min(max(s.Proposals-1, 0), 10), proposeMost) + s.Self.Patience
	if !s.Proposed.IsZero() {
		turn = later(turn, s.Proposed.Add(again))
	}
	if !s.Bound.IsZero() {
		// Another board's proposal is under way: outbidding it would only end it.
		turn = later(turn, s.Bound.Add(again))
	}
	a := Action{Do: Wait, Why: FoundAgreeing, Say: count(len(able)+1, "board") + " here, enough to found; the plan is agreed on", WaitsFor: []string{"plan"}}
	if s.Founding.Proposing {
		a.Say = fmt.Sprintf("%d boards here; %d promised and %d accepted this board's plan, %d are needed", len(able)+1, s.Founding.Promises, s.Founding.Accepts, s.Want.terms().Quorum())
	}
	if s.Founding.Rejected != "" {
		a.Hint = "last refusal: " + s.Founding.Rejected
	}
	if wait := turn.Sub(s.Now); wait > 0 {
		a.Again = wait
		return a
	}
	a.Do = Propose
	a.Again = proposeAgain
	for _, p := range able {
		a.Boards = append(a.Boards, p.ID)
	}
	return a
}

func tooFew(s State, able []Peer, q int) Action {
	lack := q - len(able) - 1
	a := Action{Do: Wait, Why: FoundWaiting, WaitsFor: missing(s)}
	if lack == 1 {
		a.Say = fmt.Sprintf("%d of %d boards here, waiting for one more; is it on?", len(able)+1, q)
	} else {
		a.Say = fmt.Sprintf("%d of %d boards here, waiting for %d more; are they on?", len(able)+1, q, lack)
	}
	if odd := otherTerms(s); len(odd) > 0 {
		a.Hint = fmt.Sprintf("%s: `boards` or `voters` differs from this board's profile; use one and the same profile", strings.Join(odd, ", "))
	}
	if same, other := strangers(s); len(same) > 0 {
		a.Say += " A board nearby has the same cluster name and another secret: " + strings.Join(same, ", ")
		a.Hint = "compare `secret` in the profiles: this board and those others do not have the same one"
	} else if len(other) > 0 && a.Hint == "" {
		a.Hint = fmt.Sprintf("boards of other clusters are nearby: %s; if they are meant to be of %q, their profile differs from this one", strings.Join(other, ", "), s.Want.Cluster)
	}
	return a
}

// strangers tells boards with another secret from those of other clusters.
func strangers(s State) (same, other []string) {
	for _, x := range s.Strangers {
		switch {
		case x.Cluster != s.Want.Cluster:
			other = append(other, fmt.Sprintf("%s at %s (cluster %q)", x.Name, x.Address, x.Cluster))
		case x.Name == "":
			same = append(same, x.Address)
		default:
			same = append(same, fmt.Sprintf("%s at %s", x.Name, x.Address))
		}
	}
	return same, other
}

func missing(s State) []string {
	var names []string
	for _, p := range s.Peers {
		if !p.Alive {
			names = append(names, p.Name)
		}
	}
	if len(names) == 0 {
		return []string{"boards"}
	}
	return names
}

func otherTerms(s State) []string {
	var names []string
	for _, p := range s.Peers {
		if p.Alive && (p.Boards != s.Want.Boards || p.Voters != s.Want.Voters) {
			names = append(names, p.Name)
		}
	}
	return names
}

// namesMe says that the plan names this board in this life. A founder that
// lost its disk is not the founder that was named.
func namesMe(s State) bool {
	f, ok := s.Plan.Founder(s.Self.ID)
	return ok && f.Life == s.Self.Life
}

func wasFounder(s State) bool {
	f, ok := s.Plan.Founder(s.Self.ID)
	return ok && f.Life != s.Self.Life
}

func formerMemberListed(s State) bool {
	id, ok := s.Plan.MemberID(s.Self.ID)
	return ok && wasFounder(s) && s.Cluster.known(s.Now) && s.Cluster.lists(FormatID(id))
}

const seatedSay = "the quorum lists this board as a learner, added for its present life"

// seat is the place that a steward gave to this board in its present life, if a
// quorum lists it and nobody started it yet.
func seat(s State) *Member {
	if !s.Cluster.known(s.Now) || s.Self.Life == "" {
		return nil
	}
	for _, p := range s.Peers {
		m := listed(s.Cluster.Members, p.Seat.Member)
		if m != nil && p.Alive && p.Seat.Life == s.Self.Life && m.PeerURL == s.Self.PeerURL && !m.Started {
			return m
		}
	}
	return nil
}

// join starts etcd into a seat, with exactly the members that the quorum lists.
func join(s State, m *Member, why Row) Action {
	if s.Etcd.Proc == ProcStopped && s.Shadow != "" {
		return besideShadow(s, why)
	}
	if s.Etcd.Proc == ProcStopped {
		return Action{Do: Start, Why: why, Say: seatedSay, Target: m.ID, Members: s.Cluster.Members}
	}
	return child(s, startedAs(s, why), seatedSay)
}

func startedInList(s State, id string) bool {
	for _, m := range s.Cluster.Members {
		if m.ID == id && m.Started && s.Cluster.known(s.Now) {
			return true
		}
	}
	return false
}

// clusterSeen says that the fleet's cluster answers now: to this board, or by
// the word of a member.
func clusterSeen(s State) bool {
	if s.Cluster.known(s.Now) {
		return true
	}
	for _, p := range s.Peers {
		if p.Alive && p.Healthy && (s.Plan == nil || p.Cluster == clusterID(s.Plan)) {
			return true
		}
	}
	return false
}

func dataHolder(s State) *Peer {
	for i, p := range s.Peers {
		if p.Data || p.Cluster != "" {
			return &s.Peers[i]
		}
	}
	return nil
}

func absentFounders(s State) []string {
	var names []string
	for _, f := range s.Plan.Founders {
		here := f.Board == s.Self.ID
		for _, p := range s.Peers {
			here = here || p.ID == f.Board && p.Alive && p.Life == f.Life
		}
		if !here {
			names = append(names, f.Name)
		}
	}
	return names
}

func clusterID(p *founding.Plan) string { return FormatID(p.ClusterID()) }

// FormatID prints a member or cluster ID the way etcdctl does: hexadecimal,
// without leading zeros.
func FormatID(id uint64) string { return fmt.Sprintf("%x", id) }

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
