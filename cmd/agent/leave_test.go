package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"muster/agent"
)

// steps are the effects of a verb in the order in which they happened.
type steps struct {
	mu   sync.Mutex
	done []string
}

func (s *steps) note(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done = append(s.done, what)
}

func (s *steps) list() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.done)
}

// asService makes the agent of a test the one that the service runs.
func (a *testApp) asService(s *steps, enabled bool) {
	a.serves = func(context.Context, string) (bool, error) { return true, nil }
	a.disable = func(context.Context) (bool, error) {
		was := enabled
		if was {
			s.note("disable")
		}
		enabled = false
		return was, nil
	}
	a.enable = func(context.Context) error { s.note("enable"); enabled = true; return nil }
	a.stopService = func(context.Context) error { s.note("stop"); return nil }
}

const onlyVoter = "this board is the only voter: with it the data would be gone"

func TestLeave(t *testing.T) {
	standby := healthy()
	standby.Board.Role, standby.Board.State = "standby", "join/standby"
	lapsed := healthy()
	lapsed.Board.Hint, lapsed.Board.WaitsFor = "look at the disk", []string{"disk"}
	for name, c := range map[string]struct {
		before   agent.Status
		fake     *fakeAgent
		args     string
		service  bool
		disabled bool // before
		steps    []string
		code     int
		out      string
		err      string
	}{
		"a service":                {before: healthy(), fake: &fakeAgent{after: []agent.Status{healthy(), leaving(), gone()}}, service: true, steps: []string{"disable", "leave", "stop"}, out: "the service is stopped and disabled"},
		"says what happens":        {before: healthy(), fake: &fakeAgent{after: []agent.Status{leaving(), gone()}}, service: true, steps: []string{"disable", "leave", "stop"}, out: "   0.0s  this board leaves; its member is removed\n   0.0s  this board has left the cluster"},
		"announces a voter":        {before: healthy(), fake: &fakeAgent{after: []agent.Status{gone()}}, steps: []string{"leave"}, out: "This board, machine-1, gives up its seat in cluster lab (3 voters, 1 standby) and stays out.\n"},
		"announces a standby":      {before: standby, fake: &fakeAgent{after: []agent.Status{gone()}}, steps: []string{"leave"}, out: "This board, machine-1, leaves cluster lab (3 voters, 1 standby) and stays out.\n"},
		"in the foreground":        {before: healthy(), fake: &fakeAgent{after: []agent.Status{leaving(), gone()}}, steps: []string{"leave"}, out: "does not run as the service: it stays idle"},
		"disabled before":          {before: healthy(), fake: &fakeAgent{after: []agent.Status{gone()}}, service: true, disabled: true, steps: []string{"leave", "stop"}},
		"left already":             {before: gone(), service: true, steps: []string{"disable", "stop"}, out: "this board has left already"},
		"left in the foreground":   {before: gone(), out: "this board has left already"},
		"refused":                  {before: healthy(), fake: &fakeAgent{refuse: onlyVoter}, service: true, steps: []string{"disable", "leave", "enable"}, code: exitRefused, err: "agent: leave: refused: " + onlyVoter + "\n  hint: this order changed nothing"},
		"refused, disabled before": {before: healthy(), fake: &fakeAgent{refuse: onlyVoter}, service: true, disabled: true, steps: []string{"leave"}, code: exitRefused, err: "refused: "},
		"no profile":               {before: noProfile(), fake: &fakeAgent{refuse: "this board has no profile, and is of no fleet"}, steps: []string{"leave"}, code: exitRefused, err: "is of no fleet", out: "machine-1, leaves its fleet and stays out"},
		"not known":                {before: healthy(), fake: &fakeAgent{fails: true}, service: true, steps: []string{"disable", "leave", "enable"}, code: exitFailed, err: "hint: whether the order was taken is not known"},
		"timed out":                {before: healthy(), fake: &fakeAgent{after: []agent.Status{stuck()}}, args: "--timeout 300ms", service: true, steps: []string{"disable", "leave"}, code: exitTimeout, err: "agent: leave: after 300ms the order stands and is not carried out yet: this board was asked to leave and cannot yet: machine-2 is not healthy (waits for cluster)\n  hint: switch on the other voters; \"agent leave\" again"},
		"never begun":              {before: healthy(), fake: &fakeAgent{after: []agent.Status{lapsed}}, args: "--timeout 300ms", service: true, steps: []string{"disable", "leave", "enable"}, code: exitTimeout, err: "after 300ms the order has not been begun: etcd runs with the data of this board (waits for disk)\n  hint: look at the disk; an order that cannot be begun lapses"},
		"again, while it goes on":  {before: stuck(), fake: &fakeAgent{status: []agent.Status{stuck(), stuck(), gone()}}, service: true, disabled: true, steps: []string{"stop"}, out: "this board has left the cluster"},
	} {
		t.Run(name, func(t *testing.T) {
			a, did := newTestApp(t), new(steps)
			if c.service {
				a.asService(did, !c.disabled)
			}
			f := c.fake
			if f == nil {
				f = new(fakeAgent)
			}
			f.ordered = did.note
			if f.status == nil {
				f.status = []agent.Status{c.before}
			}
			serveFake(t, a.runDir, f)
			code, out, errs := a.do(t, append([]string{"leave", "--yes"}, strings.Fields(c.args)...)...)
			if code != c.code || !strings.Contains(out, c.out) || !strings.Contains(errs, c.err) || code == exitDone && errs != "" {
				t.Errorf("exit %d, want %d\nstdout: %s\nstderr: %s", code, c.code, out, errs)
			}
			if !slices.Equal(did.list(), c.steps) {
				t.Errorf("did %q, want %q", did.list(), c.steps)
			}
		})
	}
}

