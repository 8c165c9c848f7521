package main

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"muster/agent"
)

func listenTCP(ip netip.Addr, port uint16) (net.Listener, error) {
	return net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(ip, port)))
}

// fleetViews are four boards of one cluster, led by board 3.
func fleetViews() []boardView {
	views := make([]boardView, 4)
	for i := range views {
		s := healthy()
		name := "board-" + string(rune('1'+i))
		s.Board.Name, s.Cluster.Leader = name, new("board-3")
		if i == 3 {
			s.Board.Role, s.Board.State, s.Board.Why = "standby", "join/standby", "all seats are taken"
		}
		views[i] = boardView{Number: i + 1, Name: name, Address: "127.0.64.1" + string(rune('1'+i)), On: true, Status: &s}
	}
	return views
}

func TestAllPlaced(t *testing.T) {
	for name, c := range map[string]struct {
		change func([]boardView)
		want   bool
	}{
		"all":             {func([]boardView) {}, true},
		"one off":         {func(v []boardView) { v[3].On = false }, false},
		"one silent":      {func(v []boardView) { v[0].Status = nil }, false},
		"one without":     {func(v []boardView) { v[1].Status.Board.Role = "none" }, false},
		"a learner":       {func(v []boardView) { v[1].Status.Board.Role = "learner" }, false},
		"quorum unknown":  {func(v []boardView) { v[1].Status.Cluster.Quorum = nil }, false},
		"two clusters":    {func(v []boardView) { v[1].Status.Cluster.ID = new("other") }, false},
		"members unknown": {func(v []boardView) { v[1].Status.Members = nil }, false},
		"member to start": {func(v []boardView) { v[1].Status.Members[0].Started = false }, false},
		"seats left":      {func(v []boardView) { v[1].Status.Members = v[1].Status.Members[:2] }, false},
	} {
		views := fleetViews()
		c.change(views)
		if got := allPlaced(views); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if allPlaced(nil) {
		t.Error("no boards are all placed")
	}
}

func TestFleetTable(t *testing.T) {
	views := fleetViews()
	golden(t, "demo-found.txt", fleetTable(views, 12*time.Second, 1340*time.Millisecond, false, false))
	views[2].On, views[2].Status = false, nil
	views[1].Status = nil
	s := quorumLost()
	views[0].Status = &s
	views[3] = boardView{Number: 4, Name: "board-4", Address: "127.0.64.14", Ended: "ended by itself: exit status 1"}
	golden(t, "demo-trouble.txt", fleetTable(views, 12*time.Second, 0, false, false))
}

func TestDemoScreenFits(t *testing.T) {
	said := slices.Repeat([]string{"said"}, 50)
	text := demoScreen(fleetTable(fleetViews(), 0, 0, false, false), said, 80, 24)
	if n := strings.Count(text, "\n"); n > 23 {
		t.Errorf("%d lines, the prompt needs one of 24", n)
	}
}

func TestWrap(t *testing.T) {
	for line, want := range map[string][]string{
		"   0.9s  short":                        {"   0.9s  short"},
		"   0.9s  found after a while":          {"   0.9s  found after a", "         while"},
		"   0.9s  " + strings.Repeat("x", 30):   {"   0.9s  " + strings.Repeat("x", 30)},
		"   0.9s  größer als größer als größer": {"   0.9s  größer als", "         größer als", "         größer"},
	} {
		if got := wrap(line, 22); !slices.Equal(got, want) {
			t.Errorf("%q:\ngot  %q\nwant %q", line, got, want)
		}
	}
}

func TestDemoChanges(t *testing.T) {
	before, after := fleetViews(), fleetViews()
	if got := demoChanges(before, after); len(got) != 0 {
		t.Errorf("nothing changed: %q", got)
	}
	after[2].On, after[2].Status = false, nil
	for i := range after {
		if after[i].Status != nil {
			after[i].Status.Cluster.Leader = new("board-1")
		}
	}
	after[1].Status.Board.State, after[1].Status.Board.Why = "lost-quorum", "no leader"
	after[3] = boardView{Name: "board-4", Ended: "ended by itself: exit status 1"}
	want := []string{"board-2: voter, lost-quorum: no leader", "board-3: off", "board-4: ended by itself: exit status 1", "board-1 leads the cluster"}
	if got := demoChanges(before, after); !slices.Equal(got, want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestDemoSummary(t *testing.T) {
	want := "found after 1.34 s: cluster 4886a0bd2ae03355, 3 voters, 1 standby, led by board-3"
	if got := demoSummary(fleetViews(), 1340*time.Millisecond, false); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTourCast(t *testing.T) {
	views := fleetViews()
	if victim, witness := tourCast(views); victim != 3 || witness != 1 {
		t.Errorf("leader 3: %d, %d", victim, witness)
	}
	for i := range views {
		views[i].Status.Cluster.Leader = new("board-1")
	}
	if victim, witness := tourCast(views); victim != 1 || witness != 2 {
		t.Errorf("leader 1: %d, %d", victim, witness)
	}
	views[1].On, views[1].Status = false, (*agent.Status)(nil)
	if victim, witness := tourCast(views); victim != 0 || witness != 0 {
		t.Errorf("two voters: %d, %d", victim, witness)
	}
}

func TestParseDemoKey(t *testing.T) {
	for line, want := range map[string]demoKey{"": {}, " 2 \n": {board: 2}, "q": {quit: true}, "Q\r": {quit: true}} {
		if got, err := parseDemoKey(line, 4); err != nil || got != want {
			t.Errorf("%q: %+v, %v", line, got, err)
		}
	}
	for _, line := range []string{"0", "5", "-1", "x", "1 2"} {
		if _, err := parseDemoKey(line, 4); err == nil {
			t.Errorf("%q is taken", line)
		}
	}
}

func TestParentOf(t *testing.T) {
	for stat, want := range map[string]int{"12 (a b) S 7 1 1": 7, "12 (a) ) S 9) R 8 1": 8, "12 (x) S": 0, "": 0} {
		if got := parentOf(stat); got != want {
			t.Errorf("%q: %d, want %d", stat, got, want)
		}
	}
}
