package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
)

const (
	demoPatience = 60 * time.Second // until every board has its place
	demoGrace    = 5 * time.Second  // for the boards to end in order
	demoBoards   = 15               // at most; each is an agent and, for voters, an etcd
	demoLogTail  = 15               // lines of each log that are shown when it did not work
)

type demoOptions struct {
	boards         int
	keep           string
	exitAfterReady bool
	patience       time.Duration
}

func (a *app) demoVerb() *cobra.Command {
	var o demoOptions
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "A fleet on this machine: watch it found itself, cut its power",
		Long: `Runs a fleet of boards on loopback addresses, each an agent of its own, and shows how they find
each other and found a cluster. Then a voter loses its power and comes back, by itself once, and
as often as you like by the keys. Needs no root. Ctrl-C ends all of it and cleans up.`,
		Example: `  agent demo
  agent demo --boards 6 --keep /tmp/fleet      goes on from there the next time`,
		GroupID: groupFleet,
		Args:    noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if cmd.Flags().Changed("boards") && (o.boards < 1 || o.boards > demoBoards) {
				return usage(helpHint("demo"), "--boards %d: accepted: 1 to %d", o.boards, demoBoards)
			}
			if o.patience <= 0 {
				return usage("give a duration such as 90s or 5m", "--timeout %v: must be above 0", o.patience)
			}
			ctx, stop := untilSignal(cmd.Context())
			defer stop()
			return a.demo(ctx, o)
		},
	}
	cmd.Flags().IntVar(&o.boards, "boards", 0, "how many boards (default: 4)")
	cmd.Flags().StringVar(&o.keep, "keep", "", "keep everything in `DIR`, and go on from it if it holds a fleet")
	cmd.Flags().BoolVar(&o.exitAfterReady, "exit-after-ready", false, "end as soon as every board has its place")
	cmd.Flags().DurationVar(&o.patience, "timeout", demoPatience, "how long that may take on a small or busy machine")
	return cmd
}

// demo prepares the ground, switches the boards on, and leaves nothing behind.
func (a *app) demo(ctx context.Context, o demoOptions) (err error) {
	executable, err := a.executable()
	if err != nil {
		return fmt.Errorf("find this program, which the boards run: %w", err)
	}
	if err := adoptOrphans(); err != nil {
		return err
	}
	g, err := prepareGround(o.keep, o.boards)
	if err != nil {
		return err
	}
	defer func() {
		if e := g.remove(); e != nil && err == nil {
			err = fmt.Errorf("remove the folder of the demo: %w", e)
		}
	}()
	var boards []*demoBoard
	for n := range g.addresses {
		boards = append(boards, g.board(n+1, executable, boardEnviron(a.environ)))
	}
	fleet := newDemoFleet(boards, a.now)
	fleet.kept = g.kept
	defer fleet.shutdown(demoGrace)
	if err := fleet.powerOnAll(); err != nil {
		return err
	}
	return a.playDemo(ctx, fleet, o)
}

// boardEnviron is what boards inherit: not what was meant for this process.
func boardEnviron(environ []string) []string {
	var all []string
	for _, v := range environ {
		name, _, _ := strings.Cut(v, "=")
		switch {
		case strings.HasPrefix(name, "MUSTER_"), strings.HasPrefix(name, "ETCDCTL_"),
			name == "NOTIFY_SOCKET", name == "WATCHDOG_USEC", name == "WATCHDOG_PID":
		default:
			all = append(all, v)
		}
	}
	return all
}

