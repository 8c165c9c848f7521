package founding

// MessageType says what a message asks or answers.
type MessageType string

// The messages of the agreement, in the order in which a proposal uses them.
const (
	// TypePrepare asks for a promise: Ballot.
	TypePrepare MessageType = "prepare"
	// TypePromise answers it: Ballot, Founder, and Accepted if there is one.
	TypePromise MessageType = "promise"
	// TypeAccept asks to accept: Ballot, Plan.
	TypeAccept MessageType = "accept"
	// TypeAccepted answers it: Ballot.
	TypeAccepted MessageType = "accepted"
	// TypeReject answers either: Ballot, Reason, and Promised if that outbids.
	TypeReject MessageType = "reject"
	// TypeChosen tells the outcome: Plan.
	TypeChosen MessageType = "chosen"
)

// Message travels between two boards, or from a board to itself. From and To
// are board IDs, Terms those of the sender.
type Message struct {
	Type   MessageType `json:"type"`
	From   string      `json:"from"`
	To     string      `json:"to"`
	Terms  Terms       `json:"terms"`
	Ballot Ballot      `json:"ballot,omitzero"`
	// Founder is, in a promise, the promiser as it is now.
	Founder *Founder `json:"founder,omitempty"`
	// Accepted is, in a promise, what the promiser accepted last; nil if nothing.
	Accepted *Accepted `json:"accepted,omitempty"`
	Plan     *Plan     `json:"plan,omitempty"`
	// Reason is, in a reject, a sentence for people.
	Reason string `json:"reason,omitempty"`
	// Promised is, in a reject, the higher ballot that the sender is bound to;
	// zero if the reason is another.
	Promised Ballot `json:"promised,omitzero"`
}

// Accepted is a plan that a board accepted, and in which ballot.
type Accepted struct {
	Ballot Ballot `json:"ballot"`
	Plan   Plan   `json:"plan"`
}

// Record is what a board must have on disk. It belongs to one life of one
// board, and to one generation; the zero Record is that of a new disk.
type Record struct {
	// Promised is the highest ballot that this board promised or accepted.
	Promised Ballot `json:"promised,omitzero"`
	// Accepted is what it accepted last, nil if nothing.
	Accepted *Accepted `json:"accepted,omitempty"`
	// Chosen is the outcome, nil while it is unknown here.
	Chosen *Plan `json:"chosen,omitempty"`
}

// Forgot reports whether a plan rests on a promise that the board of that life gave and
// that is not in this record: the disk is older than the promise.
func (r Record) Forgot(p *Plan, board, life string) bool {
	if p == nil {
		return false
	}
	f, ok := p.Founder(board)
	return ok && f.Life == life && r.Promised.Less(p.Ballot)
}

func (r Record) clone() Record {
	if r.Accepted != nil {
		r.Accepted = r.Accepted.clone()
	}
	if r.Chosen != nil {
		r.Chosen = r.Chosen.clone()
	}
	return r
}

func (a Accepted) clone() *Accepted {
	a.Plan = *a.Plan.clone()
	return &a
}

// Ready is what the caller has to do, in this order: write Record, send
// Messages, act upon Chosen.
type Ready struct {
	// Record, if not nil, must be durable (written whole and synced) before any
	// of Messages leaves and before Chosen is acted upon. If the write fails the
	// machine is ahead of its disk: send nothing, drop the machine, and make a
	// new one from what the disk holds.
	Record *Record
	// Messages are to be sent; those to the board itself (To equals From) are
	// handed back to Step, after the write like all others. They may be lost,
	// doubled and reordered.
	Messages []Message
	// Chosen is set once, when the plan becomes known here.
	Chosen *Plan
	// Conflict is a plan, told by another board, that differs from the one known
	// here as chosen. It never overwrites that. It means that the limits under
	// which the agreement is safe were broken (see the package comment), and is
	// for people to decide.
	Conflict *Plan
}
