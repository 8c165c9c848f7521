package agent

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"time"

	"muster/bootstrap"
	"muster/bootstrap/etcd"
	"muster/discovery"
	"muster/profiles"
)

// view is everything a reader of the control socket may see: a snapshot that
// the loop makes and nobody changes.
type view struct {
	version string
	started time.Time
	run     string
	state   bootstrap.State
	action  bootstrap.Action
	profile *profiles.Profile // nil without one
	peers   []discovery.Peer
	target  target
	local   string // local endpoint, "" if it is off or not listening
	reading reading
	speed   diskSpeed
	// warnings are what an owner should know beside the decision.
	warnings []string
}

// publish makes the present state visible.
func (a *Agent) publish(act bootstrap.Action) {
	a.action = act
	v := &view{version: a.config.Version, started: a.started, run: a.run, state: a.state, action: act, speed: a.speed, warnings: a.warnings()}
	if f := a.fleet; f != nil {
		v.profile = f.profile
		if f.gossip != nil {
			v.peers = f.gossip.Peers()
		}
		v.reading = f.watch.read()
		v.target = f.watch.aimed()
		if f.endpoint != nil && f.endpoint.listening() {
			v.local = f.endpoint.address.String()
		}
	}
	if a.view.Swap(v) == nil {
		close(a.decided)
	}
}

func (v *view) fleet() *FleetStatus {
	p := v.profile
	if p == nil {
		return nil
	}
	f := &FleetStatus{Cluster: p.Cluster, BoardsExpected: p.Boards, BoardsAlive: 1, FoundingQuorum: p.Quorum(), Voters: p.Voters, Profile: ProfileID(p)}
	f.Heartbeat, f.Election = periodsShown(p, v.state.Pace)
	for _, peer := range v.peers {
		if peer.Alive {
			f.BoardsAlive++
		}
	}
	return f
}

// periodsShown are etcd's in the whole fleet, in milliseconds.
func periodsShown(p *profiles.Profile, pace bootstrap.Pace) (heartbeat, election *int64) {
	h, e := pace.Heartbeat().Milliseconds(), pace.Election().Milliseconds()
	if p.Etcd.Heartbeat != 0 {
		h, e = p.Etcd.Heartbeat.Milliseconds(), p.Etcd.Election.Milliseconds()
	}
	if h == 0 {
		return nil, nil
	}
	return &h, &e
}

func (v *view) board() BoardStatus {
	s, a := v.state, v.action
	var asked *time.Time
	if wish := bootstrap.Wish(s); !wish.Since.IsZero() {
		asked = new(v.shown(wish.Since))
	}
	return BoardStatus{ID: s.Self.ID, Name: names(s)[s.Self.ID], Address: text(s.Self.Address), Life: s.Self.Life, Role: bootstrap.Role(s),
		State: string(a.Why), Why: a.Say, Hint: a.Hint, WaitsFor: orEmpty(a.WaitsFor), Since: v.shown(s.Since), Holding: a.Do == bootstrap.Hold, Warnings: v.warnings, Version: v.version,
		AgentSince: v.shown(v.started), AgentRun: v.run, RestartAsked: asked, Disk: v.speed.status()}
}

// shown is a time as owners read it, by the clock of now.
func (v *view) shown(t time.Time) time.Time { return byClock(t, v.state.Now.Sub(t), v.state.Now) }

// clockSet is the difference from which the wall clock counts as set meanwhile.
const clockSet = 2 * time.Second

// byClock is when something was by the wall clock of now, if that clock showed at
// then and so long ago: a board without a clock battery begins in 1970, and learns
// the time later.
func byClock(at time.Time, ago time.Duration, now time.Time) time.Time {
	// Without the monotonic clock's readings, by which the two never differ.
	moved := now.Round(0).Sub(at.Round(0)) - ago
	if at.IsZero() || moved.Abs() < clockSet {
		return at
	}
	return at.Round(0).Add(moved).Truncate(time.Millisecond)
}

func (v *view) cluster() ClusterStatus {
	s := v.state
	c := ClusterStatus{Founded: s.Plan != nil || s.Disk.Cluster != ""}
	if p := s.Plan; p != nil {
		id, initial := bootstrap.FormatID(p.ClusterID()), p.InitialCluster()
		c.Generation, c.ID, c.Token, c.InitialCluster = &p.Generation, &id, &p.Token, &initial
	} else if s.Disk.Cluster != "" {
		c.ID = &s.Disk.Cluster
	}
	return c
}

// boards are this board and all others that gossip has ever shown, by ID.
func (v *view) boards() []BoardSeen {
	s, unique := v.state, names(v.state)
	self := BoardSeen{ID: s.Self.ID, Name: unique[s.Self.ID], Address: text(s.Self.Address), Alive: true, Role: text(bootstrap.Role(s)),
		State: text(string(v.action.Why)), ClusterID: text(s.Disk.Cluster), Version: text(v.version)}
	out := []BoardSeen{self}
	for _, p := range v.peers {
		out = append(out, BoardSeen{ID: p.Board, Name: unique[p.Board], Address: addressText(p.Address), Alive: p.Alive, Role: text(p.Role),
			State: text(p.State), ClusterID: text(p.Cluster), Version: text(p.Version)})
	}
	slices.SortFunc(out, func(a, b BoardSeen) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// boardOf is the board behind a member: by the member ID on its card, else by
// the plan.
func (v *view) boardOf(m etcd.Member) *string {
	s := v.state
	if s.Disk.Member == m.ID {
		return &s.Self.ID
	}
	for _, p := range v.peers {
		if p.Member == m.ID {
			return &p.Board
		}
	}
	if s.Plan != nil {
		for _, f := range s.Plan.Founders {
			if id, _ := s.Plan.MemberID(f.Board); bootstrap.FormatID(id) == m.ID {
				return &f.Board
			}
		}
	}
	return nil
}

// access prefers the local endpoint: it follows the members.
func (v *view) access() Access {
	t := v.target
	a := Access{CA: t.files.CA, Cert: t.files.Cert, Key: t.files.Key}
	if v.profile == nil || v.profile.Etcd.TLS && t.files.CA == "" {
		// Whoever evaluates this keeps it: no address is better than one without
		// the certificates that it needs.
		return Access{Endpoints: []string{}}
	}
	urls := map[string]bool{}
	for _, u := range t.endpoints {
		urls[u] = true
	}
	for _, m := range v.reading.members {
		for _, u := range m.ClientURLs {
			urls[u] = true
		}
	}
	switch {
	case v.local != "" && t.files.CA != "":
		a.Endpoints = []string{"https://" + v.local}
	case v.local != "":
		a.Endpoints = []string{"http://" + v.local}
	default:
		a.Endpoints = orEmpty(slices.Sorted(maps.Keys(urls)))
	}
	return a
}

func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func addressText(a netip.Addr) *string {
	if !a.IsValid() {
		return nil
	}
	return text(a.String())
}

func orEmpty(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}
