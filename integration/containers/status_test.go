package containers

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"muster/integration/atonce"
)

// status is as much of `agent status -o json` as these tests look at, as an outside program would declare it.
type status struct {
	Board struct {
		ID      string `json:"id"`
		Role    string `json:"role"`
		State   string `json:"state"`
		Why     string `json:"why"`
		Version string `json:"version"`
		// AgentSince is when the agent that answers was started.
		AgentSince time.Time `json:"agent_since"`
	} `json:"board"`
	Fleet *struct {
		Cluster string `json:"cluster"`
		Alive   int    `json:"boards_alive"`
	} `json:"fleet"`
	Cluster struct {
		ID     *string `json:"id"`
		Quorum *bool   `json:"quorum"`
		Leader *string `json:"leader"`
	} `json:"cluster"`
	Members []struct {
		Name    string `json:"name"`
		Learner bool   `json:"learner"`
		Started bool   `json:"started"`
		Healthy *bool  `json:"healthy"`
	} `json:"members"`
}

func (s status) clusterID() string {
	if s.Cluster.ID == nil {
		return ""
	}
	return *s.Cluster.ID
}

func (s status) String() string {
	return fmt.Sprintf("%s, %s, %s: cluster %q, %d members, quorum %v: %s", s.Board.Version, s.Board.Role, s.Board.State, s.clusterID(),
		len(s.Members), s.Cluster.Quorum != nil && *s.Cluster.Quorum, s.Board.Why)
}

func view(ctx context.Context, b *Board) (status, error) {
	var s status
	stdout, stderr, code := b.Run(ctx, "agent", "status", "-o", "json")
	if code != 0 {
		return s, fmt.Errorf("board %d: status: exit %d: %s", b.Index, code, strings.TrimSpace(stderr))
	}
	if err := json.Unmarshal([]byte(stdout), &s); err != nil {
		return s, fmt.Errorf("board %d: status is no JSON: %w: %q", b.Index, err, stdout)
	}
	return s, nil
}

// views asks several boards at once. The order is that of on.
func views(ctx context.Context, on []*Board) ([]status, error) {
	return atonce.Ask(on, func(b *Board) (status, error) { return view(ctx, b) })
}

// awaitPlaces waits until these boards are all in their places: in one cluster with quorum, so many of them voters,
// the others standbys, and every member a healthy voter. It returns what they said.
func awaitPlaces(t testing.TB, what string, voters int, on ...*Board) []status {
	t.Helper()
	var seen []status
	eventually(t, what, func(ctx context.Context) (err error) {
		if seen, err = views(ctx, on); err != nil {
			return err
		}
		return inPlaces(seen, voters)
	})
	return seen
}

func inPlaces(seen []status, voters int) error {
	roles := map[string]int{}
	for _, s := range seen {
		roles[s.Board.Role]++
		if s.clusterID() == "" || s.clusterID() != seen[0].clusterID() || s.Cluster.Quorum == nil || !*s.Cluster.Quorum {
			return fmt.Errorf("not one cluster with quorum: %v and %v", s, seen[0])
		}
		if len(s.Members) != voters {
			return fmt.Errorf("want %d members: %v", voters, s)
		}
		for _, m := range s.Members {
			if m.Learner || !m.Started || m.Healthy == nil || !*m.Healthy {
				return fmt.Errorf("%s is no healthy voter: %v", m.Name, s)
			}
		}
	}
	if roles["voter"] != voters || roles["standby"] != len(seen)-voters {
		return fmt.Errorf("roles %v, want %d voters and %d standbys", roles, voters, len(seen)-voters)
	}
	return nil
}

// shows is a property of the service as systemd knows it.
func shows(ctx context.Context, b *Board, property string) string {
	out, _, _ := b.Run(ctx, "systemctl", "show", "--value", "--property="+property, "muster.service")
	return strings.TrimSpace(out)
}

// mustShow wants properties of the service to have these values.
func mustShow(t testing.TB, b *Board, want map[string]string) {
	t.Helper()
	for property, value := range want {
		if got := shows(t.Context(), b, property); got != value {
			t.Errorf("board %d: %s=%s, want %s", b.Index, property, got, value)
		}
	}
}

// each does one thing on several boards at once, which must succeed on all.
func each(t testing.TB, on []*Board, do func(*Board) error) {
	t.Helper()
	if _, err := atonce.Ask(on, func(b *Board) (struct{}, error) { return struct{}{}, do(b) }); err != nil {
		t.Fatal(err)
	}
}

// fails wants a command on the board to end with a code, and each of the words in what it says on stderr.
func fails(t testing.TB, b *Board, want int, words []string, name string, args ...string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	_, stderr, code := b.Run(ctx, name, args...)
	if code != want {
		t.Errorf("board %d: %s %s: exit %d, want %d: %s", b.Index, name, strings.Join(args, " "), code, want, stderr)
	}
	for _, word := range words {
		if !strings.Contains(stderr, word) {
			t.Errorf("board %d: %s %s: no %q in %q", b.Index, name, strings.Join(args, " "), word, stderr)
		}
	}
}
