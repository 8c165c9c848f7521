package integration

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"muster/bootstrap"
	"muster/integration/boards"
)

const (
	// diskRecord is what an agent has measured of its disk.
	diskRecord = stateDir + "disk.json"
	// slowSync makes a disk for which no heartbeat of 100 ms is long enough, on a busy machine too.
	slowSync = 130 * time.Millisecond
	// untilPaced is how long a fleet may run at a pace that is too fast: the steward waits for a minute, and another one,
	// if there is an election on a busy machine, begins anew.
	untilPaced = time.Minute + patience
)

// pacing is a fleet of three voters and a standby whose heartbeat is left to it, with etcd's own lines in the logs.
type pacing struct {
	*fleet
	cast
	id     string
	agents map[*boards.Board]*boards.Process
}

// newPacing founds it on disks that are known as fast: not as this machine's happens to be.
func newPacing(t *testing.T) *pacing {
	t.Helper()
	f := &pacing{fleet: newFleet(t, 4), agents: map[*boards.Board]*boards.Process{}}
	p := profile{cluster: "lab", secret: f.newSecret(), boards: 4, voters: 3, seeds: []string{f.Board(1).Address()}, autoPace: true}
	for _, b := range f.Boards() {
		f.knownDisk(b, 2)
		b.WriteFile(profilePath, p.yaml(), 0o600)
		f.start(b)
	}
	f.cast = f.castWhen("founded", f.Boards(), all(settled(3, 1), paced(bootstrap.DefaultPace)))
	f.id = f.list(f.leader).cluster()
	return f
}

// knownDisk writes down that 99 of 100 writes were on the board's disk within so many milliseconds.
func (f *pacing) knownDisk(b *boards.Board, ms int) {
	f.t.Helper()
	b.WriteFile(diskRecord, fmt.Appendf(nil, `{"fsync_p50_ms": 1, "fsync_p99_ms": %d, "writes": 30}`, ms), 0o600)
}

func (f *pacing) start(on ...*boards.Board) {
	for _, b := range on {
		f.agents[b] = b.Start("join", "--profile", profilePath, "--foreground", "--log-level", "debug")
	}
}

// paced wants every board to say that this is the fleet's pace, and that no etcd is to start anew for it.
func paced(pace bootstrap.Pace) condition {
	return func(views []status) error {
		for _, s := range views {
			switch {
			case s.Fleet == nil || s.Fleet.Heartbeat == nil || s.Fleet.Election == nil:
				return fmt.Errorf("no pace is known on %v", s)
			case *s.Fleet.Heartbeat != pace.Heartbeat().Milliseconds() || *s.Fleet.Election != pace.Election().Milliseconds():
				return fmt.Errorf("heartbeat %d and election %d on %v, want %v", *s.Fleet.Heartbeat, *s.Fleet.Election, s, pace.Heartbeat())
			case s.Board.RestartAsked != nil:
				return fmt.Errorf("to start anew since %v: %v", s.Board.RestartAsked, s)
			}
		}
		return nil
	}
}

// etcdStart is etcd's own word on how it is configured.
var etcdStart = regexp.MustCompile(`starting an etcd server .*election-timeout=(\S+) .*heartbeat-interval=(\S+)`)

// startsAt are the heartbeat and election with which etcd started in each line of a log that says so.
func startsAt(log string) []string {
	var starts []string
	for line := range strings.Lines(log) {
		if found := etcdStart.FindStringSubmatch(line); found != nil {
			starts = append(starts, found[2]+" "+found[1])
		}
	}
	return starts
}

// etcdRuns wants the etcd that was started last on each of these boards to run at this pace, by its own word.
func etcdRuns(pace bootstrap.Pace, on ...*boards.Board) error {
	want := fmt.Sprintf("%v %v", pace.Heartbeat(), pace.Election())
	for _, b := range on {
		starts := startsAt(b.Log())
		if len(starts) == 0 || starts[len(starts)-1] != want {
			return fmt.Errorf("etcd on board %d was started with %q, want the last with %q", b.Index, starts, want)
		}
	}
	return nil
}

