package agent

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
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
	state   bootstrap.State
	action  bootstrap.Action
	profile *profiles.Profile // nil without one
	peers   []discovery.Peer
	target  target
	local   string // local endpoint, "" if it is off or not listening
	reading reading
}

// publish makes the present state visible.
func (a *Agent) publish(act bootstrap.Action) {
	a.action = act
	v := &view{version: a.config.Version, state: a.state, action: act}
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
	a.view.Store(v)
}

// statusTimeout bounds all that a status asks of the cluster.
const statusTimeout = 2 * time.Second

// status asks the cluster now: the member list by a linearizable read, and each
// member about itself.
func (v *view) status(ctx context.Context) Status {
	out := Status{Board: v.board(), Cluster: v.cluster(), Boards: v.boards()}
	if p := v.profile; p != nil {
		alive := 1
		for _, peer := range v.peers {
			if peer.Alive {
				alive++
			}
		}
		out.Fleet = &FleetStatus{Cluster: p.Cluster, BoardsExpected: p.Boards, BoardsAlive: alive, FoundingQuorum: p.Quorum(), Voters: p.Voters}
	}
	no := false
	out.Cluster.Quorum = &no
	if len(v.target.endpoints) == 0 {
		return out
	}
	ctx, cancel := context.WithTimeout(ctx, statusTimeout)
	defer cancel()
	t := v.target
	c, err := etcd.Dial(etcd.ClientConfig{Endpoints: t.endpoints, CA: t.files.CA, Cert: t.files.Cert, Key: t.files.Key, RequestTimeout: statusTimeout})
	if err != nil {
		return out
	}
	defer c.Close()
	list, err := c.Members(ctx)
	if err != nil {
		return out
	}
	yes := true
	out.Cluster.Quorum, out.Cluster.ID, out.Cluster.Founded = &yes, &list.ClusterID, true
	out.Members = v.members(ctx, c, list.Members, &out.Cluster)
	return out
}

// members asks every member about itself, all at once.
func (v *view) members(ctx context.Context, c *etcd.Client, list []etcd.Member, cluster *ClusterStatus) []MemberStatus {
	answers := make([]*etcd.Status, len(list))
	var asking sync.WaitGroup
	for i, m := range list {
		if len(m.ClientURLs) == 0 {
			continue
		}
		asking.Go(func() {
			if s, err := c.Status(ctx, m.ClientURLs[0]); err == nil {
				answers[i] = &s
			}
		})
	}
	asking.Wait()
	leader := ""
	for _, s := range answers {
		// The answer of the highest term knows the present leader.
		if s != nil && (cluster.RaftTerm == nil || s.Term > *cluster.RaftTerm || s.Term == *cluster.RaftTerm && leader == "") {
			cluster.RaftTerm, leader = &s.Term, s.Leader
		}
		if s != nil && (cluster.Revision == nil || s.Revision > *cluster.Revision) {
			cluster.Revision = &s.Revision
		}
	}
	out := make([]MemberStatus, len(list))
	for i, m := range list {
		healthy := answers[i] != nil && len(answers[i].Errors) == 0 && answers[i].Leader != ""
		row := MemberStatus{ID: m.ID, Name: m.Name, PeerURLs: m.PeerURLs, ClientURLs: orEmpty(m.ClientURLs), Learner: m.Learner, Started: m.Started,
			Healthy: &healthy, Board: v.boardOf(m)}
		if answers[i] != nil {
			row.DBSize = &answers[i].DBSize
		}
		if leader != "" {
			leads := m.ID == leader
			row.Leader = &leads
			if leads {
				cluster.Leader = &list[i].Name
			}
		}
		out[i] = row
	}
	return out
}

func (v *view) board() BoardStatus {
	s, a := v.state, v.action
	return BoardStatus{ID: s.Self.ID, Name: names(s)[s.Self.ID], Address: text(s.Self.Address), Life: s.Self.Life, Role: role(s),
		State: string(a.Why), Why: a.Say, Hint: a.Hint, WaitsFor: orEmpty(a.WaitsFor), Since: s.Since, Holding: a.Do == bootstrap.Hold, Version: v.version}
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
	self := BoardSeen{ID: s.Self.ID, Name: unique[s.Self.ID], Address: text(s.Self.Address), Alive: true, Role: text(role(s)),
		State: text(string(v.action.Why)), ClusterID: text(s.Disk.Cluster), Version: text(v.version)}
	out := []BoardSeen{self}
	for _, p := range v.peers {
		out = append(out, BoardSeen{ID: p.Board, Name: unique[p.Board], Address: text(p.Address.String()), Alive: p.Alive, Role: text(p.Role),
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
	if s == "" || strings.HasPrefix(s, "invalid") {
		return nil
	}
	return &s
}

func orEmpty(s []string) []string {
	if s == nil {
		return []string{}
	}
	return s
}
