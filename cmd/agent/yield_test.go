package main

import (
	"context"
	"slices"
	"strings"
	"testing"

	"muster/agent"
)

func TestYield(t *testing.T) {
	during := damaged()
	during.Board.Holding, during.Board.Why = false, "the data directory is damaged: a record of the log is torn; its data is set aside"
	// It works again by itself: the data was not given up.
	well := healthy()
	const nothing = "there is no data on this board to give up"
	for name, c := range map[string]struct {
		before agent.Status
		fake   *fakeAgent
		code   int
		out    []string
		err    string
	}{
		"held": {before: damaged(), fake: &fakeAgent{after: []agent.Status{damaged(), during, emptied()}}, out: []string{
			"This board, machine-1, is in the state damaged: the data directory is damaged: a record of the log is torn.\nIts data is set aside, never deleted",
			"this board is a standby of cluster lab", "the data is set aside; this board goes on as an empty one"}},
		"nothing to give up": {before: healthy(), fake: &fakeAgent{refuse: nothing}, code: exitRefused, err: "agent: yield: refused: " + nothing + "\n  hint: this order changed nothing"},
		"not known":          {before: damaged(), fake: &fakeAgent{fails: true}, code: exitFailed, err: "hint: whether the order was taken is not known"},
		"timed out":          {before: damaged(), fake: &fakeAgent{after: []agent.Status{damaged()}}, code: exitTimeout, err: "agent: yield: after 300ms the data has not been set aside: the data directory is damaged: a record of the log is torn (waits for machine-2, machine-3)\n  hint: switch them on; an order"},
		"works again":        {before: damaged(), fake: &fakeAgent{after: []agent.Status{well}}, code: exitTimeout, err: "after 300ms the data has not been set aside: etcd runs with the data of this board\n  hint: an order"},
	} {
		t.Run(name, func(t *testing.T) {
			a, did := newTestApp(t), new(steps)
			f := c.fake
			f.status, f.ordered = []agent.Status{c.before}, did.note
			serveFake(t, a.runDir, f)
			args := []string{"yield", "--yes"}
			if c.code == exitTimeout {
				args = append(args, "--timeout", "300ms")
			}
			code, out, errs := a.do(t, args...)
			if code != c.code || !strings.Contains(errs, c.err) || code == exitDone && errs != "" {
				t.Errorf("exit %d, want %d: %s", code, c.code, errs)
			}
			for _, want := range c.out {
				if !strings.Contains(out, want) {
					t.Errorf("stdout lacks %q:\n%s", want, out)
				}
			}
			if !slices.Equal(did.list(), []string{"yield"}) {
				t.Errorf("did %q", did.list())
			}
		})
	}
}

func TestYieldInterrupted(t *testing.T) {
	a := newTestApp(t)
	during := damaged()
	during.Board.Why = "the data directory is damaged; whether etcd runs is not known yet"
	serveFake(t, a.runDir, &fakeAgent{status: []agent.Status{damaged()}, after: []agent.Status{during}})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan int)
	go func() { done <- a.run(ctx, []string{"yield", "--yes"}) }()
	eventually(t, "progress", func() bool { return strings.Contains(a.out.String(), during.Board.Why) })
	cancel()
	if code := <-done; code != exitFailed || !strings.Contains(a.err.String(), "agent: yield: interrupted\n  hint: the order was taken") {
		t.Errorf("exit %d: %s", code, a.err)
	}
}