// rerun is how an agent says that it ends its etcd for another pace, by which it has its turn: while it has not, it says
// what it waits for.
var rerun = regexp.MustCompile(` INF etcd here is to start anew: the fleet's heartbeat is [^;]* state=restart/asked`)

// reruns are the times, by a board's log, from when its etcd ended for another pace until it was ready again.
func reruns(log string, begin time.Time) (spans [][2]time.Time) {
	down := false
	for line := range strings.Lines(log) {
		at, ok := timeOf(line, begin)
		switch {
		case ok && !down && rerun.MatchString(line):
			spans, down = append(spans, [2]time.Time{at}), true
		case ok && down && strings.Contains(line, "etcd is ready"):
			spans[len(spans)-1][1], down = at, false
		}
	}
	return spans
}

// mustRerunInTurn wants each voter's etcd to have started anew once since, and none before the last was ready again.
func (f *pacing) mustRerunInTurn(logged []int, begin time.Time) {
	f.t.Helper()
	logs := f.logsSince(logged)
	var before [][2]time.Time
	for _, b := range f.voters {
		spans := reruns(logs[b.Index-1], begin)
		if starts := startsAt(logs[b.Index-1]); len(spans) != 1 || len(starts) != 1 || spans[0][1].IsZero() {
			f.t.Errorf("board %d: etcd started anew at %v, and was started with %q; want both once", b.Index, spans, starts)
			continue
		}
		f.t.Logf("board %d: etcd started anew after %v, for %v", b.Index, spans[0][0].Sub(begin).Round(time.Millisecond), spans[0][1].Sub(spans[0][0]))
		for _, o := range before {
			if spans[0][0].Before(o[1]) && o[0].Before(spans[0][1]) {
				f.t.Errorf("board %d: etcd was down from %v to %v, and another from %v to %v", b.Index, spans[0][0], spans[0][1], o[0], o[1])
			}
		}
		before = append(before, spans[0])
	}
}

// TestRestartAsked_PaceOfASlowDisk has a voter come back on a slow disk, while a client writes: the fleet gets the pace
// for it, and each member's etcd starts anew, alone and in its turn.
func TestRestartAsked_PaceOfASlowDisk(t *testing.T) {
	f := newPacing(t)
	w := f.write(f.voters...)
	slow := f.followers[0]
	slow.PowerCut()
	slow.Remove(diskRecord) // so that it is measured again
	slow.SlowDisk(slowSync)
	f.start(slow)
	back := f.await("the board is back", f.Boards(), all(settled(3, 1), paced(bootstrap.DefaultPace)))
	begin, logged := time.Now(), f.logged()
	callOff := map[*boards.Board]func() sighted{}
	for _, b := range f.voters {
		callOff[b] = watchEtcds(b, 100*time.Millisecond)
	}
	var pace bootstrap.Pace
	for i, s := range back {
		if f.Boards()[i] == slow && s.Board.Disk != nil {
			pace, _ = bootstrap.PaceFor([]bootstrap.Measures{{Sync: int(s.Board.Disk.P99) + 1}})
			t.Logf("a synced write takes up to %v ms on its disk, which is for %v", s.Board.Disk.P99, pace.Heartbeat())
		}
	}
	if pace <= bootstrap.DefaultPace {
		t.Fatalf("the slow disk was not measured as slow: pace %d", pace)
	}

	f.within("the first board has the slower pace", untilPaced, func(context.Context) error {
		for _, text := range f.logsSince(logged) {
			if strings.Contains(text, "the fleet has another pace") {
				return nil
			}
		}
		return errors.New("no board does")
	})
	changed := time.Now()
	var after []status
	f.within("all run at the slower pace", patience, func(ctx context.Context) (err error) {
		if after, err = views(ctx, f.Boards()); err == nil {
			err = all(settled(3, 1), oneCluster(f.id), paced(pace))(after)
		}
		if err == nil {
			err = etcdRuns(pace, f.voters...)
		}
		return err
	})
	f.throughout("and go on so", 3*time.Second, f.Boards(), all(settled(3, 1), paced(pace)))
	gap := w.GapBetween(changed, time.Now())
	w.stop()
	if gap > putLimit+time.Second {
		t.Errorf("after the change no write was done for %v, a retry within a second should have done", gap)
	} else {
		t.Logf("while all had their etcd start anew the longest gap was %v", gap)
	}
	for i, s := range after {
		if !s.Board.AgentSince.Equal(back[i].Board.AgentSince) {
			t.Errorf("%s: the agent started anew at %v", s.Board.Name, s.Board.AgentSince)
		}
	}
	for b, end := range callOff {
		if seen := end(); seen.most != 1 || len(seen.pids) != 2 {
			t.Errorf("board %d: %d etcd at once, %v over time; want one, and then one other", b.Index, seen.most, seen.pids)
		}
	}
	f.mustRerunInTurn(logged, begin)
	f.awaitList("the same members", f.leader, votersAre(3), listsOnly(f.voters...), clusterIs(f.id))
	f.mustNeverHaveHeld(f.Boards()...)
	f.sameData(f.leader)
}

