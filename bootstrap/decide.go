package bootstrap

import (
	"fmt"
	"time"
)

// Timing of the decision. They are how long a board is patient, not how long a
// step may take.
const (
	// settle is how long a view with enough, but not all, boards must stand
	// still before founding starts without the rest: a board that is plugged
	// in by hand a moment later still becomes a founder.
	settle = 2 * time.Second
	// stagger is what lies between the turns of two proposers: long enough for
	// the first one to be through, a few round trips and writes to a disk.
	stagger = 100 * time.Millisecond
	// proposeAgain is how long a first proposal may be without an outcome,
	// whether it is this board's or another's. On a LAN with fast disks it takes
	// some milliseconds; three synced writes to a slow card can take a second,
	// so the wait doubles with each vain attempt, up to proposeMost.
	proposeAgain = 1 * time.Second
	proposeMost  = 30 * time.Second
	// leaderless is how long etcd may be without a leader before it counts as
	// a lost quorum: a few elections of a slow board.
	leaderless = 10 * time.Second
	// shadowed is how long this board's own ID may be seen alive elsewhere
	// before it is a twin: a board that moved shows its past address until
	// gossip has declared it dead.
	shadowed = 20 * time.Second
)

// Decide turns what a board knows into exactly one action. It is pure. The
// first case that matches wins: safety stands above progress, and the order of
// the cases is the design.
func Decide(s State) Action {
	a := inTurn(s, decide(s))
	if s.Failed != "" && (a.Do != Wait && a.Do != Hold || a.Why == FoundAgreeing) {
		a.Say += ": " + s.Failed
		a.Hint = "it is tried again by itself"
		if a.onDisk() {
			a.Hint += "; look at the disk: is it full, or mounted read-only?"
		}
	}
	if s.Refused != "" && !a.onDisk() {
		a.Say += "; etcd refuses it: " + s.Refused
	}
	return a
}

func decide(s State) Action {
	if s.Plan != nil && s.Cluster.ID != clusterID(s.Plan) {
		// Another cluster's word counts for nothing here, whoever read it.
		s.Cluster = Cluster{}
	}
	switch {
	case s.Want.Cluster == "":
		return noProfile(s)
	case s.Disk.State == DiskUnknown:
		return hold(Damaged, "the data directory cannot be read: "+orUnknown(s.Disk.Why),
			"nothing is touched while it cannot be read; check the disk and its permissions")
	case s.Disk.Intent.Do == IntentSetAside:
		return resume(s)
	case s.Disk.Hardware == MatchOther:
		return copied(s)
	case s.Disk.Hardware == MatchUnknown:
		return Action{Do: Wait, Why: Clone, Say: "whether the identity on this disk was made on this hardware cannot be told yet: nothing that no copy could have is there to compare",
			Hint: "a network card that comes late is seen by itself; else start the agent with the same --identity as before", WaitsFor: []string{"hardware"}}
	case s.Disk.Owner == MatchOther && s.Disk.State != DiskEmpty:
		return foreign(s)
	case s.Disk.Owner == MatchUnknown && s.Disk.State == DiskMember:
		return byOrderOnly(s, Clone, "the data directory does not say whose it is: its owner.json is missing or cannot be read",
			"it is never started on a guess; put the file back; "+byOrder)
	case !s.Shadowed.IsZero() && s.Now.Sub(s.Shadowed) >= shadowed:
		return hold(Twin, "another living board at "+s.Shadow+" has the same board ID",
			"give one of the two an identity of its own (--identity); or, where one is a copy, stop its agent, remove its state directory, and start it")
	case s.Disk.Intent.Do == IntentLeave && (s.Disk.State == DiskEmpty || s.Disk.State == DiskUnborn):
		return setAside(s, Leave, "this board leaves as it was asked to")
	case s.Disk.Intent.Do == IntentLeft:
		return left(s)
	case s.Order == OrderLeave:
		return Action{Do: Pledge, Why: Leave, Say: "this board was asked to leave", Intent: Intent{Do: IntentLeave}, Again: tend}
	case s.Disk.Intent.Do == IntentYield:
		return pledged(s)
	case s.Disk.State == DiskDamaged && !unfinished(s.Disk):
		return damaged(s, s.Disk.Why)
	case s.Disk.Born && s.Disk.State != DiskMember:
		// Stands above Resume: an intent that was not cleared must not bring a
		// member back with an empty log.
		return lost(s)
	}
	if a, ok := forgotten(s); ok {
		// Stands above Resume as well: what was begun was ended long ago.
		return a
	}
	switch {
	case s.Disk.Intent.Do != "" && s.Disk.Intent.Do != IntentLeave:
		return resume(s)
	case s.Disk.State == DiskMember:
		return member(s)
	case s.Disk.State == DiskUnborn:
		return byOrderOnly(s, Damaged, "the data directory holds files but no write-ahead log, and no start was begun here",
			"look at what it holds; "+byOrder)
	case s.Self.PeerURL == "":
		return noAddress(s)
	case s.Plan != nil:
		return planned(s)
	}
	return found(s)
}

