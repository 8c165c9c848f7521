package founding

import (
	"strings"
	"testing"
)

func prepareFrom(n int, terms Terms, counter uint64) Message {
	f := founder(n)
	return Message{Type: TypePrepare, From: f.Board, To: "b1", Terms: terms, Ballot: Ballot{counter, f.Board, f.Life}}
}

func TestAcceptorAnswers(t *testing.T) {
	plan := &Plan{Cluster: "lab", Generation: 1, Token: "t", Founders: []Founder{founder(1), founder(2), founder(3)}}
	other := plan.clone()
	other.Token = "u"
	smaller, foreign, five := plan.clone(), three, three
	smaller.Founders = smaller.Founders[:2]
	foreign.Cluster = "shed"
	five.Boards = 5
	promised := Record{Promised: Ballot{5, "b2", "l2"}}
	accepted := Record{Promised: Ballot{5, "b2", "l2"}, Accepted: &Accepted{Ballot{5, "b2", "l2"}, *plan}}
	known := Record{Chosen: plan}
	accept := func(counter uint64, p *Plan) Message {
		m := prepareFrom(2, three, counter)
		m.Type, m.Plan = TypeAccept, p
		return m
	}
	for _, c := range []struct {
		name   string
		record Record
		refuse string
		msg    Message
		want   MessageType
		reason string
		write  bool
	}{
		{"prepare on a new disk", Record{}, "", prepareFrom(2, three, 1), TypePromise, "", true},
		{"prepare again", promised, "", prepareFrom(2, three, 5), TypePromise, "", false},
		{"prepare above", promised, "", prepareFrom(2, three, 6), TypePromise, "", true},
		{"prepare below", promised, "", prepareFrom(3, three, 4), TypeReject, "promised to ballot 5@b2", false},
		{"prepare when chosen", known, "", prepareFrom(2, three, 9), TypeChosen, "", false},
		{"prepare when chosen, boards edited since", known, "", prepareFrom(2, five, 9), TypeChosen, "", false},
		{"prepare when chosen and refusing", known, "holds data", prepareFrom(2, three, 9), TypeChosen, "", false},
		{"prepare when refusing", Record{}, "holds data", prepareFrom(2, three, 1), TypeReject, "holds data", false},
		{"prepare of another cluster", known, "", prepareFrom(2, foreign, 1), TypeReject, `"shed"`, false},
		{"prepare with other boards", Record{}, "", prepareFrom(2, five, 1), TypeReject, "boards 5 voters 3, here", false},
		{"accept on a new disk", Record{}, "", accept(1, plan), TypeAccepted, "", true},
		{"accept what was promised", promised, "", accept(5, plan), TypeAccepted, "", true},
		{"accept again", accepted, "", accept(5, plan), TypeAccepted, "", false},
		{"accept another plan in the same ballot", accepted, "", accept(5, other), TypeReject, "another plan", false},
		{"accept below", promised, "", accept(4, plan), TypeReject, "promised to ballot 5@b2", false},
		{"accept when refusing", Record{}, "holds data", accept(1, plan), TypeReject, "holds data", false},
		{"accept too few founders", Record{}, "", accept(1, smaller), TypeReject, "2 founders, want 3", false},
		{"accept when chosen", known, "", accept(9, other), TypeChosen, "", false},
		{"chosen of another cluster", Record{}, "", Message{Type: TypeChosen, From: "b2", To: "b1", Terms: foreign, Plan: plan}, TypeReject, `"shed"`, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMachine(t, three, founder(1), c.record)
			m.Refuse(c.refuse)
			ready := m.Step(c.msg)
			if len(ready.Messages) != 1 || ready.Messages[0].Type != c.want || ready.Messages[0].To != c.msg.From ||
				!strings.Contains(ready.Messages[0].Reason, c.reason) {
				t.Fatalf("answer %+v, want %s %q", ready.Messages, c.want, c.reason)
			}
			if (ready.Record != nil) != c.write {
				t.Errorf("record to write: %v", ready.Record)
			}
		})
	}
}