// TestRestartAsked_PaceChangeCutOff kills the agent that has the turn to restart its etcd for the pace, and cuts the
// power of the steward: what is left of the change is seen to its end.
func TestRestartAsked_PaceChangeCutOff(t *testing.T) {
	f := newPacing(t)
	w := f.write(f.voters...)
	slow := f.followers[0]
	slow.PowerCut()
	f.knownDisk(slow, 150)
	f.start(slow)
	f.await("the board is back", f.Boards(), all(settled(3, 1), paced(bootstrap.DefaultPace)))
	logged := f.logged()

	var first *boards.Board
	f.within("the first ends its etcd", untilPaced, func(context.Context) error {
		for i, text := range f.logsSince(logged) {
			if rerun.MatchString(text) {
				first = f.Boards()[i]
				return f.agents[first].Signal(syscall.SIGKILL)
			}
		}
		return errors.New("no etcd was to start anew yet")
	})
	steward := f.leader
	if steward == first {
		steward = without(f.voters, first)[0]
	}
	steward.PowerCut()
	t.Logf("board %d had its turn, board %d lost its power", first.Index, steward.Index)
	<-f.agents[first].Done()
	f.start(first, steward)
	f.within("all run at one pace", untilPaced+patience, func(ctx context.Context) error {
		seen, err := views(ctx, f.Boards())
		if err == nil {
			err = all(settled(3, 1), oneCluster(f.id), paced(200))(seen)
		}
		if err == nil {
			err = etcdRuns(200, f.voters...)
		}
		return err
	})
	w.stop()
	f.awaitList("the same members", f.leader, votersAre(3), listsOnly(f.voters...), clusterIs(f.id))
	f.mustNeverHaveHeld(f.Boards()...)
	f.sameData(f.leader)
}

func TestReruns(t *testing.T) {
	begin := time.Date(2026, 3, 1, 12, 0, 0, 0, time.Local)
	const log = "12:00:01.000 INF etcd here is to start anew: the fleet's heartbeat is 200ms now, its etcd runs with 100ms; it asks for its turn state=restart/asked\n" +
		"12:00:02.000 INF etcd here is to start anew: the fleet's heartbeat is 200ms now, its etcd runs with 100ms state=restart/asked\n" +
		"12:00:02.100 INF etcd here is to start anew: the fleet's heartbeat is 200ms now, its etcd runs with 100ms state=restart/asked\n" +
		"12:00:02.500 DBG starting an etcd server cors=[*] election-timeout=2s from=etcd heartbeat-interval=200ms name=one\n" +
		"12:00:03.000 INF etcd is ready cluster_id=1\n12:00:04.000 INF etcd is ready cluster_id=1\n"
	spans := reruns(log, begin)
	if len(spans) != 1 || spans[0][0] != begin.Add(2*time.Second) || spans[0][1] != begin.Add(3*time.Second) {
		t.Errorf("%v, want one of a second", spans)
	}
	if starts := startsAt(log); len(starts) != 1 || starts[0] != "200ms 2s" {
		t.Errorf("%q, want one start", starts)
	}
}
