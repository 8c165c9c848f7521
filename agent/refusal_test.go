package agent

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"muster/bootstrap"
	"muster/bootstrap/etcd"
)

// TestRefusalIsToldWhenItLasts: what etcd refuses for long is named, and nothing else.
func TestRefusalIsToldWhenItLasts(t *testing.T) {
	remove := bootstrap.Action{Do: bootstrap.Remove, Target: "m2", Members: []bootstrap.Member{{ID: "m2", Name: "pi-02"}}}
	other := remove
	other.Target = "m3"
	unhealthy := fmt.Errorf("remove member m2: %w", etcd.ErrUnhealthy)
	start := time.Now()
	for _, row := range []struct {
		name string
		then func(r *refusal)
		want bool
	}{
		{"it is refused still", func(r *refusal) { r.note(outcome{action: remove, err: unhealthy}, start.Add(11*time.Second)) }, true},
		{"the list had changed once", func(r *refusal) { r.note(outcome{action: remove, err: errListChanged}, start.Add(5*time.Second)) }, true},
		{"it is decided again", func(r *refusal) { r.decided(remove) }, true},
		{"it worked", func(r *refusal) { r.note(outcome{action: remove}, start.Add(time.Second)) }, false},
		{"it failed in another way", func(r *refusal) {
			r.note(outcome{action: remove, err: errors.New("no answer")}, start.Add(time.Second))
		}, false},
		{"another change is refused", func(r *refusal) { r.note(outcome{action: other, err: unhealthy}, start.Add(5*time.Second)) }, false},
		{"another is decided", func(r *refusal) { r.decided(other) }, false},
		{"nothing is to be done", func(r *refusal) { r.decided(bootstrap.Action{Do: bootstrap.Wait}) }, false},
	} {
		var r refusal
		r.note(outcome{action: remove, err: unhealthy}, start)
		if got := r.told(start.Add(refusedFor - time.Second)); got != "" {
			t.Errorf("%s: told at once: %q", row.name, got)
		}
		row.then(&r)
		got := r.told(start.Add(refusedFor + 2*time.Second))
		if (got != "") != row.want || row.want && (!strings.Contains(got, "pi-02") || !strings.Contains(got, "cost the quorum")) {
			t.Errorf("%s: %q, want it told: %v", row.name, got, row.want)
		}
	}
}

func TestRefusedWords(t *testing.T) {
	for _, err := range []error{etcd.ErrUnhealthy, etcd.ErrNotInSync, etcd.ErrTooManyLearners, etcd.ErrPeerURLTaken, etcd.ErrNotLeader} {
		if wordsOf(fmt.Errorf("promote: %w", err)) == "" || !notYet(err) {
			t.Errorf("%v has no words", err)
		}
	}
	for _, err := range []error{nil, errListChanged, etcd.ErrTurnTaken, etcd.ErrNoTurns, errors.New("no answer")} {
		if got := wordsOf(err); got != "" {
			t.Errorf("%v is no refusal, and says %q", err, got)
		}
	}
	add := bootstrap.Action{Do: bootstrap.Add, PeerURL: "https://10.0.0.4:2380"}
	if got := about(add); !strings.Contains(got, "10.0.0.4") {
		t.Errorf("about %q", got)
	}
}

// TestRefusalReachesTheObservation: by way of the operator, and it is logged nowhere.
func TestRefusalReachesTheObservation(t *testing.T) {
	said := &lines{}
	a := &Agent{operator: newOperator(), runner: newRunner(nil, zerolog.Nop()), log: zerolog.New(said), disk: bootstrap.Disk{State: bootstrap.DiskEmpty, Hardware: bootstrap.MatchSame}}
	promote := bootstrap.Action{Do: bootstrap.Promote, Target: "m2"}
	a.operated(outcome{action: promote, err: etcd.ErrNotInSync})
	now := time.Now()
	if got := a.observe(now).Refused; got != "" {
		t.Errorf("at once: %q", got)
	}
	if got := a.observe(now.Add(refusedFor)).Refused; !strings.Contains(got, "m2: the learner lacks") {
		t.Errorf("after a while: %q", got)
	}
	if said.String() != "" {
		t.Errorf("it is logged: %s", said)
	}
}