func noProfile(s State) Action {
	if s.Want.Problem != "" {
		return Action{Do: Hold, Why: NoProfile, Say: s.Want.Problem,
			Hint: "correct it; a profile in place is tried again by itself every few seconds, one on the boot partition at the next boot", WaitsFor: []string{"profile"}}
	}
	return Action{Do: Wait, Why: NoProfile, Say: "no profile: this board does not know which fleet it belongs to",
		Hint: "run `agent join --profile FILE`, or put muster.yaml on the boot partition and boot", WaitsFor: []string{"profile"}}
}

func noAddress(s State) Action {
	if s.Self.Trouble != "" {
		return Action{Do: Wait, Why: NoAddress, Say: "this board cannot take part: " + s.Self.Trouble,
			Hint: "it is tried again by itself; if a port is taken, free it or name another one in every profile", WaitsFor: []string{"address"}}
	}
	return Action{Do: Wait, Why: NoAddress, Say: "this board has no address yet",
		Hint: "check its cable and DHCP, or name one with network.cidr or network.interface in the profile", WaitsFor: []string{"address"}}
}

// start founds from the plan, unless something speaks against it, or waits
// while the child is busy.
func start(s State, why Row, say string) Action {
	id, _ := s.Plan.MemberID(s.Self.ID)
	other := otherCluster(s, clusterID(s.Plan))
	switch {
	case s.Self.PeerURL == "":
		return noAddress(s)
	case s.Founding.Rival != nil:
		a := byOrderOnly(s, TwoClusters, fmt.Sprintf("two founding plans were chosen in this fleet: %s here, %s elsewhere", s.Plan.Digest(), s.Founding.Rival.Digest()),
			"`boards` was too small in a profile; decide which cluster stays, and run `agent yield` on each board of the other")
		if a.Do == SetAside {
			a.Plan = s.Founding.Rival
		}
		return a
	case other != nil:
		return byOrderOnly(s, TwoClusters, fmt.Sprintf("the plan here makes cluster %s, and %s holds data of cluster %s", clusterID(s.Plan), other.Name, other.Cluster),
			"if that card is an old one, switch its board off or empty it; else run `agent yield` here and the board takes no part in this plan")
	case s.Cluster.known(s.Now) && !s.Cluster.lists(FormatID(id)):
		return setAside(s, Removed, fmt.Sprintf("the quorum of cluster %s does not list the member that the plan names for this board", s.Cluster.ID))
	case startedInList(s, FormatID(id)):
		return giveUp(s, Damaged, withoutMe(s), "the cluster lists this board's member as started, and its data is not here",
			"it is not started again with an empty log; "+byOrder)
	case s.Etcd.Proc == ProcStopped && s.Shadow != "":
		return besideShadow(s, why)
	case s.Etcd.Proc == ProcStopped:
		if a, ask := askFounders(s, why); ask {
			return a
		}
		return Action{Do: Start, Why: why, Say: say, Plan: s.Plan}
	case s.StartedAs == FoundAgreed:
		// The intent of this very start is on disk by now; nothing is resumed.
		why, say = FoundAgreed, agreedSay
	}
	return child(s, why, say)
}

// besideShadow waits until it is clear whether this board's ID at another
// address is its own past or a twin.
func besideShadow(s State, why Row) Action {
	return Action{Do: Wait, Why: why, Say: "a living board at " + s.Shadow + " shows the same board ID; nothing is started beside it",
		Hint: "if this board has just moved this passes by itself", WaitsFor: []string{s.Shadow}, Again: time.Second}
}

const agreedSay = "a plan was chosen that names this board"

// child says how the etcd process of this board is doing.
func child(s State, why Row, say string) Action {
	a := Action{Do: Wait, Why: why, Say: say}
	switch s.Etcd.Proc {
	case ProcStarting:
		a.Say = say + "; etcd is starting"
		a.WaitsFor = []string{"etcd"}
	case ProcBackoff:
		switch s.Etcd.Fault {
		case FaultFull:
			a.Why, a.Hint = DiskFull, "make room on the disk; nothing is lost, and etcd is started again by itself"
		case FaultReadOnly:
			a.Why, a.Hint = DiskReadOnly, "the kernel makes a failing card read-only: look at its log, and mount the file system for writing or change the card; etcd is started again by itself"
		case FaultPort:
			a.Hint = "another process listens on etcd's port: end it, or name another port in every profile; etcd is started again by itself"
		case FaultIO:
			a.Hint = "the card answers with errors: change it soon; etcd is started again by itself"
		default:
			a.Hint = "it is started again by itself; the log has its last lines"
		}
		a.Say = fmt.Sprintf("etcd ended by itself %s: %s", times(s.Etcd.Crashes), orUnknown(s.Etcd.LastWords))
		a.WaitsFor = []string{"etcd"}
		a.Again = max(s.Etcd.RetryAt.Sub(s.Now), time.Millisecond)
	case ProcUnknown:
		a.Say = say + "; whether etcd runs is not known yet"
	}
	return a
}

func hold(why Row, say, hint string) Action {
	return Action{Do: Hold, Why: why, Say: say, Hint: hint}
}

func orUnknown(s string) string {
	if s == "" {
		return "no reason was given"
	}
	return s
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return fmt.Sprintf("%d times", n)
}
