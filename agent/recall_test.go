package agent

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"muster/bootstrap"
	"muster/discovery"
)

func answerOf(t *testing.T, from string, o ...bootstrap.Owner) discovery.Message {
	t.Helper()
	b, err := json.Marshal(recallMessage{Recall: recallAnswer, Answer: bootstrap.Recall{Board: "a liar", Owners: o, Saw: []string{"m"}}})
	if err != nil {
		t.Fatal(err)
	}
	return discovery.Message{From: from, Payload: b}
}

// TestAnswersAreKept keeps the last answer of each board, under the name of the board
// that sent it.
func TestAnswersAreKept(t *testing.T) {
	a := &Agent{fleet: &fleet{agree: openTestAgreement(t, newStore(t))}}
	first := bootstrap.Owner{Member: "m", Board: "a", Life: "a1", Log: bootstrap.Mark{Term: 2, Index: 7}}
	later := first
	later.Log.Index = 9
	for _, in := range []discovery.Message{answerOf(t, "c", first), answerOf(t, "b", first), answerOf(t, "c", later),
		{From: "d", Payload: []byte(`{"recall":"nobody knows this one"}`)}, {From: "d", Payload: []byte("junk")}} {
		a.received(in)
	}
	want := []bootstrap.Recall{{Board: "b", Owners: []bootstrap.Owner{first}, Saw: []string{"m"}}, {Board: "c", Owners: []bootstrap.Owner{later}, Saw: []string{"m"}}}
	if !slices.EqualFunc(a.recalled, want, func(x, y bootstrap.Recall) bool {
		return x.Board == y.Board && slices.Equal(x.Owners, y.Owners) && slices.Equal(x.Saw, y.Saw)
	}) {
		t.Errorf("kept %+v", a.recalled)
	}
}

// TestMarksAreWrittenSeldom bounds how often owners.json is written while logs grow, and
// how long what was shown may wait for it.
func TestMarksAreWrittenSeldom(t *testing.T) {
	a := &Agent{store: newStore(t), runner: newRunner(nil, zerolog.Nop()), log: zerolog.Nop(), disk: bootstrap.Disk{Cluster: "c", Member: "m1"}}
	now, index := time.Now(), uint64(100)
	look := func(after time.Duration) uint64 {
		now = now.Add(after)
		o := bootstrap.Observation{Now: now, Peers: []bootstrap.Peer{{ID: "b", Life: "b1", Alive: true, Data: true, Cluster: "c", Member: "m2", Role: "voter",
			Log: bootstrap.Mark{Term: 2, Index: index}}}}
		a.learn(&o)
		var kept []bootstrap.Owner
		if err := a.store.read("owners.json", &kept); err != nil || o.Owners[0].Log.Index != index {
			t.Fatalf("%v, known is %+v", err, o.Owners)
		}
		return kept[0].Log.Index
	}
	if got := look(0); got != 100 {
		t.Errorf("a new member is written down with %d", got)
	}
	index = 200
	if got := look(time.Second); got != 100 {
		t.Errorf("a log that grows is written at once: %d", got)
	}
	if got := look(ownersEvery); got != 200 {
		t.Errorf("%v later the disk says %d", ownersEvery, got)
	}
	index = 300
	if got := look(ownersEvery); got != 300 {
		t.Errorf("after a quiet time the disk says %d", got)
	}
	put(t, a.store.path("owners.json"), `[{"Member":"m2","Log":{"index":7}}]`)
	if got := look(time.Hour); got != 7 {
		t.Errorf("written with nothing new: %d", got)
	}
	if !slices.Contains(a.seen, "m2") {
		t.Error("a voter on a living board was not seen to run")
	}
}
