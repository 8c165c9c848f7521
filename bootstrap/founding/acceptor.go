package founding

import "fmt"

// stepPrepare promises to accept nothing below the ballot, and tells what was
// accepted so far.
func (m *Machine) stepPrepare(msg Message) Ready {
	if ready, done := m.objection(msg); done {
		return ready
	}
	if err := m.self.validate(); err != nil {
		return m.rejectWith(msg, fmt.Sprintf("cannot be a founder yet: %v", err))
	}
	self := m.self
	answer := Message{Type: TypePromise, Ballot: msg.Ballot, Founder: &self}
	if m.record.Accepted != nil {
		answer.Accepted = m.record.Accepted.clone()
	}
	ready := Ready{Messages: m.address(answer, msg.From)}
	if m.record.Promised.Less(msg.Ballot) {
		m.record.Promised = msg.Ballot
		ready.Record = m.toWrite()
	}
	return ready
}

// stepAccept accepts the plan, unless a higher ballot was promised.
func (m *Machine) stepAccept(msg Message) Ready {
	if ready, done := m.objection(msg); done {
		return ready
	}
	if err := msg.Plan.Validate(m.terms); err != nil {
		return m.rejectWith(msg, err.Error())
	}
	ready := Ready{Messages: m.address(Message{Type: TypeAccepted, Ballot: msg.Ballot}, msg.From)}
	if a := m.record.Accepted; a != nil && a.Ballot == msg.Ballot {
		// One ballot, one plan: a second one can only come from a board that
		// forgot what it proposed, and must not displace the first.
		if !a.Plan.Equal(*msg.Plan) {
			return m.rejectWith(msg, fmt.Sprintf("ballot %s already stands for another plan", msg.Ballot))
		}
		return ready
	}
	m.record.Promised = msg.Ballot
	m.record.Accepted = &Accepted{Ballot: msg.Ballot, Plan: *msg.Plan.clone()}
	ready.Record = m.toWrite()
	return ready
}

// stepChosen learns the outcome. Boards that this one was asking are told too,
// since they may wait for a proposal that ends here.
func (m *Machine) stepChosen(msg Message) Ready {
	if !msg.Terms.sameFounding(m.terms) {
		return m.rejectWith(msg, m.differs(msg.Terms))
	}
	if err := msg.Plan.validateFor(m.terms); err != nil {
		return m.rejectWith(msg, err.Error())
	}
	if m.record.Chosen == nil {
		return m.learn(msg.Plan, msg.From)
	}
	if !m.record.Chosen.Equal(*msg.Plan) {
		return Ready{Conflict: msg.Plan.clone()}
	}
	return Ready{}
}

// objection is what keeps this board from promising or accepting, if anything.
func (m *Machine) objection(msg Message) (Ready, bool) {
	switch {
	case !msg.Terms.sameFounding(m.terms):
		return m.rejectWith(msg, m.differs(msg.Terms)), true
	case m.record.Chosen != nil:
		return Ready{Messages: m.address(Message{Type: TypeChosen, Plan: m.Chosen()}, msg.From)}, true
	case msg.Terms != m.terms:
		return m.rejectWith(msg, m.differs(msg.Terms)), true
	case m.refusal() != "":
		return m.rejectWith(msg, m.refusal()), true
	case msg.Ballot.Less(m.record.Promised):
		answer := Message{
			Type:     TypeReject,
			Ballot:   msg.Ballot,
			Reason:   fmt.Sprintf("promised to ballot %s", m.record.Promised),
			Promised: m.record.Promised,
		}
		return Ready{Messages: m.address(answer, msg.From)}, true
	}
	return Ready{}, false
}

func (m *Machine) differs(t Terms) string {
	return fmt.Sprintf("terms differ: asked with %s, here %s", t, m.terms)
}

func (m *Machine) rejectWith(msg Message, reason string) Ready {
	return Ready{Messages: m.address(Message{Type: TypeReject, Ballot: msg.Ballot, Reason: reason}, msg.From)}
}

// learn takes a plan as chosen and tells the boards of the own proposal, except
// this board and the one it was heard from.
func (m *Machine) learn(plan *Plan, from string) Ready {
	m.record.Chosen = plan.clone()
	ready := Ready{Record: m.toWrite(), Chosen: m.Chosen()}
	if m.proposal != nil {
		for _, board := range m.proposal.boards {
			if board != m.self.Board && board != from {
				ready.Messages = append(ready.Messages, m.address(Message{Type: TypeChosen, Plan: m.Chosen()}, board)...)
			}
		}
		m.proposal = nil
	}
	return ready
}

func (m *Machine) toWrite() *Record {
	r := m.Record()
	return &r
}

// address makes one message per board out of msg.
func (m *Machine) address(msg Message, boards ...string) []Message {
	msgs := make([]Message, len(boards))
	for i, board := range boards {
		msg.From, msg.To, msg.Terms = m.self.Board, board, m.terms
		msgs[i] = msg
	}
	return msgs
}
