package bootstrap

import (
	"cmp"
	"fmt"
	"strings"
	"time"
)

// renewPatience is how long an agent that was asked to start anew waits for its
// turn before it says that this needs a person: all boards of a large fleet in
// turn take a few minutes.
const renewPatience = 30 * time.Minute

// Renewal is the wish that the agent of this board ends in order and is started
// anew. The zero value is none.
type Renewal struct {
	Since time.Time
	Why   string // what asked for it, as part of a sentence
	Down  bool   // the board goes down within seconds, whatever comes
	Etcd  bool   // the etcd child alone; it can wait for ever
}

// othersFirst is how long a leader waits for the wishes of others to be heard of: an
// upgrade reaches all boards in the same second. A learner waits as long for its own.
const othersFirst = 3 * time.Second

// backSoon is how long a member may be away for a board that goes down to wait for
// it: it may be in its turn.
const backSoon = 30 * time.Second

// Turn is the lock under which one voter at a time goes down: a lease in etcd
// that only one board can have been granted.
type Turn struct {
	Until   time.Time // it may have expired by then; zero: this board does not have it
	Unknown bool      // whether it does is not known: an agent before this one may have taken it
	Denied  time.Time // when this board last asked in vain
	Why     string    // why it did, if not because another board has it
}

// askAgain is how long a board that was denied the turn waits before it asks again.
const askAgain = 2 * time.Second

// held says that no other board can have the turn.
func (t Turn) held(now time.Time) bool { return now.Before(t.Until) }

// inTurn puts an agent that was asked to start anew into its turn, where the
// decision has nothing to do meanwhile. What does not vote goes at once.
func inTurn(s State, a Action) Action {
	if s.Renewal.Down && s.Etcd.Proc != ProcRunning && s.Etcd.Proc != ProcStarting {
		return Action{Do: Renew, Why: RestartAsked, Say: asked + s.Renewal.Why}
	}
	s.Renewal = Wish(s)
	if a.Do != Wait && a.Do != Hold {
		return alsoAsked(s, a)
	}
	if s.Renewal.Since.IsZero() {
		return giveTurnBack(s, a)
	}
	last, say := Renew, asked+s.Renewal.Why
	switch {
	case s.Renewal.Etcd && !inPeace(s, a):
		return a
	case s.Renewal.Etcd:
		last, say = Rerun, "etcd here is to start anew: "+s.Renewal.Why
	}
	switch {
	case s.Etcd.Proc == ProcStarting && !s.Renewal.Down:
		return alsoAsked(s, a)
	case s.Etcd.Proc == ProcRunning && s.Etcd.Learner && !s.Renewal.Down && s.Now.Sub(s.Renewal.Since) < othersFirst:
		return waitInTurn(s, say+"; it lets the steward hear of that first, which makes a voter of nobody who goes", tend)
	case s.Etcd.Proc != ProcRunning || s.Etcd.Learner:
		return Action{Do: Renew, Why: RestartAsked, Say: say}
	case !inOrder(s) && !s.Renewal.Down:
		// What is wrong with it is what its owner has to see first.
		return alsoAsked(s, a)
	}
	why := RenewRefusal(s)
	if s.Renewal.Down && (!inOrder(s) || s.Etcd.Quorum != QuorumHeld || !s.Cluster.known(s.Now)) {
		// Nothing can be saved by waiting, nor asked for.
		return Action{Do: Renew, Why: RestartAsked, Say: say}
	}
	if why != "" {
		wait := waitInTurn(s, say+"; it waits, because "+why, tend)
		if why == afterOthers(s) {
			// They need the turn.
			return giveTurnBack(s, wait)
		}
		return wait
	}
	if !s.Turn.held(s.Now) && s.Cluster.voters() > 1 {
		if s.Now.Sub(s.Turn.Denied) < askAgain {
			return waitInTurn(s, say+"; "+cmp.Or(s.Turn.Why, "another board has its turn"), askAgain)
		}
		return Action{Do: TakeTurn, Why: RestartAsked, Say: say + "; it asks for its turn", Target: s.Disk.Member, Members: s.Cluster.Members, Again: tend}
	}
	if s.Etcd.Leader {
		if m, ok := heir(s); ok {
			return Action{Do: Transfer, Why: RestartAsked, Say: say + "; leadership goes to " + nameOf(s, &m), Target: m.ID, Members: s.Cluster.Members, Again: tend}
		}
	}
	return Action{Do: last, Why: RestartAsked, Say: say}
}

// asked begins what an owner reads.
const asked = "this board was asked to start anew: "

