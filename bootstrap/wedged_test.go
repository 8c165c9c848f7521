package bootstrap

import (
	"testing"
	"time"
)

// TestWedged: who answers nothing for minutes is killed, each further time later.
func TestWedged(t *testing.T) {
	s, silent := voter(), voter().Observation
	silent.Etcd.Quorum = QuorumUnknown
	var kills []time.Duration
	begun := s.Now
	for at := time.Duration(0); at < 15*time.Minute; at += time.Second {
		silent.Now = begun.Add(at)
		s = Fold(s, silent)
		a := Decide(s)
		if a.Do == Stop {
			if !a.Abrupt || a.Why != Restart {
				t.Fatalf("%+v", a)
			}
			kills = append(kills, at)
		}
		s = s.Note(a)
	}
	if want := []time.Duration{2 * time.Minute, 6 * time.Minute, 14 * time.Minute}; len(kills) != 3 || kills[0] != want[0] || kills[1] != want[1] || kills[2] != want[2] {
		t.Errorf("killed after %v, want %v", kills, want)
	}
	answers := silent
	answers.Etcd.Quorum = QuorumHeld
	answers.Now = silent.Now.Add(time.Second)
	if s = Fold(s, answers); s.Wedged != 0 || !s.Unanswered.IsZero() {
		t.Errorf("it answers again: %d, %v", s.Wedged, s.Unanswered)
	}
}

// TestNotWedged: what is no silence of a child that was ready.
func TestNotWedged(t *testing.T) {
	for name, edit := range map[string]func(*Observation){
		"it waits for a leader, or is not ready yet": func(o *Observation) { o.Etcd.Quorum = QuorumLost },
		"it starts":       func(o *Observation) { o.Etcd.Proc, o.Etcd.Quorum = ProcStarting, QuorumUnknown },
		"it does not run": func(o *Observation) { o.Etcd.Proc, o.Etcd.Quorum = ProcStopped, QuorumUnknown },
	} {
		o := voter().Observation
		edit(&o)
		s := voter()
		for range 2 {
			s = Fold(s, o)
			if wedged(s) {
				t.Errorf("%s: it counts as wedged", name)
			}
			o.Now = o.Now.Add(time.Hour)
		}
	}
}
