package bootstrap

import (
	"time"

	"muster/bootstrap/founding"
)

// Verb is the one effect of an action.
type Verb string

// The verbs. Wait and Hold change nothing: Wait expects the world to change by
// itself, Hold needs a person.
const (
	Wait    Verb = "wait"
	Hold    Verb = "hold"
	Propose Verb = "propose" // ask the boards in Boards to agree on a plan

	// On this board alone.
	Start     Verb = "start"     // start the etcd child: from Plan, into the seat Target among Members, or from its data
	Stop      Verb = "stop"      // end the child
	SetAside  Verb = "set-aside" // move the data directory, if there is one, into the archive; the board draws a new life
	Readdress Verb = "readdress" // rewrite the peer URLs of the members in URLs in the database
	Pledge    Verb = "pledge"    // write Intent down
	Adopt     Verb = "adopt"     // take Plan for the one that was known here

	Renew Verb = "renew" // end the agent in order; it is started anew
	Rerun Verb = "rerun" // end the child in order; it is started again from its data

	// Through the quorum. Each rests on Members: if the quorum lists others by
	// then, nothing is done.
	Add      Verb = "add"      // add Board, in its present Life, at PeerURL as a learner
	Promote  Verb = "promote"  // make the learner Target a voter
	Remove   Verb = "remove"   // remove the member Target
	Update   Verb = "update"   // list the member Target at PeerURL
	Transfer Verb = "transfer" // hand leadership to the member Target
	Fence    Verb = "fence"    // refuse all writes to the cluster
	Unfence  Verb = "unfence"  // accept them again

	TakeTurn    Verb = "take-turn"    // take the lock under which one voter at a time goes down
	ReleaseTurn Verb = "release-turn" // give it back
)

// Action is exactly one effect, with its reason.
type Action struct {
	Do       Verb
	Why      Row
	Say      string   // one sentence for the owner; says what is waited for
	Hint     string   // what would help; "" when nothing needs to be done
	WaitsFor []string // the boards or things waited for

	Boards  []string          // Propose: whom to ask
	Plan    *founding.Plan    // Start: found from this plan. SetAside, Adopt: the plan that replaces the one known here
	Clear   bool              // Start: an unfinished directory is in the way and is set aside first
	Members []Member          // the list that the action rests on
	Target  string            // a member ID
	PeerURL string            // Add, Update
	Board   string            // Add: board ID
	Life    string            // Add
	URLs    map[string]string // Readdress: peer URL by member ID
	Intent  Intent            // Pledge
	Abrupt  bool              // Stop: without handing over leadership; the address for that is gone
	Copied  bool              // SetAside: the identity is another board's; this one takes that of its own hardware
	Leaves  bool              // SetAside: the board takes no seat until its agent is started anew
	Cause   Row               // SetAside: the row that gives the data up; Why may be that the board leaves

	Again time.Duration // look again after this long even if nothing changes; 0: no need
}

// onDisk says that the effect is on this board alone.
func (a Action) onDisk() bool {
	switch a.Do {
	case Add, Promote, Remove, Update, Transfer, Fence, Unfence, TakeTurn, ReleaseTurn:
		return false
	}
	return true
}
