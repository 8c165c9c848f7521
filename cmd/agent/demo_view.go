package main

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"muster/agent"
)

// allPlaced tells whether every board has its place in one and the same
// cluster, and all its seats are filled and started.
func allPlaced(views []boardView) bool {
	cluster := ""
	for _, v := range views {
		s := v.Status
		if !v.On || s == nil || !placed(*s) || s.Cluster.ID == nil || s.Board.Role == "learner" {
			return false
		}
		if cluster == "" {
			cluster = *s.Cluster.ID
		}
		if *s.Cluster.ID != cluster || s.Fleet == nil || len(s.Members) != s.Fleet.Voters {
			return false
		}
		for _, m := range s.Members {
			if !m.Started || m.Learner {
				return false
			}
		}
	}
	return len(views) > 0
}

// leaderOf names the leader, as the boards that have a quorum see it; "" if
// none does.
func leaderOf(views []boardView) string {
	for _, v := range views {
		if v.Status != nil && v.Status.Cluster.Leader != nil && v.Status.Cluster.Quorum != nil && *v.Status.Cluster.Quorum {
			return *v.Status.Cluster.Leader
		}
	}
	return ""
}

// power says whether a board is on, in the words of the table.
func (v boardView) power() string {
	switch {
	case v.Ended != "":
		return "ended"
	case !v.On:
		return "off"
	case v.Silent:
		return "silent"
	case v.Status == nil:
		return "starting"
	default:
		return "on"
	}
}

// telling is what there is to say of a board: role, state and why.
func (v boardView) telling() (role, state, why string) {
	switch {
	case v.Ended != "":
		return "-", "-", v.Ended
	case v.Status == nil:
		return "-", "-", ""
	default:
		return orDash(v.Status.Board.Role), orDash(v.Status.Board.State), v.Status.Board.Why
	}
}

// fleetTable is the live picture of the demo.
func fleetTable(views []boardView, elapsed, founded time.Duration, kept bool, p palette) string {
	var b strings.Builder
	when := "not complete yet"
	if founded > 0 {
		when = p.good(fmt.Sprintf("%s after %.1f s", foundOrBack(kept), founded.Seconds()))
	}
	fmt.Fprintf(&b, "%s, %s on this machine, %.0f s, %s\n\n", p.title("Muster"), count(len(views), "board"), elapsed.Seconds(), when)
	t := newTable(&b)
	fmt.Fprintln(t, "\tBOARD\tADDRESS\tPOWER\tROLE\t\tSTATE\tWHY")
	leader := leaderOf(views)
	for _, v := range views {
		role, state, why := v.telling()
		mark := ""
		if v.On && v.Name == leader {
			mark = "leader"
		}
		fmt.Fprintf(t, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", v.Number, v.Name, v.Address, v.power(), role, mark, state, why)
	}
	t.Flush()
	return b.String()
}

// demoScreen is everything on the terminal: the table, what was said last, and
// the keys. It has at most height lines, one of which is left for the prompt.
func demoScreen(table string, said []string, width, height int) string {
	keys := "\nA board's number and Enter cuts its power, or gives it back.\nq and Enter, or Ctrl-C, ends.\n"
	room := max(height-strings.Count(table, "\n")-strings.Count(keys, "\n")-2, 3)
	var lines []string
	for _, line := range said {
		lines = append(lines, wrap(line, width)...)
	}
	lines = lines[max(0, len(lines)-room):]
	return table + "\n" + strings.Join(lines, "\n") + "\n" + keys
}

// wrap breaks a line of the demo at its blanks; what follows is set in as far as
// the text behind the time. A word that is too long stays whole.
func wrap(line string, width int) []string {
	const indent = "         "
	var lines []string
	for utf8.RuneCountInString(line) > width {
		cut := strings.LastIndexByte(string([]rune(line)[:width+1]), ' ')
		if cut <= len(indent) {
			break
		}
		lines = append(lines, line[:cut])
		line = indent + line[cut+1:]
	}
	return append(lines, line)
}

// demoChanges are the lines that tell, where nothing can be repainted, what is
// new between two pictures.
func demoChanges(before, after []boardView) []string {
	var lines []string
	for i, v := range after {
		role, state, why := v.telling()
		oldRole, oldState, oldWhy := before[i].telling()
		if v.power() == before[i].power() && role == oldRole && state == oldState && why == oldWhy {
			continue
		}
		switch v.power() {
		case "on":
			lines = append(lines, fmt.Sprintf("%s: %s, %s: %s", v.Name, role, state, why))
		case "ended":
			lines = append(lines, fmt.Sprintf("%s: %s", v.Name, why))
		default:
			lines = append(lines, fmt.Sprintf("%s: %s", v.Name, v.power()))
		}
	}
	if leader := leaderOf(after); leader != "" && leader != leaderOf(before) {
		lines = append(lines, leader+" leads the cluster")
	}
	return lines
}

// demoSummary tells in one line what was found. The views are of a fleet in
// which every board has its place.
func demoSummary(views []boardView, founded time.Duration, kept bool) string {
	var s agent.Status
	for _, v := range views {
		if v.Status != nil {
			s = *v.Status
			break
		}
	}
	text := fmt.Sprintf("%s after %.2f s: cluster %s", foundOrBack(kept), founded.Seconds(), known(s.Cluster.ID))
	if seats := seatCount(s); seats != "" {
		text += ", " + seats
	}
	return text + ", led by " + orDash(leaderOf(views))
}

// foundOrBack says what a fleet has done when all boards have their place.
func foundOrBack(kept bool) string {
	if kept {
		return "back"
	}
	return "found"
}

// demoKey is what the viewer asked for with a line.
type demoKey struct {
	quit  bool
	board int // 0: none
}

// parseDemoKey reads a line of the viewer's.
func parseDemoKey(line string, boards int) (demoKey, error) {
	line = strings.TrimSpace(line)
	switch strings.ToLower(line) {
	case "":
		return demoKey{}, nil
	case "q", "quit", "exit":
		return demoKey{quit: true}, nil
	}
	n, err := strconv.Atoi(line)
	if err != nil || n < 1 || n > boards {
		return demoKey{}, fmt.Errorf("%.20q is neither a board (1 to %d) nor q", line, boards)
	}
	return demoKey{board: n}, nil
}

// howToPlay tells what can be done from another terminal.
func howToPlay(b *demoBoard) []string {
	prefix := fmt.Sprintf("  %s --run-dir %s ", shellQuote(b.argv[0]), shellQuote(b.runDir()))
	return []string{"from another terminal:", prefix + "status", prefix + "etcdctl put a b"}
}