// Where the service can't be told to stay down nothing is ordered.
func TestLeaveWithoutPowerOverTheService(t *testing.T) {
	for name, c := range map[string]struct {
		serves, disable, enable, stop error
		refuse                        string
		code                          int
		steps                         []string
		err                           string
	}{
		"unknown":      {serves: errors.New("no answer"), code: exitFailed, err: "agent: leave: look for the service: no answer\n"},
		"not disabled": {disable: errors.New("access denied"), code: exitFailed, err: "agent: leave: disable the service: access denied\n  hint: nothing was ordered; run it as root"},
		"not stopped":  {stop: errors.New("time is up"), code: exitFailed, steps: []string{"leave"}, err: "agent: leave: stop the service: time is up\n  hint: this board has left; as root"},
		"not put back": {enable: errors.New("access denied"), refuse: onlyVoter, code: exitRefused, steps: []string{"leave"}, err: "with it the data would be gone; and the service stays disabled: access denied\n  hint: this board goes on and would not come back"},
	} {
		t.Run(name, func(t *testing.T) {
			a, did := newTestApp(t), new(steps)
			a.serves = func(context.Context, string) (bool, error) { return true, c.serves }
			a.disable = func(context.Context) (bool, error) { return true, c.disable }
			a.enable = func(context.Context) error { return c.enable }
			a.stopService = func(context.Context) error { return c.stop }
			serveFake(t, a.runDir, &fakeAgent{status: []agent.Status{healthy()}, after: []agent.Status{leaving(), gone()}, refuse: c.refuse, ordered: did.note})
			code, _, errs := a.do(t, "leave", "--yes")
			if code != c.code || !strings.Contains(errs, c.err) || !slices.Equal(did.list(), c.steps) {
				t.Errorf("exit %d, want %d; did %q, want %q\nstderr: %s", code, c.code, did.list(), c.steps, errs)
			}
		})
	}
}

