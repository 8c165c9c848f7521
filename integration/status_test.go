package integration

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"muster/integration/atonce"
	"muster/integration/boards"
)

// status is `agent status -o json` as an outside program would declare it. A pointer is nil where the agent says
// null, i.e. does not know.
type status struct {
	Board struct {
		ID       string   `json:"id"`
		Name     string   `json:"name"`
		Address  *string  `json:"address"`
		Life     string   `json:"life"`
		Role     string   `json:"role"`
		State    string   `json:"state"`
		Why      string   `json:"why"`
		WaitsFor []string `json:"waits_for"`
		Hint     string   `json:"hint"`
		Holding  bool     `json:"holding"`
		Warnings []string `json:"warnings"`

		AgentSince   time.Time  `json:"agent_since"`
		RestartAsked *time.Time `json:"restart_asked"`
		Disk         *struct {
			P99 float64 `json:"fsync_p99_ms"`
		} `json:"disk"`
	} `json:"board"`
	Fleet *struct {
		Cluster        string `json:"cluster"`
		BoardsExpected int    `json:"boards_expected"`
		BoardsAlive    int    `json:"boards_alive"`
		FoundingQuorum int    `json:"founding_quorum"`
		Heartbeat      *int64 `json:"heartbeat_ms"`
		Election       *int64 `json:"election_ms"`
	} `json:"fleet"`
	Cluster struct {
		Founded        bool    `json:"founded"`
		Generation     *uint64 `json:"generation"`
		ID             *string `json:"id"`
		Token          *string `json:"token"`
		InitialCluster *string `json:"initial_cluster"`
		Quorum         *bool   `json:"quorum"`
		Leader         *string `json:"leader"`
	} `json:"cluster"`
	Members []member `json:"members"`
	Boards  []struct {
		ID        string  `json:"id"`
		Name      string  `json:"name"`
		Alive     bool    `json:"alive"`
		ClusterID *string `json:"cluster_id"`
	} `json:"boards"`
}

type member struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	PeerURLs []string `json:"peer_urls"`
	Learner  bool     `json:"learner"`
	Started  bool     `json:"started"`
	Healthy  *bool    `json:"healthy"`
}

// view asks one board for its status, as `agent status -o json` does. That command itself costs a tenth of a second
// each time, of which a few dozen per second would be all that the boards' machine has: see printed.
func view(ctx context.Context, b *boards.Board) (status, error) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	socket, err := b.HostPath("/run/muster/agent.sock")
	if err != nil {
		return status{}, err
	}
	text, err := told(ctx, socket)
	if err != nil {
		return status{}, fmt.Errorf("status of board %d: %w", b.Index, err)
	}
	return parsed(b, text)
}

// told is the status that an agent tells on its socket.
func told(ctx context.Context, socket string) (string, error) {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", socket)
	}
	client := &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://agent/v1/status", nil)
	if err != nil {
		return "", err
	}
	answer, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil && answer.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", answer.Status, text)
	}
	return string(text), err
}

// printed is the same by the command line.
func printed(ctx context.Context, b *boards.Board) (status, error) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	stdout, stderr, code := b.Run(ctx, "status", "-o", "json")
	if code != 0 {
		return status{}, fmt.Errorf("status of board %d: exit %d: %s", b.Index, code, strings.TrimSpace(stderr))
	}
	return parsed(b, stdout)
}

func parsed(b *boards.Board, text string) (status, error) {
	s, err := parseStatus(text)
	if err != nil {
		return s, fmt.Errorf("board %d: %w", b.Index, err)
	}
	return s, nil
}

// views asks several boards at once. The order is that of on.
func views(ctx context.Context, on []*boards.Board) ([]status, error) {
	return atonce.Ask(on, func(b *boards.Board) (status, error) { return view(ctx, b) })
}

func parseStatus(text string) (status, error) {
	var s status
	decoder := json.NewDecoder(strings.NewReader(text))
	if err := decoder.Decode(&s); err != nil {
		return s, fmt.Errorf("status is no JSON: %w: %q", err, text)
	}
	if decoder.More() {
		return s, fmt.Errorf("status is more than one JSON document: %q", text)
	}
	return s, nil
}

func (s status) alive() int {
	if s.Fleet == nil {
		return -1
	}
	return s.Fleet.BoardsAlive
}

func (s status) quorum() bool { return s.Cluster.Quorum != nil && *s.Cluster.Quorum }

