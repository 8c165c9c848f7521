package agent

import (
	"context"
	"strings"

	"muster/bootstrap"
	"muster/bootstrap/etcd"
)

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
		WantMember: a.disk.Member, WantCluster: a.disk.Cluster, HoldAddresses: a.board.Readdressed, BoardMemory: a.memory,
	}
	_, c.MemoryLimit = memoryShares(a.memory)
	c.Heartbeat, c.Election = a.periods(act.Plan)
	switch {
	case act.Target != "":
		return a.startInSeat(ctx, act, c)
	case act.Plan == nil:
		a.log.Info().Str("state", string(act.Why)).Str("member_id", c.WantMember).Str("peer_url", c.PeerURL).Msg("etcd is started from its data")
		a.watched = a.board.Life
		a.runner.start(ctx, c, "")
		return nil
	}
	id, _ := act.Plan.MemberID(a.board.ID)
	c.InitialCluster, c.Token, c.State = act.Plan.InitialCluster(), act.Plan.Token, "new"
	if me, _ := act.Plan.Founder(a.board.ID); me.PeerURL != c.PeerURL {
		// It moved since the plan was made. The quorum is told once there is one.
		c.PeerURL, c.ListenPeerURL = me.PeerURL, c.PeerURL
	}
	c.WantMember, c.WantCluster = bootstrap.FormatID(id), bootstrap.FormatID(act.Plan.ClusterID())
	if err := a.begin(act, bootstrap.Intent{Do: bootstrap.IntentFound, Plan: act.Plan.Digest()}); err != nil {
		return err
	}
	a.log.Info().Str("member_id", c.WantMember).Str("cluster_id", c.WantCluster).Str("token", c.Token).
		Str("initial_cluster", c.InitialCluster).Msg("founding")
	barrier := ""
	if first := act.Plan.First(); first.Board != a.board.ID {
		barrier = first.PeerURL
	}
	a.watched = a.board.Life
	a.runner.start(ctx, c, barrier)
	return nil
}

// startInSeat starts etcd as the learner that the steward added for this life of
// this board. etcd wants exactly the members that are listed, and compares their
// peer URLs; all names but the own one are only for reading.
func (a *Agent) startInSeat(ctx context.Context, act bootstrap.Action, c etcd.Config) error {
	c.WantMember, c.WantCluster, c.State = act.Target, a.cluster(), "existing"
	parts := make([]string, len(act.Members))
	for i, m := range act.Members {
		name := m.ID
		if m.ID == act.Target {
			name = c.Name
		}
		parts[i] = name + "=" + m.PeerURL
	}
	c.InitialCluster = strings.Join(parts, ",")
	if err := a.begin(act, bootstrap.Intent{Do: bootstrap.IntentJoin, Member: act.Target}); err != nil {
		return err
	}
	a.log.Info().Str("state", string(act.Why)).Str("member_id", c.WantMember).Str("cluster_id", c.WantCluster).
		Str("initial_cluster", c.InitialCluster).Msg("joining as a learner")
	a.disk.Members, a.watched = act.Members, a.board.Life
	a.runner.start(ctx, c, "")
	return nil
}

// begin writes down what this board starts for the first time, before it does.
func (a *Agent) begin(act bootstrap.Action, in bootstrap.Intent) error {
	if in != a.board.Intent {
		next := a.board
		next.Intent = in
		if err := a.bind(next); err != nil {
			return err
		}
	}
	if act.Clear {
		name, err := a.store.clearUnfinished(a.board)
		if err != nil {
			return err
		}
		a.log.Warn().Str("archive", name).Msg("an unfinished data directory was set aside")
	}
	return a.store.claim(a.board)
}