func TestLeaveInterrupted(t *testing.T) {
	for name, c := range map[string]struct {
		after agent.Status
		steps []string
	}{
		"once begun":      {stuck(), []string{"disable", "leave"}},
		"before it began": {quorumLost(), []string{"disable", "leave", "enable"}},
	} {
		t.Run(name, func(t *testing.T) {
			a, did := newTestApp(t), new(steps)
			a.asService(did, true)
			serveFake(t, a.runDir, &fakeAgent{status: []agent.Status{healthy()}, after: []agent.Status{c.after}, ordered: did.note})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			done := make(chan int)
			go func() { done <- a.run(ctx, []string{"leave", "--yes"}) }()
			eventually(t, "progress", func() bool { return strings.Contains(a.out.String(), c.after.Board.Why) })
			cancel()
			if code := <-done; code != exitFailed || !strings.Contains(a.err.String(), "agent: leave: interrupted\n  hint: ") {
				t.Errorf("exit %d: %s", code, a.err)
			}
			if !slices.Equal(did.list(), c.steps) {
				t.Errorf("did %q, want %q", did.list(), c.steps)
			}
		})
	}
}

// A second agent beside the service must not take the service down.
func TestLeaveAsksWhoAnswers(t *testing.T) {
	a := newTestApp(t)
	serveFake(t, a.runDir, &fakeAgent{status: []agent.Status{gone()}})
	asked := ""
	a.serves = func(_ context.Context, socket string) (bool, error) { asked = socket; return false, nil }
	if code, _, errs := a.do(t, "leave", "--yes"); code != exitDone || asked != agent.SocketPath(a.runDir) {
		t.Errorf("exit %d, asked %q: %s", code, asked, errs)
	}
}

func TestLeaveWithoutAnAgent(t *testing.T) {
	code, _, errs := newTestApp(t).do(t, "leave", "--yes")
	if code != exitNoAgent || !strings.Contains(errs, "one that has left is stopped") {
		t.Errorf("exit %d: %s", code, errs)
	}
}

func TestOrdersAskOnATerminal(t *testing.T) {
	for _, c := range []struct {
		verb, answer string
		after        agent.Status
		question     []string
		code         int
	}{
		{"leave", "y\n", gone(), []string{"machine-1, gives up its seat in cluster lab (3 voters, 1 standby) and stays out. Continue? [y/N] "}, exitDone},
		{"leave", "Yes\n", gone(), nil, exitDone},
		{"leave", "\n", gone(), nil, exitFailed},
		{"leave", "n\n", gone(), nil, exitFailed},
		{"leave", "yeah\n", gone(), nil, exitFailed},
		{"leave", "y\x04", gone(), nil, exitFailed}, // not ended by return
		{"yield", "y\n", emptied(), []string{"machine-1, is in the state restart: etcd runs with the data of this board.", "never deleted", "Continue? [y/N] "}, exitDone},
		{"yield", "no\n", emptied(), nil, exitFailed},
	} {
		t.Run(fmt.Sprintf("%s %q", c.verb, c.answer), func(t *testing.T) {
			viewer, terminal := openTerminal(t)
			seen := watchTerminal(t, viewer, terminal)
			a, did := newTestApp(t), new(steps)
			a.stdin, a.stderr = terminal, terminal
			serveFake(t, a.runDir, &fakeAgent{status: []agent.Status{healthy()}, after: []agent.Status{c.after}, ordered: did.note})
			done := make(chan int)
			go func() { done <- a.run(t.Context(), []string{c.verb}) }()
			eventually(t, "the question", func() bool { return strings.Contains(seen.String(), "[y/N] ") })
			for _, want := range c.question {
				if !strings.Contains(seen.String(), want) {
					t.Errorf("the question lacks %q: %s", want, seen)
				}
			}
			if got := did.list(); len(got) > 0 {
				t.Errorf("ordered before the answer: %q", got)
			}
			fmt.Fprint(viewer, c.answer)
			if c.answer == "y\x04" {
				fmt.Fprint(viewer, "\x04") // the first one only hands over the y
			}
			if code := <-done; code != c.code {
				t.Errorf("exit %d, want %d: %s", code, c.code, seen)
			}
			if got := did.list(); (len(got) == 1) != (c.code == exitDone) {
				t.Errorf("ordered %q", got)
			}
			if c.code == exitFailed {
				eventually(t, "the reason", func() bool { return strings.Contains(seen.String(), "not confirmed") })
			}
		})
	}
}