// playDemo shows the fleet until the viewer or a signal ends it. All goroutines
// that it starts have ended when it returns.
func (a *app) playDemo(ctx context.Context, fleet *demoFleet, o demoOptions) error {
	ctx, quit := context.WithCancel(ctx)
	var beside sync.WaitGroup
	defer beside.Wait()
	defer quit()
	beside.Go(func() { fleet.poll(ctx) })
	beside.Go(func() { a.showDemo(ctx, fleet) })
	if isTerminal(a.stdin) {
		beside.Go(func() { a.readDemoKeys(ctx, fleet, quit) })
	}

	waiting, cancel := context.WithTimeout(ctx, o.patience)
	defer cancel()
	ready := fleet.until(waiting, allPlaced)
	switch {
	case ctx.Err() != nil:
		return nil
	case !ready && o.exitAfterReady:
		quit()
		beside.Wait()
		return a.demoNotReady(fleet, o.patience)
	case !ready:
		fleet.say("not all boards have a place after %v; their logs: %s", o.patience, fleet.boards[0].logPath())
		if !fleet.until(ctx, allPlaced) {
			return nil
		}
	}
	views, _, founded, _ := fleet.snapshot()
	if o.exitAfterReady {
		quit()
		beside.Wait()
		_, err := fmt.Fprintln(a.stdout, demoSummary(views, founded, fleet.kept))
		return err
	}
	fleet.say("%s", demoSummary(views, founded, fleet.kept))
	if err := fleet.tour(ctx); err != nil && ctx.Err() == nil {
		fleet.say("the tour ends early: %v", err)
	}
	if ctx.Err() == nil {
		for _, line := range howToPlay(fleet.boards[0]) {
			fleet.say("%s", line)
		}
	}
	<-ctx.Done()
	return nil
}

// demoNotReady shows the end of each board's log: that is where the reason is.
func (a *app) demoNotReady(fleet *demoFleet, patience time.Duration) error {
	views, _, _, _ := fleet.snapshot()
	f := &failure{code: exitTimeout, err: fmt.Errorf("not all boards have a place after %v", patience),
		hint: `"agent demo --keep DIR" keeps the logs`}
	for i, v := range views {
		_, state, why := v.telling()
		f.lines = append(f.lines, fmt.Sprintf("--- %s: %s, %s: %s", v.Name, v.power(), state, why))
		data, err := os.ReadFile(fleet.boards[i].logPath())
		if err != nil {
			f.lines = append(f.lines, err.Error())
			continue
		}
		lines := strings.Split(strings.TrimRight(string(data), "\n"), "\n")
		f.lines = append(f.lines, lines[max(0, len(lines)-demoLogTail):]...)
	}
	return f
}

// showDemo shows the fleet: repainted on a terminal, else a line for whatever
// is new.
func (a *app) showDemo(ctx context.Context, fleet *demoFleet) {
	if isTerminal(a.stdout) {
		a.paintDemo(ctx, fleet)
		return
	}
	before, _, _, _ := fleet.snapshot()
	told := 0
	for {
		views, said, _, old := fleet.snapshot()
		for _, line := range demoChanges(before, views) {
			fmt.Fprintf(a.stdout, "%6.1fs  %s\n", fleet.elapsed().Seconds(), line)
		}
		for _, line := range said[told:] {
			fmt.Fprintln(a.stdout, line)
		}
		before, told = views, len(said)
		select {
		case <-ctx.Done():
			return
		case <-old:
		}
	}
}

func (a *app) paintDemo(ctx context.Context, fleet *demoFleet) {
	display := newScreen(a.stdout, "> ")
	colours := palette(a.colour(a.stdout))
	told := 0
	pace := time.NewTicker(demoPoll)
	defer pace.Stop()
	for {
		views, said, founded, old := fleet.snapshot()
		width, height := display.size()
		table := fleetTable(views, fleet.elapsed(), founded, fleet.kept, colours)
		// A key was pressed, or something else moved the cursor: paint afresh
		// whenever there is something new to tell.
		display.paint(demoScreen(table, said, width, height), len(said) != told)
		told = len(said)
		select {
		case <-ctx.Done():
			fmt.Fprintln(a.stdout)
			return
		case <-old:
		}
		// There is news more often than eyes and serial lines can take.
		select {
		case <-ctx.Done():
		case <-pace.C:
		}
	}
}

// readDemoKeys switches boards as the viewer says, until ctx ends.
func (a *app) readDemoKeys(ctx context.Context, fleet *demoFleet, quit func()) {
	lines := bufio.NewScanner(contextReader{ctx, a.stdin})
	for lines.Scan() {
		key, err := parseDemoKey(lines.Text(), len(fleet.boards))
		switch {
		case err != nil:
			fleet.say("%v", err)
		case key.quit:
			quit()
			return
		case key.board > 0:
			on, err := fleet.toggle(key.board)
			switch {
			case err != nil:
				fleet.say("%v", err)
			case on:
				fleet.say("you gave board-%d its power back", key.board)
			default:
				fleet.say("you cut the power of board-%d", key.board)
			}
		default:
			fleet.say("a board's number, or q")
		}
	}
}
