package founding

import (
	"encoding/json"
	"testing"
)

// FuzzStep feeds lines of JSON to a machine that is in the middle of a proposal.
// Nothing may panic, and nothing that is on disk may ever be taken back.
func FuzzStep(f *testing.F) {
	self := founder(1)
	ballot := Ballot{Counter: 1, Board: "b1", Life: "l1"}
	plan := &Plan{Cluster: "lab", Generation: 1, Token: "t", Founders: []Founder{founder(1), founder(2), founder(3)}}
	two, nobody := founder(2), Founder{}
	for _, msgs := range [][]Message{
		{{Type: TypePromise, From: "b2", To: "b1", Terms: three, Ballot: ballot, Founder: &two}},
		{{Type: TypePromise, From: "b2", To: "b1", Terms: three, Ballot: ballot, Founder: &nobody, Accepted: &Accepted{}}},
		{{Type: TypePrepare, From: "b2", To: "b1", Terms: three, Ballot: Ballot{7, "b2", "l2"}},
			{Type: TypeAccept, From: "b2", To: "b1", Terms: three, Ballot: Ballot{7, "b2", "l2"}, Plan: plan}},
		{{Type: TypeChosen, From: "b2", To: "b1", Terms: three, Plan: plan}, {Type: TypeChosen, From: "b2", To: "b1", Terms: three, Plan: &Plan{}}},
		{{Type: TypeReject, From: "b2", To: "b1", Ballot: ballot, Promised: Ballot{1<<64 - 1, "b2", "l2"}}},
		{{Type: TypeAccept, From: "b2", To: "b1", Terms: three, Ballot: Ballot{2, "b2", "l2"}}},
		{{Type: "vote", From: "b2", To: "b1"}, {}},
	} {
		b, err := json.Marshal(msgs)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var msgs []Message
		if json.Unmarshal(data, &msgs) != nil {
			return
		}
		m := newMachine(t, three, self, Record{})
		ready := m.Propose([]string{"b2", "b3"})
		for _, own := range ready.Messages[:1] {
			m.Step(own)
		}
		for _, msg := range msgs {
			before := m.Record()
			ready := m.Step(msg)
			if broken := regression(before, m.Record(), Ready{Record: ready.Record}); broken != "" {
				t.Fatalf("%s: by %+v", broken, msg)
			}
			for _, answer := range ready.Messages {
				if !answer.wellFormed() {
					t.Fatalf("malformed answer %+v to %+v", answer, msg)
				}
				if broken := unwritten(answer, m.Record()); broken != "" {
					t.Fatalf("%s, answering %+v", broken, msg)
				}
			}
			if _, err := New(Config{Terms: three, Self: self, Record: m.Record(), Token: func() string { return "t" }}); err != nil {
				t.Fatalf("the record does not load any more: %v, after %+v", err, msg)
			}
		}
	})
}
