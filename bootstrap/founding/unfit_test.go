package founding

import (
	"strings"
	"testing"
)

// The owner changed voters while a board was off that had accepted a plan and not
// heard that it was chosen. Its word may be what the plan rests on.
func TestAcceptedUnderOtherTerms(t *testing.T) {
	b := Ballot{1, "b2", "l2"}
	plan := Plan{Cluster: "lab", Generation: 1, Token: "t", Founders: []Founder{founder(1)}}
	m := newMachine(t, three, founder(1), Record{Promised: b, Accepted: &Accepted{b, plan}})
	m.Refuse("")
	if r := m.Propose([]string{"b2", "b3"}); r.Record != nil || len(r.Messages) != 0 || !strings.Contains(m.Status().Refusing, "1 founders, want 3") {
		t.Errorf("it proposes: %+v, %+v", r, m.Status())
	}
	if r := m.Step(prepareFrom(2, three, 9)); r.Record != nil || len(r.Messages) != 1 || r.Messages[0].Type != TypeReject {
		t.Errorf("it promises: %+v", r)
	}
	r := m.Step(Message{Type: TypeChosen, From: "b2", To: "b1", Terms: three, Plan: &plan})
	if r.Record == nil || r.Chosen == nil || m.Chosen() == nil || m.Status().Refusing != "" {
		t.Errorf("it does not learn what was chosen: %+v, %+v", r, m.Status())
	}
	again := newMachine(t, three, founder(1), *r.Record)
	if r := again.Step(prepareFrom(2, three, 9)); len(r.Messages) != 1 || r.Messages[0].Type != TypeChosen {
		t.Errorf("it does not tell what was chosen: %+v", r)
	}
}
