package founding

import (
	"errors"
	"fmt"
	"slices"
)

// Config is what a Machine starts from.
type Config struct {
	Terms Terms
	// Self is this board. Board and Life are required; while Name or PeerURL is
	// not usable the board promises nothing, since it could not be a founder.
	Self Founder
	// Record is what the disk holds; zero on a new disk.
	Record Record
	// Token returns a fresh random token for a new plan.
	Token func() string
}

// Machine is one board's part in the agreement: acceptor always, proposer when
// told to. It is not safe for concurrent use.
type Machine struct {
	terms  Terms
	self   Founder
	token  func() string
	refuse string
	record Record
	// seen is the highest counter met in any message of this founding.
	seen     uint64
	proposal *proposal
	// heartbeat is for a new plan.
	heartbeat int
	// reject is the last reason why a proposal of this board did not advance.
	reject Reject
}

// Reject is an objection to a proposal, for people.
type Reject struct {
	Board  string `json:"board"`
	Reason string `json:"reason"`
}

// New makes the machine of one board. It fails if the configuration is not
// complete, or if the record cannot belong to it: another cluster or generation,
// or a plan that nobody can have proposed. Such a record must not be thrown away,
// since the plan in it may have been chosen. Nor must one whose plan has more or
// fewer founders than the terms allow, because the owner has changed them since: then
// this board takes no part, but for learning what was chosen.
func New(c Config) (*Machine, error) {
	if err := c.Terms.Validate(); err != nil {
		return nil, err
	}
	if c.Self.Board == "" || c.Self.Life == "" {
		return nil, errors.New("founding: this board has no ID or no life")
	}
	if c.Token == nil {
		return nil, errors.New("founding: no source of tokens")
	}
	m := &Machine{terms: c.Terms, self: c.Self, token: c.Token, record: c.Record.clone()}
	r := m.record
	if !r.Promised.IsZero() && !r.Promised.possible() {
		return nil, fmt.Errorf("founding record: impossible ballot %s", r.Promised)
	}
	if r.Accepted != nil {
		if !r.Accepted.Ballot.possible() || r.Promised.Less(r.Accepted.Ballot) {
			return nil, fmt.Errorf("founding record: accepted in ballot %s, promised %s", r.Accepted.Ballot, r.Promised)
		}
		if err := r.Accepted.Plan.validateFor(c.Terms); err != nil {
			return nil, fmt.Errorf("founding record: accepted: %w", err)
		}
	}
	if r.Chosen != nil {
		if err := r.Chosen.validateFor(c.Terms); err != nil {
			return nil, fmt.Errorf("founding record: chosen: %w", err)
		}
	}
	m.seen = r.Promised.Counter
	return m, nil
}

// SetSelf tells that this board's name or address changed. Board and Life do
// not change while a machine lives, and are not taken from f.
func (m *Machine) SetSelf(f Founder) {
	m.self.Name, m.self.PeerURL = f.Name, f.PeerURL
}

// SetHeartbeat sets the heartbeat that a new plan of this board would name, in
// milliseconds; 0 is etcd's own. A plan that another board accepted keeps its own.
func (m *Machine) SetHeartbeat(ms int) { m.heartbeat = ms }

// Refuse makes this board promise, accept and propose nothing, and say why in a
// reject, until it is called with "". A plan that was chosen is still learned
// and told.
func (m *Machine) Refuse(reason string) {
	m.refuse = reason
	if reason != "" {
		m.proposal = nil
	}
}

// refusal is why this board takes no part, or "".
func (m *Machine) refusal() string {
	if a := m.record.Accepted; a != nil && m.record.Chosen == nil {
		if err := a.Plan.Validate(m.terms); err != nil {
			return fmt.Sprintf("it has accepted a plan of other terms, which may have been chosen (%v)", err)
		}
	}
	return m.refuse
}

// Terms returns the terms given to New.
func (m *Machine) Terms() Terms { return m.terms }

// Record returns what must be on disk now.
func (m *Machine) Record() Record { return m.record.clone() }

