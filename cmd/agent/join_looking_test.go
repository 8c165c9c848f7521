package main

import (
	"context"
	"slices"
	"testing"

	"muster/agent"
)

// An agent that runs without a profile takes it as soon as it is there. One that does
// not answer, or runs with another profile, is started anew.
func TestJoinLeavesAnAgentThatLooksForAProfile(t *testing.T) {
	path := writeProfile(t, "lab")
	waiting := founding()
	waiting.Fleet.Profile = "another"
	for name, c := range map[string]struct {
		status []agent.Status
		renews bool
	}{
		"it looks for one":   {[]agent.Status{noProfile()}, false},
		"it does not answer": {nil, true},
		"it has another one": {[]agent.Status{waiting}, true},
	} {
		t.Run(name, func(t *testing.T) {
			a, renewed := newTestApp(t), []bool(nil)
			if c.status != nil {
				serveFake(t, a.runDir, &fakeAgent{status: c.status})
			}
			a.installed = func(context.Context) (bool, error) { return true, nil }
			a.enableStart = func(_ context.Context, renew bool) error { renewed = append(renewed, renew); return nil }
			if code, _, errs := a.do(t, "join", "--no-wait", "--profile", path); code != exitDone {
				t.Fatalf("exit %d: %s", code, errs)
			}
			if !slices.Equal(renewed, []bool{c.renews}) {
				t.Errorf("started with a restart: %v, want once %v", renewed, c.renews)
			}
		})
	}
}
