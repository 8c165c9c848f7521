package agent

import "time"

// Status is what `agent status -o json` prints: this board, its fleet and the
// cluster. What is not known is null, never a made-up zero. Names of keys are
// a promise to owners; adding is fine.
type Status struct {
	Board   BoardStatus    `json:"board"`
	Fleet   *FleetStatus   `json:"fleet"` // nil without a profile
	Cluster ClusterStatus  `json:"cluster"`
	Members []MemberStatus `json:"members"` // nil when no linearizable read succeeded
	Boards  []BoardSeen    `json:"boards"`  // this board included, sorted by ID
}

// BoardStatus is this board: who and where it is, and the row of the design
// table that applies, with its reason.
type BoardStatus struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Address  *string   `json:"address"`
	Life     string    `json:"life"`
	Role     string    `json:"role"` // voter, learner, standby or none
	State    string    `json:"state"`
	Why      string    `json:"why"`
	Hint     string    `json:"hint,omitempty"` // what would help
	WaitsFor []string  `json:"waits_for"`
	Since    time.Time `json:"since"`
	Holding  bool      `json:"holding"`            // true: nothing more happens by itself
	Warnings []string  `json:"warnings,omitempty"` // what the owner should know besides, in sentences
	Version  string    `json:"version"`
	// AgentSince is when this agent started, AgentRun a random number by which its
	// run can be told from the next one whatever the clock does, RestartAsked since
	// when it is to start anew.
	AgentSince   time.Time   `json:"agent_since"`
	AgentRun     string      `json:"agent_run"`
	RestartAsked *time.Time  `json:"restart_asked"`
	Disk         *DiskStatus `json:"disk"`
}

// DiskStatus says how long a small write took until it was on the disk, measured
// before etcd first ran there: half of the writes, and 99 of 100, in milliseconds.
type DiskStatus struct {
	P50 float64 `json:"fsync_p50_ms"`
	P99 float64 `json:"fsync_p99_ms"`
}

// FleetStatus counts boards by gossip.
type FleetStatus struct {
	Cluster        string `json:"cluster"`
	BoardsExpected int    `json:"boards_expected"`
	BoardsAlive    int    `json:"boards_alive"`
	FoundingQuorum int    `json:"founding_quorum"`
	Voters         int    `json:"voters"`
	Profile        string `json:"profile"` // ProfileID of the profile that the agent runs with
	// Heartbeat and Election are etcd's periods in the whole fleet, in milliseconds.
	Heartbeat *int64 `json:"heartbeat_ms"`
	Election  *int64 `json:"election_ms"`
}

// ClusterStatus is the etcd cluster as this board knows it. IDs are hex.
type ClusterStatus struct {
	Founded        bool    `json:"founded"` // a plan was chosen, or data of a cluster is here
	Generation     *uint64 `json:"generation"`
	ID             *string `json:"id"`
	Token          *string `json:"token"`
	InitialCluster *string `json:"initial_cluster"`
	Quorum         *bool   `json:"quorum"` // true: a linearizable read has just succeeded
	Leader         *string `json:"leader"` // the member's name
	Revision       *int64  `json:"revision"`
	RaftTerm       *uint64 `json:"raft_term"`
}

// MemberStatus is one row of the linearizable member list, joined with what
// the member itself and gossip say.
type MemberStatus struct {
	ID         string   `json:"id"`
	Name       string   `json:"name"`
	PeerURLs   []string `json:"peer_urls"`
	ClientURLs []string `json:"client_urls"`
	Learner    bool     `json:"learner"`
	Started    bool     `json:"started"`
	Healthy    *bool    `json:"healthy"`
	Leader     *bool    `json:"leader"`
	DBSize     *int64   `json:"db_size"` // bytes
	Board      *string  `json:"board"`
}

// BoardSeen is one board of the fleet as gossip shows it.
type BoardSeen struct {
	ID        string  `json:"id"`
	Name      string  `json:"name"`
	Address   *string `json:"address"`
	Alive     bool    `json:"alive"`
	Role      *string `json:"role"`
	State     *string `json:"state"`
	ClusterID *string `json:"cluster_id"`
	Version   *string `json:"version"`
}

// Explanation is what `agent explain` puts into sentences.
type Explanation struct {
	Board    string    `json:"board"`
	State    string    `json:"state"`
	Why      string    `json:"why"`
	Hint     string    `json:"hint,omitempty"`
	WaitsFor []string  `json:"waits_for"`
	Since    time.Time `json:"since"`
	Saw      []string  `json:"saw"` // one sentence per fact the decision rests on
}

// Access says how a client reaches the cluster from this board.
type Access struct {
	Endpoints []string `json:"endpoints"` // the local endpoint if it is on, else the members' client URLs
	CA        string   `json:"ca"`        // file paths; "" where the profile says tls: false
	Cert      string   `json:"cert"`
	Key       string   `json:"key"`
}