// alsoAsked adds the wish to an action that comes first.
func alsoAsked(s State, a Action) Action {
	if !s.Renewal.Since.IsZero() && !s.Renewal.Etcd {
		a.Say += "; it was also asked to start anew"
	}
	return a
}

// waitInTurn waits, and after long says that this needs a person.
func waitInTurn(s State, say string, again time.Duration) Action {
	a := Action{Do: Wait, Why: RestartAsked, Say: say, WaitsFor: []string{"cluster"}, Again: again,
		Hint: "it goes on by itself; `agent service restart --now` does not wait"}
	switch {
	case s.Renewal.Etcd:
		a.Hint = "it goes on by itself; until then the cluster works as it is"
	case s.Now.Sub(s.Renewal.Since) >= renewPatience:
		a.Do = Hold
	}
	return a
}

// inPeace says that nothing is the matter here but the pace of etcd: it runs at
// either, so what else is to be said or done comes first.
func inPeace(s State, a Action) bool {
	ordinary := a.Why == Restart || a.Why == FoundAgreed || a.Why == JoinSeated || a.Why == Resume
	return a.Do == Wait && ordinary && s.Etcd.Proc == ProcRunning && !s.Etcd.Learner && s.Etcd.Quorum == QuorumHeld && s.Cluster.known(s.Now)
}

// inOrder says that what runs here is this board's own, and may speak for it.
func inOrder(s State) bool {
	twin := !s.Shadowed.IsZero() && s.Now.Sub(s.Shadowed) >= shadowed
	return s.Want.Cluster != "" && s.Disk.State == DiskMember && s.Disk.Hardware == MatchSame && s.Disk.Owner == MatchSame && !twin
}

// giveTurnBack lets the next board go, once this one is well again or waits for it.
// What an agent before this one took, etcd knows.
func giveTurnBack(s State, a Action) Action {
	has := s.Turn.Unknown || s.Turn.held(s.Now)
	well := (a.Do == Wait || a.Why == RestartAsked) && inOrder(s) && s.Etcd.Proc == ProcRunning && s.Etcd.Quorum == QuorumHeld && s.Cluster.known(s.Now) && s.Cluster.lists(s.Disk.Member)
	if has && well && s.Now.Sub(s.Turn.Denied) >= askAgain {
		a.Do, a.Target, a.Members, a.Again = ReleaseTurn, s.Disk.Member, s.Cluster.Members, tend
	}
	return a
}

// RenewRefusal says why a voter that runs may not go down for a moment, or "".
// Every other member must be well: if two are down at once the cluster is.
func RenewRefusal(s State) string {
	switch {
	case s.Etcd.Quorum != QuorumHeld || !s.Cluster.known(s.Now):
		return "no quorum answers: whether the cluster can do without this board is not known"
	case !s.Cluster.lists(s.Disk.Member):
		return "the quorum does not list this board's member"
	}
	var unwell []string
	for i, m := range s.Cluster.Members {
		if m.ID == s.Disk.Member {
			continue
		}
		p := memberPeer(s, m.ID)
		switch {
		case s.Renewal.Down && (m.Learner || p != nil && !p.Alive && s.Now.Sub(p.Since) > backSoon):
		case m.Learner:
			unwell = append(unwell, nameOf(s, &s.Cluster.Members[i])+" is a learner yet")
		case p == nil || !p.Alive || !p.Healthy:
			unwell = append(unwell, nameOf(s, &s.Cluster.Members[i])+" is not healthy")
		}
	}
	return cmp.Or(strings.Join(unwell, ", "), afterOthers(s))
}

// afterOthers says for whom a leader waits, which goes last, or "".
func afterOthers(s State) string {
	if !s.Etcd.Leader || s.Renewal.Down {
		return ""
	}
	var before []string
	for _, m := range s.Cluster.Members {
		if p := memberPeer(s, m.ID); m.ID != s.Disk.Member && p != nil && p.Renews {
			before = append(before, p.Name)
		}
	}
	switch {
	case len(before) > 0:
		return fmt.Sprintf("it leads, and goes after %s", strings.Join(before, ", "))
	case s.Cluster.voters() > 1 && s.Now.Sub(s.Renewal.Since) < othersFirst:
		return "it leads, and lets the others go first"
	}
	return ""
}

// heir is the healthy voter that leadership goes to.
func heir(s State) (Member, bool) {
	for _, m := range s.Cluster.Members {
		p := memberPeer(s, m.ID)
		if !m.Learner && m.ID != s.Disk.Member && p != nil && p.Alive && p.Healthy && (s.Etcd.Progress == nil || progress(s, m.ID).Active) {
			return m, true
		}
	}
	return Member{}, false
}
