package bootstrap

import (
	"time"

	"muster/bootstrap/founding"
)

// Observation is everything one board knows at one instant. It holds facts;
// judgements are functions. Zero values mean unknown, and unknown is never the
// same as absent: nothing that changes the world rests on it.
type Observation struct {
	Now       time.Time
	Want      Want
	Self      Self
	Disk      Disk
	Plan      *founding.Plan // the chosen plan, once it is known here
	Founding  Founding
	Peers     []Peer  // all other boards of the fleet that were ever seen, by ID
	Owners    []Owner // who started which member, as far as this board has ever learned
	Seat      Seat    // the last seat that this board gave as steward
	Shadow    string  // an address at which another living board shows this board's ID; "" none
	Strangers []Stranger
	Failed    string // what the last effect failed of; "" if it worked
	Etcd      Etcd
	Cluster   Cluster
	Other     Cluster // the same of Founding.Rival's cluster, read where this board's own is deserted
	Order     Order
	Renewal   Renewal
	Turn      Turn
	Pacing    Pacing
	Recalled  []Recall // what living boards said, to this agent, that they remember of this one, by ID
	Refused   string   // what etcd refuses of the last change through the quorum, in its words; "" if it does not
}

// Want is what the profile asks for. The zero value is a board without a
// profile.
type Want struct {
	Cluster      string
	Boards       int           // boards the fleet may hold at founding, 1 to 200
	Voters       int           // 1, 3, 5 or 7
	Never        bool          // founding: never
	ReplaceAfter time.Duration // a voter unseen that long is due to lose its seat; 0: never
	Heartbeat    time.Duration // of etcd, if the profile names it; 0: auto
	GossipPort   int
	Problem      string // why a profile that is there cannot be used; "" when it can
}

func (w Want) terms() founding.Terms {
	return founding.Terms{Cluster: w.Cluster, Generation: 1, Boards: w.Boards, Voters: w.Voters}
}

// Self is this board. Patience is random, below proposeAgain, and drawn anew for
// each attempt to found: two proposers that outbid each other once shall not do
// so for ever.
type Self struct {
	ID, Life, Name string
	Address        string // "" while the board has none
	PeerURL        string // where its etcd would listen now; "" without an address
	ClientURL      string // the same for clients
	Patience       time.Duration
	Trouble        string // why this board cannot gossip; "" when it can
}

// DiskState says what a look at the data directory found.
type DiskState int

// The states of a data directory. DiskUnborn has files but no write-ahead log:
// nothing in it ever was a member (etcd v3.7.3 makes member/snap before it
// validates the cluster).
const (
	DiskUnknown DiskState = iota
	DiskEmpty
	DiskUnborn
	DiskMember
	DiskDamaged
)

// Match compares two identities.
type Match int

// The outcomes of a comparison. MatchUnknown has nothing to compare.
const (
	MatchUnknown Match = iota
	MatchSame
	MatchOther
)

// Disk is what this board's own state directory says, read without starting
// etcd.
type Disk struct {
	State    DiskState
	Unlogged bool     // damaged: no log and no readable database, as after a first start that was cut off
	Why      string   // what is damaged or could not be read
	Cluster  string   // cluster ID in the log, hex
	Member   string   // member ID in the log, hex
	PeerURL  string   // where the member is listed, by its own database
	Members  []Member // the member list in the database; the log may hold later changes
	Hardware Match    // the kept fingerprints against this machine
	Owner    Match    // the board and life the data was made by, against this board's
	Born     bool     // a member of this life has been started before
	Log      Mark     // the end of the log; while the child runs, what it told last
	// Watched says that this agent has drawn the board's present life, or has run its
	// member: the disk cannot be older than what was told of it.
	Watched bool
	// Readdressed says that peer URLs in the database were rewritten by this
	// board, and that the quorum has not confirmed them since.
	Readdressed bool
	Doubted     bool // in this life members were said to hold different data: see Differs
	Intent      Intent
}

// Intent is what was begun and not yet seen to its end when the agent was
// killed. The zero value is none.
type Intent struct {
	Do      string
	Plan    string `json:",omitempty"` // IntentFound: digest of the plan it rests on
	Member  string `json:",omitempty"` // IntentJoin: ID of the seat
	Cluster string `json:",omitempty"` // IntentYield: the cluster that is given up
}

