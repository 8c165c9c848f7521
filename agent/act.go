package agent

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"time"

	"golang.org/x/sys/unix"

	"muster/bootstrap"
	"muster/bootstrap/etcd"
	"muster/discovery"
)

// act carries out one action and brings what follows from the present state in
// line: the card, the targets of watch and endpoint, what the founding machine
// refuses. Each effect is idempotent; what failed is seen, and decided on,
// again.
func (a *Agent) act(ctx context.Context, act bootstrap.Action) {
	err := a.remember()
	if a.fleet == nil {
		a.failed(act, err)
		return
	}
	f := a.fleet
	f.agree.setRefusal(a.refusal())
	if f.gossip != nil {
		f.gossip.SetCard(a.card())
		f.agree.tell(f.gossip, a.state.Now, f.gossip.Peers())
	}
	f.aim(a)
	err = errors.Join(err, f.keepCertified(a))
	switch act.Do {
	case bootstrap.Wait, bootstrap.Hold:
	case bootstrap.Propose:
		if f.gossip != nil {
			f.agree.propose(f.gossip, act.Boards)
			a.patience = rand.N(time.Second)
		}
	case bootstrap.Start:
		if err == nil {
			err = a.start(ctx, act)
		}
	}
	a.failed(act, err)
}

// failed logs what could not be done, once until it fails in another way or
// works.
func (a *Agent) failed(act bootstrap.Action, err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text != "" && text != a.failure {
		a.log.Error().Err(err).Str("state", string(act.Why)).Str("do", string(act.Do)).Msg("could not be done; it is tried again")
	}
	a.failure = text
}

// remember writes down what this board must not forget, as soon as it is known:
// which fleet it is of, and that a member of this life was started. A log that
// is seen proves it, whether or not etcd runs now: its member may have voted.
// What could not be written is written the next time.
func (a *Agent) remember() error {
	next := a.board
	logged := a.disk.State == bootstrap.DiskMember || a.disk.State == bootstrap.DiskDamaged && !a.disk.Unlogged
	if logged && a.disk.Owner != bootstrap.MatchOther {
		next.Born, next.Intent = true, bootstrap.Intent{}
	}
	known := a.fleet != nil && (a.state.Plan != nil || next.Born)
	if next.Born == a.board.Born && next.Intent == a.board.Intent && (a.board.Fleet != nil || !known) {
		return nil
	}
	return a.bind(next)
}

// bind writes board.json, with the fleet in it if there is a profile.
func (a *Agent) bind(next boardRecord) error {
	if a.fleet != nil {
		fleet := a.fleet.profile.Fleet()
		next.Fleet = &fleet
	}
	if err := a.store.write("board.json", next); err != nil {
		return err
	}
	a.board = next
	return nil
}

// refusal is why this board takes no part in founding; "" if it may.
func (a *Agent) refusal() string {
	s := a.state
	switch {
	case s.Want.Never:
		return "its profile says founding: never"
	case s.Disk.State != bootstrap.DiskEmpty:
		return "its data directory is not empty"
	case s.Disk.Born || s.Disk.Intent.Do != "":
		return "a member of it was started before"
	case s.Disk.Hardware != bootstrap.MatchSame:
		return "its identity may have been made on other hardware"
	case s.Shadow != "":
		return "another living board has its board ID"
	case len(s.Peers)+1 > a.fleet.agree.machine.Terms().Limit():
		return fmt.Sprintf("it sees %d boards, and `boards: %d` allows %d at founding", len(s.Peers)+1, s.Want.Boards, a.fleet.agree.machine.Terms().Limit())
	}
	return ""
}

// start launches the etcd child. What must survive a kill is on disk before:
// the fleet, the intent, and whose data directory it is.
func (a *Agent) start(ctx context.Context, act bootstrap.Action) error {
	f := a.fleet
	if err := f.certify(a); err != nil {
		return err
	}
	c := etcd.Config{
		Name: a.memberName(), Dir: a.store.path("etcd"), PeerURL: f.peerURL(), ClientURL: f.clientURL(),
		CA: f.files.CA, Cert: f.files.Cert, Key: f.files.Key, QuotaBytes: f.profile.Etcd.Quota,
		Heartbeat: f.profile.Etcd.Heartbeat, Election: f.profile.Etcd.Election,
		WantMember: a.disk.Member, WantCluster: a.disk.Cluster, MemoryLimit: childMemory(),
	}
	if act.Plan == nil {
		a.runner.start(ctx, c, "")
		return nil
	}
	id, _ := act.Plan.MemberID(a.board.ID)
	c.InitialCluster, c.Token, c.State = act.Plan.InitialCluster(), act.Plan.Token, "new"
	c.WantMember, c.WantCluster = bootstrap.FormatID(id), bootstrap.FormatID(act.Plan.ClusterID())
	if err := a.begin(act); err != nil {
		return err
	}
	a.log.Info().Str("member_id", c.WantMember).Str("cluster_id", c.WantCluster).Str("token", c.Token).
		Str("initial_cluster", c.InitialCluster).Msg("founding")
	barrier := ""
	if first := act.Plan.First(); first.Board != a.board.ID {
		barrier = first.PeerURL
	}
	a.runner.start(ctx, c, barrier)
	return nil
}

