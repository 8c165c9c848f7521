package bootstrap

import (
	"time"

	"muster/bootstrap/founding"
)

// Verb is the one effect of an action.
type Verb string

// The verbs. Wait and Hold change nothing: Wait expects the world to change by
// itself, Hold needs a person, or a row that this version does not act on yet.
const (
	Wait    Verb = "wait"
	Hold    Verb = "hold"
	Propose Verb = "propose" // ask the boards in Boards to agree on a plan
	Start   Verb = "start"   // start the etcd child
)

// Action is exactly one effect, with its reason.
type Action struct {
	Do       Verb
	Why      Row
	Say      string   // one sentence for the owner; says what is waited for
	Hint     string   // what would help; "" when nothing needs to be done
	WaitsFor []string // the boards or things waited for

	Boards []string       // Propose: whom to ask
	Plan   *founding.Plan // Start: found from this plan; nil: restart from the data
	Clear  bool           // Start: an unfinished directory is in the way and is set aside first

	Again time.Duration // look again after this long even if nothing changes; 0: no need
}
