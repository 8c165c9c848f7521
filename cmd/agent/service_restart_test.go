package main

import (
	"reflect"
	"strings"
	"testing"

	"muster/agent"
)

// anew is a board whose agent was started later.
func anew(s agent.Status) agent.Status {
	s.Board.AgentRun, s.Board.Version = "00000002", "1.3.0"
	return s
}

// clockSet is the same agent after the clock of its board was set.
func clockSet(s agent.Status) agent.Status {
	s.Board.AgentSince, s.Board.Since = s.Board.AgentSince.AddDate(50, 0, 0), s.Board.Since.AddDate(50, 0, 0)
	return s
}

func TestServiceRestartInTurn(t *testing.T) {
	waits := healthy()
	waits.Board.WaitsFor, waits.Board.Warnings = []string{"the turn of machine-2"}, []string{"it runs the old version since 02:00"}
	for name, c := range map[string]struct {
		args  string
		fake  *fakeAgent
		steps []string
		code  int
		out   string
		err   string
	}{
		"waits for the next agent": {"", &fakeAgent{after: []agent.Status{healthy(), clockSet(waits), anew(healthy())}}, []string{"restart"}, exitDone, "the agent starts anew when its turn comes\n   0.0s  it has started anew, version 1.3.0\n", ""},
		"leaves the request":       {"--no-wait", &fakeAgent{after: []agent.Status{waits}}, []string{"restart"}, exitDone, "the agent starts anew when its turn comes\n", ""},
		"does not get its turn":    {"--timeout 300ms", &fakeAgent{after: []agent.Status{waits}}, []string{"restart"}, exitTimeout, "", "agent: service restart: after 300ms the agent has not started anew: etcd runs with the data of this board (waits for the turn of machine-2)\n  hint: it runs the old version since 02:00; the request stands; "},
		"refused":                  {"", &fakeAgent{refuse: "this board is leaving"}, []string{"restart"}, exitRefused, "", "this board is leaving"},
		"not known":                {"--no-wait", &fakeAgent{fails: true}, []string{"restart"}, exitFailed, "", "whether the order was taken is not known"},
	} {
		t.Run(name, func(t *testing.T) {
			a, did := newTestApp(t), new(steps)
			c.fake.ordered, c.fake.status = did.note, []agent.Status{healthy()}
			serveFake(t, a.runDir, c.fake)
			code, out, errs := a.do(t, append([]string{"service", "restart"}, strings.Fields(c.args)...)...)
			if code != c.code || !strings.Contains(out, c.out) || !strings.Contains(errs, c.err) || (c.err == "") != (errs == "") {
				t.Errorf("exit %d, stdout %q, stderr %q", code, out, errs)
			}
			if got := did.list(); !reflect.DeepEqual(got, c.steps) {
				t.Errorf("ordered %q, want %q", got, c.steps)
			}
		})
	}
}

// What the package's scripts rest on: without an agent there is nobody to ask.
func TestServiceRestartWithoutAnAgent(t *testing.T) {
	for _, args := range []string{"--no-wait", ""} {
		code, out, errs := newTestApp(t).do(t, append([]string{"service", "restart"}, strings.Fields(args)...)...)
		if code != exitNoAgent || out != "" || !strings.Contains(errs, "no agent answers on this board") {
			t.Errorf("%q: exit %d, stdout %q, stderr %q", args, code, out, errs)
		}
	}
}