// Chosen returns the plan that was chosen, nil while it is unknown here. What
// Step just made known is durable only after its Ready was written.
func (m *Machine) Chosen() *Plan {
	if m.record.Chosen == nil {
		return nil
	}
	return m.record.Chosen.clone()
}

// Status is where the agreement stands on one board, for people.
type Status struct {
	Quorum int `json:"quorum"`
	// Promised is the ballot that this board is bound to.
	Promised Ballot `json:"promised,omitzero"`
	// Chosen tells whether the outcome is known here.
	Chosen bool `json:"chosen"`
	// Refusing is why this board takes no part; empty if it does.
	Refusing string `json:"refusing,omitempty"`
	// Ballot is that of this board's own proposal, zero if it has none. Then the
	// following say to how many Boards it went, how many promised, how many
	// accepted (0 while promises are still waited for), and who has not yet
	// answered in the present phase.
	Ballot   Ballot   `json:"ballot,omitzero"`
	Boards   int      `json:"boards"`
	Promises int      `json:"promises"`
	Accepts  int      `json:"accepts"`
	Silent   []string `json:"silent,omitempty"`
	// Forgot says that the chosen plan rests on a promise of this board and life that
	// the record does not have.
	Forgot bool `json:"forgot,omitempty"`
	// LastReject is the last objection to a proposal of this board.
	LastReject Reject `json:"last_reject,omitzero"`
}

// Status returns where the agreement stands.
func (m *Machine) Status() Status {
	s := Status{
		Quorum:     m.terms.Quorum(),
		Promised:   m.record.Promised,
		Chosen:     m.record.Chosen != nil,
		Refusing:   m.refusal(),
		Forgot:     m.record.Forgot(m.record.Chosen, m.self.Board, m.self.Life),
		LastReject: m.reject,
	}
	p := m.proposal
	if p == nil {
		return s
	}
	s.Ballot, s.Boards, s.Promises, s.Accepts = p.ballot, len(p.boards), len(p.promises), len(p.accepts)
	s.Silent = slices.DeleteFunc(slices.Clone(p.boards), func(b string) bool {
		if p.plan != nil {
			return p.accepts[b]
		}
		_, promised := p.promises[b]
		return promised
	})
	return s
}

// Step takes one message. What is malformed, foreign, late or doubled changes
// nothing and is at most answered with a reject.
func (m *Machine) Step(msg Message) Ready {
	if !msg.wellFormed() || msg.To != m.self.Board {
		return Ready{}
	}
	if msg.Terms.sameFounding(m.terms) {
		m.seen = max(m.seen, msg.Ballot.Counter, msg.Promised.Counter)
	}
	switch msg.Type {
	case TypePrepare:
		return m.stepPrepare(msg)
	case TypeAccept:
		return m.stepAccept(msg)
	case TypePromise:
		return m.stepPromise(msg)
	case TypeAccepted:
		return m.stepAccepted(msg)
	case TypeReject:
		return m.stepReject(msg)
	case TypeChosen:
		return m.stepChosen(msg)
	}
	return Ready{}
}

// wellFormed tells whether a board that follows the protocol can have sent msg.
func (msg Message) wellFormed() bool {
	if msg.From == "" || msg.Ballot.Counter > MaxCounter || msg.Promised.Counter > MaxCounter {
		return false
	}
	switch msg.Type {
	case TypePrepare:
		return msg.Ballot.possible() && msg.Ballot.Board == msg.From
	case TypePromise:
		return msg.Ballot.possible() && msg.Founder != nil && msg.Founder.Board == msg.From &&
			(msg.Accepted == nil || msg.Accepted.Ballot.possible())
	case TypeAccept:
		return msg.Ballot.possible() && msg.Ballot.Board == msg.From && msg.Plan != nil
	case TypeAccepted:
		return msg.Ballot.possible()
	case TypeReject:
		return true
	case TypeChosen:
		return msg.Plan != nil
	}
	return false
}