// What can be begun.
const (
	// IntentFound is on disk from before the first start of etcd from a plan
	// until its log is seen; IntentJoin the same for a start into a seat.
	IntentFound = "found"
	IntentJoin  = "join"
	// IntentSetAside is on disk from before a data directory moves until the
	// board has its new life.
	IntentSetAside = "set-aside"
	// IntentLeave is on disk from the order until the data is set aside,
	// IntentLeft from then on until the agent is started anew.
	IntentLeave = "leave"
	IntentLeft  = "left"
	// IntentYield says that the quorum of this board's own cluster has
	// confirmed, behind a fence, that no key was ever written.
	IntentYield = "yield"
)

// Owner says which board, in which of its lives, started a member, and the furthest that
// its log was shown to be.
type Owner struct {
	Member, Board, Life string
	Log                 Mark `json:",omitzero"`
}

// Recall is what another board remembers of the members that this one started.
type Recall struct {
	Board  string
	Owners []Owner
	Saw    []string // those that its present agent has seen run itself
	Others int      // how many members it knows that other boards started
}

// Seat is a place as a learner that the steward gave to one board in one life.
// The steward shows member and life on its card; nobody else may start it.
type Seat struct{ Member, Board, Life string }

// Founding is how far this board's own proposal is.
type Founding struct {
	Promised  string         // the ballot this board is bound to, printed; "" none
	Own       bool           // that ballot is its own
	Rival     *founding.Plan // a second chosen plan that some board told of; nil: none
	Proposing bool
	Promises  int    // boards that promised in the present ballot
	Accepts   int    // boards that accepted in it
	Rejected  string // the last refusal, in words
	Forgot    bool   // the plan rests on a promise of this board that its record does not have
}

// Peer is another board of the fleet, as its card in gossip says.
type Peer struct {
	ID, Life, Name string
	Address        string
	Alive          bool
	Since          time.Time // of the last change of Alive
	Data           bool      // it holds a member's data
	Cluster        string    // cluster ID of that data, hex
	Member         string    // member ID of that data, hex; "" none, or not the board's own
	Plan           string    // digest of the founding plan it knows; "" none
	Seat           Seat      // what it last gave as steward; Board is not told, the life is that board's alone
	Keys           Keys      // whether a key was ever written to its cluster
	PeerURL        string
	ClientURL      string
	Role           string
	Healthy        bool   // its etcd answers and has a leader
	Boards, Voters int    // founding terms of its profile
	Never          bool   // its profile says founding: never; it promises nothing
	Mislists       string // the member that its own etcd lists elsewhere than that one's card says
	Renews         bool   // it was asked to start anew and has not yet
	Measures       Measures
	Pace           Pace // the fleet's, if it is the steward; zero else
	Log            Mark // of its running member; zero: none runs, or not known
	Alarms         Alarms
	AlarmOf        string // the member for which its etcd raises the graver one; "" not known
	Missed         Missed
	Twin           bool          // it has lately seen its own ID alive elsewhere
	Doubled        bool          // two living boards show this ID, in different lives
	ReplaceAfter   time.Duration // of its profile; below 0: never, 0: not known
	Heartbeat      time.Duration // of its profile, if that names it; 0: auto
	GossipPort     int           // at which it is seen; 0: not known
}

// Missed is the voter that a steward has missed for the longest, and for how many
// whole minutes: whoever leads next goes on from there.
type Missed struct {
	Member  string
	Minutes int
	Silent  bool // its board is on, and raft does not hear of it
}

// Alarms are etcd's, raised for the whole cluster: as long as one stands, writes are
// refused.
type Alarms int

// The alarms, as bits. AlarmSpace is not the fence of row two-clusters.
const (
	AlarmSpace   Alarms = 1 << iota // a member has no room: its database reached the quota
	AlarmCorrupt                    // members hold different data
)

// Stranger is a board nearby that is not of this fleet: its cluster has another
// name, or the same name and another secret.
type Stranger struct {
	Name    string // "" where only its packets are seen
	Address string
	Cluster string // the name of its cluster
}