// childMemory is the soft limit of the child's heap in bytes: a quarter of the
// board's memory, and no less than a cluster with a full history of small keys
// needs. The mapped database does not count. 0 if the memory is not known.
func childMemory() int64 {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 0
	}
	return max(128<<20, int64(uint64(info.Totalram)*uint64(info.Unit)/4))
}

// begin writes down that this board founds from the plan, before it does.
func (a *Agent) begin(act bootstrap.Action) error {
	next := a.board
	next.Intent = bootstrap.Intent{Do: bootstrap.IntentFound, Plan: act.Plan.Digest()}
	if next.Intent != a.board.Intent {
		if err := a.bind(next); err != nil {
			return err
		}
	}
	if act.Clear {
		name, err := a.store.setAside("unborn-" + a.board.Life)
		if err != nil {
			return err
		}
		a.log.Warn().Str("archive", name).Msg("an unfinished data directory was set aside")
	}
	return a.store.claim(a.board)
}

// childNews takes a report of the child, and what is known of the disk from it.
func (a *Agent) childNews(n childReport) {
	started, ended := a.runner.note(time.Now(), n)
	if ended {
		a.inspect()
		return
	}
	if !started {
		return
	}
	a.disk = bootstrap.Disk{State: bootstrap.DiskMember, Cluster: n.event.ClusterID, Member: n.event.MemberID,
		PeerURL: a.runner.config.PeerURL, Hardware: a.disk.Hardware, Owner: a.store.ownerMatch(a.board)}
	if err := a.remember(); err != nil {
		a.log.Error().Err(err).Msg("that a member was started is not on disk yet; it is tried again")
	}
}

// memberName is the name in etcd: the plan's for a founder.
func (a *Agent) memberName() string {
	if p := a.state.Plan; p != nil {
		if me, ok := p.Founder(a.board.ID); ok {
			return me.Name
		}
	}
	return names(a.state)[a.board.ID]
}

// card is what this board tells about itself.
func (a *Agent) card() discovery.Card {
	f, s := a.fleet, a.state
	c := discovery.Card{Board: a.board.ID, Life: a.board.Life, Name: a.host, Seq: a.board.Seq, Role: role(s), State: string(s.Row),
		Cluster: a.disk.Cluster, Member: a.disk.Member, Data: a.disk.State == bootstrap.DiskMember || a.disk.State == bootstrap.DiskDamaged,
		PeerURL: f.peerURL(), ClientURL: f.clientURL(), Healthy: a.healthy(), Boards: f.profile.Boards, Voters: f.profile.Voters,
		Version: a.config.Version}
	if s.Plan != nil {
		c.Plan = s.Plan.Digest()
	}
	return c
}

// healthy says that clients can use this board's member.
func (a *Agent) healthy() bool {
	e := a.state.Etcd
	return e.Proc == bootstrap.ProcRunning && e.Quorum == bootstrap.QuorumHeld && !e.Learner
}

// cluster is the ID of the cluster that this board is of: the plan's, else the
// one of its data; "" while it knows neither.
func (a *Agent) cluster() string {
	if p := a.state.Plan; p != nil {
		return bootstrap.FormatID(p.ClusterID())
	}
	return a.disk.Cluster
}

// aim points the watch and the local endpoint at the members that answer, of
// this board's own cluster and no other: an old card with the fleet's secret
// may serve another one, and would take the clients' writes.
func (f *fleet) aim(a *Agent) {
	t := target{files: f.files, cluster: a.cluster()}
	if a.runner.proc == bootstrap.ProcRunning && a.runner.ready && a.disk.Cluster == t.cluster {
		t.local = a.runner.config.ClientURL
		t.endpoints = append(t.endpoints, t.local)
	}
	own, others := "", []string(nil)
	if a.healthy() && t.local != "" {
		own = host(t.local)
	}
	if f.gossip != nil {
		for _, p := range f.gossip.Peers() {
			if p.Alive && p.Healthy && p.ClientURL != "" && p.Cluster != "" && p.Cluster == t.cluster {
				t.endpoints = append(t.endpoints, p.ClientURL)
				others = append(others, host(p.ClientURL))
			}
		}
	}
	f.watch.aim(t)
	if f.endpoint != nil {
		f.endpoint.aim(own, others)
	}
}

func host(clientURL string) string {
	u, err := url.Parse(clientURL)
	if err != nil {
		return ""
	}
	return net.JoinHostPort(u.Hostname(), u.Port())
}