func (s status) clusterID() string { return deref(s.Cluster.ID) }

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func (s status) String() string {
	return fmt.Sprintf("%s: role %s, state %s, alive %d, founded %v, cluster %q, quorum %v: %s",
		s.Board.Name, s.Board.Role, s.Board.State, s.alive(), s.Cluster.Founded, s.clusterID(), s.quorum(), s.Board.Why)
}

// condition judges what several boards say at about one time. nil: it is met; else the error tells what is missing.
type condition func(views []status) error

// settled is the end of a founding: one cluster with quorum on all boards, so many voters, all others standbys, and
// every board computes the same.
func settled(voters, standbys int) condition {
	return func(views []status) error {
		roles := map[string]int{}
		for _, s := range views {
			roles[s.Board.Role]++
			first := views[0]
			switch {
			case !s.Cluster.Founded || s.clusterID() == "" || !s.quorum():
				return fmt.Errorf("no cluster with quorum yet on %v", s)
			case s.clusterID() != first.clusterID():
				return fmt.Errorf("two clusters: %v and %v", s, first)
			case deref(s.Cluster.InitialCluster) == "" || deref(s.Cluster.InitialCluster) != deref(first.Cluster.InitialCluster):
				return fmt.Errorf("initial cluster %q on %s, %q on %s", deref(s.Cluster.InitialCluster), s.Board.Name,
					deref(first.Cluster.InitialCluster), first.Board.Name)
			case deref(s.Cluster.Token) == "" || deref(s.Cluster.Token) != deref(first.Cluster.Token):
				return fmt.Errorf("tokens differ: %v and %v", s, first)
			case s.Board.Role == "standby" && s.Board.State != "join/standby":
				return fmt.Errorf("a standby in another state: %v", s)
			}
			if err := wholeMembers(s, voters); err != nil {
				return err
			}
		}
		if roles["voter"] != voters || roles["standby"] != standbys {
			return fmt.Errorf("roles %v, want %d voters and %d standbys", roles, voters, standbys)
		}
		return nil
	}
}

// wholeMembers wants exactly so many members, all of them started healthy voters with names of their own.
func wholeMembers(s status, voters int) error {
	if len(s.Members) != voters {
		return fmt.Errorf("%s lists %d members, want %d", s.Board.Name, len(s.Members), voters)
	}
	names := map[string]bool{}
	for _, m := range s.Members {
		if m.Learner || !m.Started || m.Healthy == nil || !*m.Healthy {
			return fmt.Errorf("%s lists %s: learner %v, started %v, healthy %v", s.Board.Name, m.Name, m.Learner, m.Started,
				m.Healthy != nil && *m.Healthy)
		}
		if m.Name == "" || names[m.Name] {
			return fmt.Errorf("%s lists two members named %q", s.Board.Name, m.Name)
		}
		names[m.Name] = true
	}
	return nil
}

// inState wants all boards in one row, with a sentence that says why.
func inState(row string) condition {
	return func(views []status) error {
		for _, s := range views {
			if s.Board.State != row || s.Board.Why == "" {
				return fmt.Errorf("want %s with a why: %v", row, s)
			}
		}
		return nil
	}
}

// nothingFounded wants no board to know of a cluster.
func nothingFounded(views []status) error {
	for _, s := range views {
		if s.Cluster.Founded || s.Cluster.ID != nil || s.Board.Role != "none" && s.Board.Role != "standby" {
			return fmt.Errorf("a cluster on %v", s)
		}
	}
	return nil
}

// seesAlive wants every board to see so many boards of its fleet alive, itself included.
func seesAlive(n int) condition {
	return func(views []status) error {
		for _, s := range views {
			if s.alive() != n {
				return fmt.Errorf("want %d boards alive: %v", n, s)
			}
		}
		return nil
	}
}

// oneCluster wants every board that knows a cluster to know this one.
func oneCluster(id string) condition {
	return func(views []status) error {
		for _, s := range views {
			if got := s.clusterID(); got != "" && got != id {
				return fmt.Errorf("cluster %s appeared beside %s on %v", got, id, s)
			}
			for _, b := range s.Boards {
				if got := deref(b.ClusterID); got != "" && got != id {
					return fmt.Errorf("%s sees cluster %s beside %s on %s", s.Board.Name, got, id, b.Name)
				}
			}
		}
		return nil
	}
}

// all joins conditions; the first that is not met speaks.
func all(conditions ...condition) condition {
	return func(views []status) error {
		for _, c := range conditions {
			if err := c(views); err != nil {
				return err
			}
		}
		return nil
	}
}
