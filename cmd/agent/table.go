package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"muster/agent"
)

// known shows what may be unknown: "?" where it is, never a made-up zero.
func known[T any](v *T) string {
	if v == nil {
		return "?"
	}
	return fmt.Sprint(*v)
}

// orDash shows what may be empty.
func orDash(s string) string { return cmp.Or(s, "-") }

// yesNo shows a fact that may be unknown.
func yesNo(v *bool) string {
	switch {
	case v == nil:
		return "?"
	case *v:
		return "yes"
	default:
		return "no"
	}
}

// statusText is the status for a person at night: first this board and why it
// is as it is, then the fleet, the cluster, and the lists.
func statusText(s agent.Status, now time.Time, p palette) string {
	var b strings.Builder
	field := func(name, text string) {
		if text != "" {
			fmt.Fprintf(&b, "%s%s\n", p.title(fmt.Sprintf("%-10s", name)), text)
		}
	}
	field("board", fmt.Sprintf("%s, %s, at %s, id %s", orDash(s.Board.Name), roleWords(s.Board.Role), known(s.Board.Address), orDash(s.Board.ID)))
	state := orDash(s.Board.State)
	if s.Board.Holding {
		state = p.warn(state + ", holding: nothing more happens by itself")
	}
	field("state", state+", "+sinceWords(s.Board.Since, now))
	field("why", s.Board.Why)
	field("waits for", strings.Join(s.Board.WaitsFor, ", "))
	field("hint", s.Board.Hint)
	for _, warning := range s.Board.Warnings {
		field("warning", p.warn(warning))
	}
	field("disk", diskWords(s.Board.Disk))
	field("fleet", fleetWords(s.Fleet))
	field("cluster", clusterWords(s.Cluster, p))
	b.WriteByte('\n')
	if s.Members != nil || s.Cluster.Founded {
		writeMembers(&b, s)
		b.WriteByte('\n')
	}
	writeBoards(&b, s)
	return strings.TrimRight(b.String(), "\n") + "\n"
}

func roleWords(role string) string {
	if role == "" || role == "none" {
		return "no role yet"
	}
	return role
}

// sinceWords says since when, and for how long. The clock of a board without a
// battery may have been set back in between; then only since when.
func sinceWords(since, now time.Time) string {
	if since.IsZero() {
		return "since ?"
	}
	text := "since " + since.In(now.Location()).Format(time.DateTime)
	if d := now.Sub(since); d >= 0 {
		text += " (for " + short(d) + ")"
	}
	return text
}

// short is a duration as people say it, in its two largest units.
func short(d time.Duration) string {
	d = d.Round(time.Second)
	days, hours, minutes, seconds := int(d.Hours())/24, int(d.Hours())%24, int(d.Minutes())%60, int(d.Seconds())%60
	switch {
	case days > 0:
		return fmt.Sprintf("%dd%dh", days, hours)
	case hours > 0:
		return fmt.Sprintf("%dh%dm", hours, minutes)
	case minutes > 0:
		return fmt.Sprintf("%dm%ds", minutes, seconds)
	default:
		return fmt.Sprintf("%ds", seconds)
	}
}

func fleetWords(f *agent.FleetStatus) string {
	if f == nil {
		return "no profile yet"
	}
	text := fmt.Sprintf("%s, %d of %s here, %s wanted, founding needs %d",
		f.Cluster, f.BoardsAlive, count(f.BoardsExpected, "board"), count(f.Voters, "voter"), f.FoundingQuorum)
	if f.Heartbeat != nil && f.Election != nil {
		text += fmt.Sprintf(", heartbeat %d ms, election %d ms", *f.Heartbeat, *f.Election)
	}
	return text
}

// diskWords says how fast the board's disk was when it was measured; "" if it was
// not.
func diskWords(d *agent.DiskStatus) string {
	if d == nil {
		return ""
	}
	return fmt.Sprintf("a synced write takes %.1f ms, 99 of 100 at most %.1f ms", d.P50, d.P99)
}

func clusterWords(c agent.ClusterStatus, p palette) string {
	if !c.Founded && c.ID == nil {
		return "none yet"
	}
	quorum := p.warn("quorum not known")
	if c.Quorum != nil && *c.Quorum {
		quorum = p.good("quorum held")
	} else if c.Quorum != nil {
		quorum = p.bad("NO QUORUM")
	}
	return fmt.Sprintf("%s, %s, leader %s, revision %s, term %s, generation %s",
		known(c.ID), quorum, known(c.Leader), known(c.Revision), known(c.RaftTerm), known(c.Generation))
}

func newTable(w io.Writer) *tabwriter.Writer { return tabwriter.NewWriter(w, 0, 0, 2, ' ', 0) }

// writeMembers writes the member list, or that it is not known.
func writeMembers(w io.Writer, s agent.Status) {
	if s.Members == nil {
		fmt.Fprintln(w, "members   not known: no quorum has answered")
		return
	}
	t := newTable(w)
	fmt.Fprintln(t, "MEMBER\tID\tROLE\tHEALTHY\tDB\tPEER\tBOARD")
	byName := func(x, y agent.MemberStatus) int { return cmp.Or(cmp.Compare(x.Name, y.Name), cmp.Compare(x.ID, y.ID)) }
	for _, m := range slices.SortedFunc(slices.Values(s.Members), byName) {
		role := "voter"
		switch {
		case m.Leader != nil && *m.Leader:
			role = "leader"
		case m.Learner:
			role = "learner"
		}
		healthy := yesNo(m.Healthy)
		if !m.Started {
			healthy = "not started"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", orDash(m.Name), m.ID, role, healthy, size(m.DBSize),
			orDash(strings.Join(m.PeerURLs, ",")), boardName(m.Board, s.Boards))
	}
	t.Flush()
}

// writeBoards writes the boards of the fleet as gossip shows them.
func writeBoards(w io.Writer, s agent.Status) {
	if len(s.Boards) == 0 {
		fmt.Fprintln(w, "boards    none seen")
		return
	}
	t := newTable(w)
	fmt.Fprintln(t, "BOARD\tID\tADDRESS\tHERE\tROLE\tSTATE\tDATA OF")
	byName := func(x, y agent.BoardSeen) int { return cmp.Or(cmp.Compare(x.Name, y.Name), cmp.Compare(x.ID, y.ID)) }
	for _, b := range slices.SortedFunc(slices.Values(s.Boards), byName) {
		name := orDash(b.Name)
		if b.ID == s.Board.ID {
			name += " (this)"
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n", name, b.ID, known(b.Address), yesNo(&b.Alive),
			known(b.Role), known(b.State), dataOf(b))
	}
	t.Flush()
}

// dataOf is the cluster whose data a board holds: "-" for none, "?" while the
// board has not told anything.
func dataOf(b agent.BoardSeen) string {
	if b.ClusterID == nil && b.State != nil {
		return "-"
	}
	return known(b.ClusterID)
}

// boardName names the board behind a member: "?" if it is not known, its ID if
// gossip does not show it.
func boardName(id *string, boards []agent.BoardSeen) string {
	for _, b := range boards {
		if id != nil && b.ID == *id && b.Name != "" {
			return b.Name
		}
	}
	return known(id)
}

// size shows bytes in the largest unit that leaves a whole number.
func size(bytes *int64) string {
	switch {
	case bytes == nil:
		return "?"
	case *bytes < 1<<10:
		return fmt.Sprintf("%d B", *bytes)
	case *bytes < 1<<20:
		return fmt.Sprintf("%d KiB", *bytes>>10)
	default:
		return fmt.Sprintf("%.1f MiB", float64(*bytes)/(1<<20))
	}
}
