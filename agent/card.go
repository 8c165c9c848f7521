package agent

import (
	"time"

	"muster/bootstrap"
	"muster/discovery"
	"muster/profiles"
)

// card is what this board tells about itself.
func (a *Agent) card() discovery.Card {
	f, s := a.fleet, a.state
	c := discovery.Card{Board: a.gossipID(), Life: a.board.Life, Name: a.host, Seq: a.board.Seq, Role: bootstrap.Role(s), State: string(s.Row),
		PeerURL: f.peerURL(), ClientURL: f.clientURL(), Boards: f.profile.Boards, Voters: f.profile.Voters, Version: a.config.Version,
		Never: f.profile.Founding == profiles.FoundingNever, Renews: !bootstrap.Wish(s).Since.IsZero(), Sync: a.speed.onCard(),
		Mislists: bootstrap.Mislisted(s), Replace: replaceOnCard(f.profile.Heal.ReplaceAfter), Beat: int(f.profile.Etcd.Heartbeat.Milliseconds())}
	if s.Plan != nil {
		c.Plan = s.Plan.Digest()
	}
	if a.disk.Hardware == bootstrap.MatchOther {
		// Nothing of what the copied card says is this board's.
		return c
	}
	c.Twin = bootstrap.IsTwin(s)
	c.Cluster, c.Data = a.disk.Cluster, a.disk.State == bootstrap.DiskMember || a.disk.State == bootstrap.DiskDamaged
	c.Healthy, c.Keys, c.Alarms, c.AlarmOf = a.healthy(), int(s.Cluster.Keys), int(s.Etcd.Alarms), s.Etcd.AlarmOf
	// Never of a log that only lies here: what of it was not committed may yet be
	// overwritten, and others would take that for a loss.
	c.Log = discovery.Mark(a.runner.mark)
	c.Trip, c.Missed = s.Pacing.Own.Trip, discovery.Missed(bootstrap.Longest(s))
	if next := bootstrap.Unkept(s); next == 0 || next == a.board.Pace {
		// Others follow it, so it must not be forgotten by a restart.
		c.Pace = int(bootstrap.Steers(s))
	}
	offer := bootstrap.Offer(s)
	c.Seat = discovery.Seat{Member: offer.Member, Life: offer.Life}
	if a.disk.Owner == bootstrap.MatchSame && a.disk.State == bootstrap.DiskMember {
		c.Member = a.disk.Member
	}
	return c
}

// replaceOnCard is heal.replace_after in seconds, below zero for never.
func replaceOnCard(d time.Duration) int {
	if d == 0 {
		return -1
	}
	return max(int(d/time.Second), 1)
}

// gossipID is the ID under which this board gossips: a card that was made on
// other hardware must not speak in that board's name.
func (a *Agent) gossipID() string {
	if a.disk.Hardware == bootstrap.MatchOther && a.hardware.BoardID() != "" {
		return a.hardware.BoardID()
	}
	return a.board.ID
}

// healthy says that clients can use this board's member.
func (a *Agent) healthy() bool {
	e := a.state.Etcd
	return e.Proc == bootstrap.ProcRunning && e.Quorum == bootstrap.QuorumHeld && !e.Learner
}
