package sim

import (
	"fmt"
	"slices"
	"strings"

	"muster/bootstrap"
)

// unfinished says what is not yet as it should be, or "".
func (w *World) unfinished() string {
	if w.scenario.TwoClusters {
		return w.unsettled()
	}
	lead := w.leader()
	if len(w.scenario.Expect) > 0 && !slices.ContainsFunc(w.boards, func(b *board) bool { return (b.power || b.n < w.scenario.Boards) && !w.excused(b) }) {
		return ""
	}
	if lead == nil {
		return "no leader: " + w.rows()
	}
	l := lead.list
	switch {
	case l.fenced:
		return "the cluster refuses writes"
	case w.main != "" && lead.dir.cluster != w.main:
		return "another cluster leads"
	}
	for _, m := range l.members {
		if m.learner {
			return "member " + m.id + " is still a learner: " + w.rows()
		}
		if !w.inPlace(m) && !w.deadAndNobody() && len(w.scenario.Expect) == 0 {
			return "member " + m.id + " does not run where it is listed: " + w.rows()
		}
	}
	if want := max(w.voters, 3); l.voters() > want {
		// Below three only orders lead.
		return fmt.Sprintf("%d voters, want %d: %s", l.voters(), want, w.rows())
	}
	if why := w.offPace(lead); why != "" && !w.waitsForDead(lead) {
		return why
	}
	spare := 0
	for _, b := range w.boards {
		why := w.unsettledBoard(b, lead)
		if why != "" {
			return b.name() + ": " + why
		}
		if b.agent != nil && b.agent.server == nil && !b.left && !w.excused(b) {
			spare++
		}
	}
	if lack := w.voters - l.voters(); lack > 0 && (spare > 1 || spare == 1 && (l.voters()%2 == 0 || l.voters()+1 >= w.voters)) {
		return fmt.Sprintf("%d voters, want %d, and %d could: %s", l.voters(), w.voters, spare, w.rows())
	}
	return ""
}

func (w *World) leader() *server {
	for _, s := range w.fabric.servers {
		if s.leader == s && (w.main == "" || s.dir.cluster == w.main) && s.applied == len(s.dir.log) {
			return s
		}
	}
	return nil
}

func (w *World) inPlace(m member) bool {
	return slices.ContainsFunc(w.fabric.servers, func(s *server) bool { return s.id == m.id && s.url == m.url && s.leader != nil })
}

// deadAndNobody says that nobody could take the place of a dead member.
func (w *World) deadAndNobody() bool {
	for _, b := range w.boards {
		if b.agent != nil && b.agent.server == nil && !b.left && !w.excused(b) {
			return false
		}
	}
	return true
}

// excused says that a board is in a row where it may end.
func (w *World) excused(b *board) bool {
	return b.agent != nil && slices.Contains(w.scenario.Expect, b.agent.state.Row)
}

// waitsForDead reports whether a member is listed whose board never comes back: then no
// voter goes down by itself, and says so, until a person or a standby helps.
func (w *World) waitsForDead(lead *server) bool {
	return slices.ContainsFunc(w.boards, func(b *board) bool {
		d := b.disk.dir
		if !b.dead || d == nil {
			return false
		}
		_, listed := lead.list.find(d.member)
		return listed
	})
}

// unsettledBoard says what one board still waits for.
func (w *World) unsettledBoard(b *board, lead *server) string {
	switch {
	case b.dead, !b.power && b.n >= w.scenario.Boards, b.left && b.disk.intent.Do == bootstrap.IntentLeft, w.excused(b):
		return ""
	case b.agent == nil:
		return "off"
	}
	a := b.agent
	if do := b.disk.intent.Do; do != "" {
		return "still to be finished: " + do
	}
	if s := a.server; s != nil {
		if s.dir.cluster != lead.dir.cluster || s.leader == nil || s.url != b.peerURL() {
			return "its etcd is not where it should be: " + string(a.state.Row)
		}
		if b.disk.readdressed {
			return "addresses not confirmed: " + string(a.state.Row)
		}
		if a.state.Row == bootstrap.Restart || a.state.Row == bootstrap.FoundAgreed || a.state.Row == bootstrap.JoinSeated || a.state.Row == bootstrap.Resume {
			return ""
		}
		if a.state.Row == bootstrap.RestartAsked && w.waitsForDead(lead) {
			return ""
		}
		return "row " + string(a.state.Row)
	}
	if a.state.Row == bootstrap.JoinStandby && !b.left {
		return ""
	}
	return "row " + string(a.state.Row)
}

// unsettled is for a fleet that was larger than its profile said: one cluster
// that is whole, or two that users wrote to, of which a person has to choose one.
func (w *World) unsettled() string {
	clusters, works, written := map[string]bool{}, 0, 0
	for _, s := range w.fabric.servers {
		clusters[s.dir.cluster] = clusters[s.dir.cluster] || s.leader != nil
	}
	for _, p := range w.fabric.pasts {
		if clusters[p.cluster] {
			works++
		}
		if clusters[p.cluster] && len(p.acked) > 0 {
			written++
		}
	}
	switch {
	case works == 0:
		return "nothing works: " + w.rows()
	case works > 1 && written < 2:
		return "two clusters run: " + w.rows()
	}
	kept := slices.ContainsFunc(w.boards, func(b *board) bool { return b.chooses(written) })
	for _, b := range w.boards {
		if b.agent == nil {
			return b.name() + ": off"
		}
		row, s := b.agent.state.Row, b.agent.server
		// A standby of a cluster whose data somebody still holds waits for that person.
		rests := row == bootstrap.JoinStandby || row == bootstrap.PlanKnowsMeNot && kept
		if !b.chooses(written) && (s == nil && !rests || s != nil && s.leader == nil) {
			return b.name() + ": " + string(row) + ": " + w.rows()
		}
	}
	return ""
}

// chooses says that a board holds until a person has chosen between two clusters.
// Data of one whose other boards went to an empty one is kept as well: it may be
// what users miss.
func (b *board) chooses(written int) bool {
	a := b.agent
	return a != nil && a.do == bootstrap.Hold && (a.state.Row == bootstrap.TwoClusters || a.state.Row == bootstrap.StaleData && written == 0)
}

func (w *World) rows() string {
	var out []string
	for _, b := range w.boards {
		row := "off"
		if b.agent != nil {
			row = string(b.agent.state.Row)
		}
		out = append(out, b.name()+" "+row)
	}
	return strings.Join(out, ", ")
}
