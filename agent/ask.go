package agent

import (
	"context"
	"sync"
	"time"

	"muster/bootstrap/etcd"
)

const (
	// statusTimeout bounds all that a status asks of the cluster.
	statusTimeout = 2 * time.Second
	// memberTimeout bounds what one member may take to tell about itself: one
	// that has lost its power must not keep a reader waiting.
	memberTimeout = 700 * time.Millisecond
)

// answer is what the cluster said when it was asked: the member list by a
// linearizable read, and each member about itself.
type answer struct {
	quorum bool
	list   etcd.MemberList
	each   []*etcd.Status // by the order of the list; nil where a member did not answer
}

// status asks the cluster now and joins what it says with the present view.
func (a *Agent) status(ctx context.Context, v *view) Status {
	said := v.ask(ctx)
	// Asking may have taken seconds, in which this board has gone on.
	v = a.view.Load()
	out := Status{Board: v.board(), Fleet: v.fleet(), Cluster: v.cluster(), Boards: v.boards()}
	out.Cluster.Quorum = &said.quorum
	if !said.quorum {
		return out
	}
	out.Cluster.ID, out.Cluster.Founded = &said.list.ClusterID, true
	leader := said.newest(&out.Cluster)
	out.Members = make([]MemberStatus, len(said.list.Members))
	for i, m := range said.list.Members {
		out.Members[i] = v.member(m, said.each[i], leader)
		if m.ID == leader {
			out.Cluster.Leader = &said.list.Members[i].Name
		}
	}
	return out
}

func (v *view) ask(ctx context.Context) answer {
	if len(v.target.endpoints) == 0 {
		return answer{}
	}
	t := v.target
	c, err := etcd.Dial(etcd.ClientConfig{Endpoints: t.endpoints, CA: t.files.CA, Cert: t.files.Cert, Key: t.files.Key, RequestTimeout: statusTimeout})
	if err != nil {
		return answer{}
	}
	defer c.Close()
	list, err := c.Members(ctx)
	if err != nil || list.ClusterID != t.cluster {
		return answer{}
	}
	return answer{quorum: true, list: list, each: askEach(ctx, c, list.Members)}
}

// askEach asks every member about itself, all at once.
func askEach(ctx context.Context, c *etcd.Client, list []etcd.Member) []*etcd.Status {
	ctx, cancel := context.WithTimeout(ctx, memberTimeout)
	defer cancel()
	each := make([]*etcd.Status, len(list))
	var asking sync.WaitGroup
	for i, m := range list {
		if len(m.ClientURLs) == 0 {
			continue
		}
		asking.Go(func() {
			if s, err := c.Status(ctx, m.ClientURLs[0]); err == nil {
				each[i] = &s
			}
		})
	}
	asking.Wait()
	return each
}

// newest fills in term and revision, and returns the leader's ID: the answer of
// the highest term knows the present one.
func (a answer) newest(c *ClusterStatus) (leader string) {
	for _, s := range a.each {
		if s == nil {
			continue
		}
		if c.RaftTerm == nil || s.Term > *c.RaftTerm || s.Term == *c.RaftTerm && leader == "" {
			c.RaftTerm, leader = &s.Term, s.Leader
		}
		if c.Revision == nil || s.Revision > *c.Revision {
			c.Revision = &s.Revision
		}
	}
	return leader
}

// member joins one row of the list with what the member says and with its
// board. A member that does not answer in time is not healthy.
func (v *view) member(m etcd.Member, said *etcd.Status, leader string) MemberStatus {
	healthy := said != nil && len(said.Errors) == 0 && said.Leader != ""
	row := MemberStatus{ID: m.ID, Name: m.Name, PeerURLs: m.PeerURLs, ClientURLs: orEmpty(m.ClientURLs), Learner: m.Learner,
		Started: m.Started, Healthy: &healthy, Board: v.boardOf(m)}
	if said != nil {
		row.DBSize = &said.DBSize
	}
	if leader != "" {
		leads := m.ID == leader
		row.Leader = &leads
	}
	return row
}
