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
	if l.voters() > w.voters {
		return fmt.Sprintf("%d voters, want %d: %s", l.voters(), w.voters, w.rows())
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

// unsettledBoard says what one board still waits for.
func (w *World) unsettledBoard(b *board, lead *server) string {
	switch {
	case !b.power && (b.gone || b.n >= w.scenario.Boards), b.left && b.disk.intent.Do == bootstrap.IntentLeft, w.excused(b):
		return ""
	case b.agent == nil:
		return "off"
	}
	a := b.agent
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
		return "row " + string(a.state.Row)
	}
	if a.state.Row == bootstrap.JoinStandby && !b.left {
		return ""
	}
	return "row " + string(a.state.Row)
}

// unsettled is for a fleet with two clusters: at most one of them may be left
// running, or all boards hold and say so.
func (w *World) unsettled() string {
	clusters := map[string]bool{}
	for _, s := range w.fabric.servers {
		clusters[s.dir.cluster] = true
	}
	if len(clusters) == 0 {
		return "nothing runs: " + w.rows()
	}
	written := 0
	for c := range w.fabric.acked {
		if clusters[c] {
			written++
		}
	}
	if len(clusters) > 1 && written < 2 {
		return "two clusters run: " + w.rows()
	}
	if len(clusters) == 1 {
		for _, b := range w.boards {
			if b.agent != nil && b.agent.server == nil && b.agent.state.Row != bootstrap.JoinStandby {
				return b.name() + ": " + string(b.agent.state.Row)
			}
		}
	}
	return ""
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
