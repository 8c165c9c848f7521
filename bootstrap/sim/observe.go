package sim

import (
	"cmp"
	"slices"
	"time"

	"muster/bootstrap"
)

// replaceAfter is short, so that runs are.
const replaceAfter = 40 * time.Second

// look reads the data directory, as an agent does while its etcd is stopped.
func (a *agent) look() {
	b, d := a.b, a.b.disk
	a.looked, a.blind = a.w.now, b.unreadable
	f := bootstrap.Disk{Hardware: match(d.hardware == b.hardware)}
	switch x := d.dir; {
	case b.unreadable && a.w.plant.unknownEmpty:
		f.State = bootstrap.DiskEmpty
	case b.unreadable:
		f.State, f.Why = bootstrap.DiskUnknown, "input/output error"
	case x.empty():
		f.State = bootstrap.DiskEmpty
	case x.damage != "":
		f.State, f.Why, f.Unlogged = bootstrap.DiskDamaged, x.damage, !x.logged
	case x.unborn:
		f.State = bootstrap.DiskUnborn
	default:
		f.State, f.Cluster, f.Member, f.Log = bootstrap.DiskMember, x.cluster, x.member, x.mark()
		f.Members = members(x.db.members)
		if m, ok := x.db.find(x.member); ok {
			f.PeerURL = m.url
		}
	}
	if x := d.dir; x != nil && x.board != "" && !b.unreadable {
		f.Owner = a.owner(x)
	}
	a.facts = f
}

// owner says whether data was made by this board in this life.
func (a *agent) owner(x *dir) bootstrap.Match {
	if x.unowned {
		return bootstrap.MatchUnknown
	}
	return match(x.board == a.b.disk.id && x.life == a.b.disk.life)
}

func match(same bool) bootstrap.Match {
	if same {
		return bootstrap.MatchSame
	}
	return bootstrap.MatchOther
}

func members(list []member) []bootstrap.Member {
	var out []bootstrap.Member
	for _, m := range list {
		out = append(out, bootstrap.Member{ID: m.id, Name: m.name, PeerURL: m.url, Learner: m.learner, Started: m.started})
	}
	return out
}

// observe gathers what the agent knows.
func (a *agent) observe() bootstrap.Observation {
	b, d, w := a.b, a.b.disk, a.w
	if a.server == nil && (a.facts.State == bootstrap.DiskUnknown || w.now-a.looked >= 10*time.Second) {
		a.look()
	}
	a.remember()
	a.machine.SetSelf(a.founder())
	o := bootstrap.Observation{
		Now: w.time(), Failed: a.failed, Order: a.order, Seat: a.seat, Renewal: a.renewal, Turn: a.turnOf, Pacing: a.pacing(),
		Want: bootstrap.Want{Cluster: "lab", Boards: w.profileBoards(), Voters: b.voters(), Never: b.never, ReplaceAfter: replaceAfter},
		Self: bootstrap.Self{ID: d.id, Life: d.life, Name: b.name(), Address: b.host, PeerURL: b.peerURL(), Patience: a.patience},
		Disk: a.facts, Etcd: a.etcd(), Cluster: a.cluster,
	}
	if b.bare {
		o.Want = bootstrap.Want{}
		if b.spoilt {
			o.Want.Problem = "profile.yaml:3: boards: want a number"
		}
	}
	if a.unsure = b.unsure; a.unsure {
		o.Disk.Hardware = bootstrap.MatchUnknown
	}
	if r := a.rival; r != nil && o.Cluster.ID == bootstrap.FormatID(r.ClusterID()) {
		o.Other, o.Cluster = o.Cluster, bootstrap.Cluster{}
	}
	o.Disk.Born, o.Disk.Readdressed, o.Disk.Doubted, o.Disk.Intent = d.born, d.readdressed, d.doubted, d.intent
	o.Plan, o.Founding = a.plan, a.founding()
	for _, v := range a.peers {
		p := v.Peer
		p.Doubled = p.Alive && a.doubled(p.ID)
		o.Peers = append(o.Peers, p)
	}
	slices.SortFunc(o.Peers, func(x, y bootstrap.Peer) int { return cmp.Compare(x.ID, y.ID) })
	o.Shadow = a.shadow()
	a.learn(&o)
	if a.order == bootstrap.OrderLeave && d.intent.Do != "" {
		a.order = ""
	}
	return o
}

// remember writes down what must not be forgotten: that a log was seen.
func (a *agent) remember() {
	d := a.b.disk
	f := a.facts
	logged := f.State == bootstrap.DiskMember || f.State == bootstrap.DiskDamaged && !f.Unlogged
	if !logged || f.Owner != bootstrap.MatchSame || f.Hardware != bootstrap.MatchSame {
		return
	}
	d.born, d.doubted = true, d.doubted || bootstrap.Differs(a.state)
	if d.intent.Do == bootstrap.IntentFound || d.intent.Do == bootstrap.IntentJoin {
		d.intent = bootstrap.Intent{}
	}
}

func (a *agent) founding() bootstrap.Founding {
	s := a.machine.Status()
	f := bootstrap.Founding{Rival: a.rival, Proposing: !s.Ballot.IsZero(), Promises: s.Promises, Accepts: s.Accepts, Forgot: s.Forgot}
	if !s.Promised.IsZero() {
		f.Promised, f.Own = s.Promised.String(), s.Promised.Board == a.gossipID()
	}
	return f
}

// shadow is where another living board shows this board's ID.
func (a *agent) shadow() string {
	for _, o := range a.w.boards {
		if o != a.b && o.agent != nil && o.agent.gossipID() == a.gossipID() && a.w.visible(a.b, o) {
			return o.host
		}
	}
	return ""
}

// doubled says that two living boards in sight show an ID, in different lives.
func (a *agent) doubled(id string) bool {
	life := ""
	for _, o := range a.w.boards {
		if o == a.b || o.agent == nil || o.agent.gossipID() != id || !a.w.visible(a.b, o) || a.w.now-o.agent.bootedAt < 2*time.Second {
			continue
		}
		if life != "" && life != o.disk.life {
			return true
		}
		life = o.disk.life
	}
	return false
}

// clusterOf is the cluster that this board is of: the plan's, else its data's.
// Where that one is deserted it asks the other.
func (a *agent) clusterOf() string {
	if bootstrap.Deserted(a.state) {
		return bootstrap.FormatID(a.state.Founding.Rival.ClusterID())
	}
	if a.fleets != "" {
		return a.fleets
	}
	return a.facts.Cluster
}

func (a *agent) healthy() bool {
	e := a.state.Etcd
	return e.Proc == bootstrap.ProcRunning && e.Quorum == bootstrap.QuorumHeld && !e.Learner
}
