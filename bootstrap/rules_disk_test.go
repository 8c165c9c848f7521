package bootstrap

import (
	"slices"
	"time"
)

// leftover says that the files here are of a first start of this very board
// that never got as far as a log.
func (j *judge) leftover() bool {
	d := j.s.Disk
	begun := d.Intent.Do == IntentFound || d.Intent.Do == IntentJoin
	return begun && !d.Born && (d.State == DiskUnborn || d.State == DiskDamaged && d.Unlogged)
}

// start holds a start of etcd to the rules.
func (j *judge) start() {
	s, a := j.s, j.a
	j.rule(s.Disk.Hardware == MatchSame && s.Shadow == "", "nothing starts on other hardware, or beside another board with its own ID")
	j.rule(!a.Clear || j.leftover(), "only what is left of our own unfinished start is cleared away")
	j.rule(a.Plan == nil || a.Target == "", "a start is from a plan or into a seat")
	j.rule(!slices.Contains([]string{IntentSetAside, IntentLeft, IntentYield}, s.Disk.Intent.Do), "what is given up is not started")
	if a.Plan == nil && a.Target == "" {
		j.restart()
		return
	}
	j.rule(!s.Disk.Born, "a member ID never starts twice with an empty log")
	j.rule(s.Disk.State == DiskEmpty || j.leftover() && a.Clear, "a first start needs an empty directory, or our own unfinished start")
	if a.Plan != nil {
		j.found()
	} else {
		j.join()
	}
}

// found holds a first start from a plan to the rules.
func (j *judge) found() {
	s, a := j.s, j.a
	j.rule(s.Plan != nil && a.Plan == s.Plan && s.Founding.Rival == nil, "founding rests on the only chosen plan")
	f, named := a.Plan.Founder(s.Self.ID)
	j.rule(named && f.Life == s.Self.Life, "only a founder in the life that was named founds")
	j.rule(s.Disk.Intent.Do == "" || s.Disk.Intent.Do == IntentFound && s.Disk.Intent.Plan == a.Plan.Digest(), "what was begun from a plan is made again from the same plan")
	for _, p := range s.Peers {
		j.rule(!p.Alive || p.Cluster == "" || p.Cluster == j.cluster(a.Plan), "nothing is founded beside data of another cluster")
	}
	if j.fresh() {
		id, _ := a.Plan.MemberID(s.Self.ID)
		m := j.member(FormatID(id))
		j.rule(m != nil, "a founder that the quorum removed does not found")
		j.rule(m == nil || !m.Started, "a member that the cluster has seen start does not start with an empty log")
	}
}

// join holds a first start into a seat to the rules.
func (j *judge) join() {
	s, a := j.s, j.a
	m := j.member(a.Target)
	j.rule(j.fresh() && m != nil && !m.Started && slices.Equal(a.Members, s.Cluster.Members), "a seat is taken only as the quorum lists it now, not yet started")
	j.rule(m == nil || m.PeerURL == s.Self.PeerURL, "a seat is taken only where it is listed")
	begun := s.Disk.Intent.Do == IntentJoin
	given := slices.ContainsFunc(s.Peers, func(p Peer) bool {
		return p.Alive && p.Seat.Member == a.Target && p.Seat.Life == s.Self.Life && p.Seat.Life != ""
	})
	j.rule(begun && s.Disk.Intent.Member == a.Target || s.Disk.Intent.Do == "" && given, "a seat is taken only by whom it was given to, in the life it was given to")
}

// restart holds a start from data to the rules.
func (j *judge) restart() {
	s := j.s
	d := s.Disk
	j.rule(d.State == DiskMember && d.Owner == MatchSame, "data starts only where it is, for the board and life that made it")
	j.rule(s.Plan == nil || j.cluster(s.Plan) == d.Cluster, "data of another cluster than the fleet's is not started")
	j.rule(s.Order != OrderYield, "data that its owner gives up is not started")
	if j.fresh() {
		j.rule(d.Member != "" && (s.Cluster.ID == d.Cluster && j.member(d.Member) != nil), "a member that the quorum does not list is not started")
	}
	works, ask := false, !j.fresh() && s.Now.Sub(s.Here) < 10*time.Second
	for _, p := range s.Peers {
		other := p.Alive && p.Cluster != "" && p.Cluster != d.Cluster
		j.rule(!other || s.Plan != nil, "data is not started beside other data while no plan says which is the fleet's")
		works = works || p.Alive && p.Healthy && p.Cluster == d.Cluster
	}
	alone := len(d.Members) == 1 && d.Members[0].ID == d.Member
	j.rule(!works || !ask || alone, "while the quorum works it is asked before a member starts")
	unasked := s.Etcd.Fault == FaultRemoved && !(j.fresh() && s.Cluster.AsOf.After(s.Etcd.Ended))
	j.rule(!unasked || s.Now.Sub(s.Etcd.Ended) >= time.Minute, "a member that says that it was removed is not started before the quorum was asked")
}

// wanted says that the owner, or what was begun, gives up what is on the disk.
func (j *judge) wanted() bool {
	s, d := j.s, j.s.Disk
	nothing := d.State == DiskEmpty || d.State == DiskUnborn
	switch {
	case s.Order == OrderYield, d.Intent.Do == IntentSetAside:
		return true
	case d.Intent.Do == IntentLeave:
		return nothing || j.fresh() && (d.State == DiskDamaged && j.ofOthers() || j.gone())
	case d.Intent.Do == IntentYield:
		return d.State != DiskMember || d.Cluster == d.Intent.Cluster
	}
	return false
}

// useless says that nothing here can be of use, or that a live quorum has said so.
func (j *judge) useless() bool {
	s, d := j.s, j.s.Disk
	nothing := !d.Born && (d.State == DiskEmpty || d.State == DiskUnborn)
	broken := d.State == DiskDamaged || d.Born && d.State != DiskMember || s.Etcd.Fault == FaultDamaged || s.Etcd.Fault == FaultDiverged
	switch {
	case nothing && d.Hardware == MatchOther, j.deserted():
		return true
	case j.forgot(), j.behind() != nil && j.fresh() && j.ofOthers():
		return true
	case !j.fresh():
		return false
	case d.Hardware == MatchOther || d.Owner == MatchOther && d.State != DiskEmpty || broken:
		return j.ofOthers() || d.State == DiskMember && j.gone() || j.leftover() && j.seatGone()
	case d.State == DiskMember:
		return j.gone()
	}
	return (d.State == DiskEmpty || j.leftover()) && j.seatGone()
}

// deserted says that the data here is of the plan's cluster, most of whose founders
// live on with other disks, and that a quorum of the other plan's cluster, to which
// users have written, has just answered; this board's own has not.
func (j *judge) deserted() bool {
	s := j.s
	if s.Plan == nil || s.Founding.Rival == nil || s.Disk.State != DiskMember || s.Disk.Cluster != j.cluster(s.Plan) || j.fresh() || s.Etcd.Quorum == QuorumHeld && s.Etcd.Proc == ProcRunning {
		return false
	}
	theirs, keys, gone := j.cluster(s.Founding.Rival), false, 0
	for _, p := range s.Peers {
		if p.Alive && p.Cluster == s.Disk.Cluster {
			return false
		}
		keys = keys || p.Alive && p.Healthy && p.Cluster == theirs && p.Keys == KeysSome
		f, founder := s.Plan.Founder(p.ID)
		if founder && p.Alive && p.Life != "" && p.Life != f.Life {
			gone++
		}
	}
	if f, founder := s.Plan.Founder(s.Self.ID); founder && f.Life != s.Self.Life {
		gone++
	}
	said := !s.Other.AsOf.IsZero() && s.Now.Sub(s.Other.AsOf) <= 15*time.Second && s.Other.ID == theirs && len(s.Other.Members) > 0
	return said && keys && len(s.Plan.Founders)-gone <= len(s.Plan.Founders)/2
}

// ofOthers says that the quorum that answered did not consist of this board: its
// child had ended before.
func (j *judge) ofOthers() bool {
	e := j.s.Etcd
	return j.a.Do == Stop || e.Ended.IsZero() || j.s.Cluster.AsOf.After(e.Ended)
}

// gone says that the quorum does not list the member whose data is here, or is
// of another cluster, which is then the fleet's.
func (j *judge) gone() bool {
	s, d := j.s, j.s.Disk
	if s.Cluster.ID != d.Cluster {
		return d.Cluster != ""
	}
	return d.Member != "" && j.member(d.Member) == nil
}

// seatGone says that the place for which this board has not started yet is not
// there to be taken any more.
func (j *judge) seatGone() bool {
	s := j.s
	id := s.Disk.Intent.Member
	if s.Disk.Intent.Do != IntentJoin {
		if s.Plan == nil {
			return false
		}
		if f, named := s.Plan.Founder(s.Self.ID); !named || f.Life != s.Self.Life {
			return s.Disk.Intent.Do == IntentFound
		}
		n, _ := s.Plan.MemberID(s.Self.ID)
		id = FormatID(n)
	}
	m := j.member(id)
	elsewhere := m != nil && s.Disk.Intent.Do == IntentJoin && s.Self.PeerURL != "" && m.PeerURL != s.Self.PeerURL
	return m == nil || m.Started || elsewhere
}

// setAside holds the giving up of a data directory, and of a life, to rule 3.
func (j *judge) setAside() {
	s, a := j.s, j.a
	j.proof()
	j.rule(j.wanted() || j.useless(), "nothing is set aside but by order, as it was begun, or where a live quorum of others does not need it")
	j.rule(!a.Copied || s.Disk.Hardware == MatchOther, "only a copy takes another identity")
	j.rule(a.Copied || s.Disk.Hardware != MatchOther || s.Disk.Intent.Do == IntentSetAside, "a copy does not keep the identity of another board")
	j.rule(a.Copied || a.Leaves == (s.Disk.Intent.Do == IntentLeave || s.Disk.Intent.Do == IntentLeft), "a board takes no seat any more if, and only if, it was asked to leave")
	j.rule(a.Plan == nil || a.Plan == s.Founding.Rival && (s.Disk.Intent.Do == IntentYield || s.Order == OrderYield || j.deserted()), "a plan is given up only with the cluster that gives way")
	rivals := s.Disk.State == DiskMember && j.cluster(s.Plan) == s.Disk.Cluster && s.Founding.Rival != nil && j.atWork() != nil
	ordered := s.Order == OrderYield && s.Disk.Intent.Do == "" && !j.useless()
	j.rule(!ordered || !rivals || a.Plan == s.Founding.Rival, "who gives up a cluster for another one at work takes the plan of that one")
}

// readdress holds the rewriting of a database to the rules.
func (j *judge) readdress() {
	s, d := j.s, j.s.Disk
	j.rule(d.State == DiskMember && d.Owner == MatchSame && s.Shadow == "", "only the data of this board is rewritten")
	j.rule(s.Plan == nil || j.cluster(s.Plan) == d.Cluster, "data of another cluster than the fleet's is not rewritten")
	others := 0
	for id, url := range j.a.URLs {
		stored := slices.ContainsFunc(d.Members, func(m Member) bool { return m.ID == id })
		j.rule(stored, "no member is rewritten that the database does not list")
		if id == d.Member {
			j.rule(url == s.Self.PeerURL, "this board's member is where this board is")
			continue
		}
		others++
		if j.withoutThis() {
			m := j.member(id)
			j.rule(url != "" && m != nil && m.PeerURL == url, "while a quorum answers without this board it alone says where members are")
			continue
		}
		p := j.card(id)
		j.rule(url != "" && p != nil && p.PeerURL == url, "a member is rewritten only to where a living board says that it runs it")
	}
	j.rule(others > 0, "a database is rewritten only if another member moved")
}

// promises holds what is written down to the rules.
func (j *judge) promises() {
	s, a := j.s, j.a
	if a.Do == Adopt {
		j.adopt()
		return
	}
	j.rule(s.Disk.Intent.Do != IntentSetAside && s.Disk.Intent.Do != IntentLeft, "what was begun is not forgotten for a pledge")
	switch a.Intent.Do {
	case IntentLeave:
		j.rule(s.Order == OrderLeave, "a board leaves only by order")
	case IntentYield:
		j.rule(a.Intent.Cluster == s.Disk.Cluster && a.Intent.Cluster != "", "a board gives way only for its own cluster")
		j.rule(s.Cluster.Fenced, "a cluster gives way only behind a fence")
		j.givesWay()
	default:
		j.rule(false, "only to leave and to give way is pledged")
	}
}

// givesWay holds the first step out of a second cluster to the rules.
func (j *judge) givesWay() {
	s, p := j.s, j.atWork()
	j.rule(p != nil && s.Now.Sub(s.Rivaled) >= 5*time.Second && !s.Rivaled.IsZero(), "a cluster gives way only to another one at work, seen for a while")
	j.rule(j.fresh() && s.Cluster.ID == s.Disk.Cluster && s.Cluster.Keys == KeysNone, "a cluster gives way only if its quorum says that it has no keys")
	j.rule(p == nil || p.Keys == KeysSome || p.Keys == KeysNone && s.Disk.Cluster > p.Cluster, "of two clusters the one that has keys stays, of two without the lower ID")
	j.rule(s.Plan == nil || s.Founding.Rival != nil, "a cluster gives way only with a plan to go to")
}

// adopt holds the change of a plan to the rules.
func (j *judge) adopt() {
	s, a := j.s, j.a
	j.rule(s.Plan != nil && a.Plan != nil && a.Plan == s.Founding.Rival, "a plan is adopted only for another")
	j.rule(s.Disk.State == DiskEmpty && !s.Disk.Born && s.Disk.Intent.Do == "", "only a board without data takes another plan")
	j.rule(!j.fresh(), "no plan is given up while its quorum answers")
	theirs := false
	for _, p := range s.Peers {
		j.rule(!p.Alive || p.Cluster == "" || p.Cluster != j.cluster(s.Plan), "no plan is given up while its data is seen")
		theirs = theirs || p.Alive && p.Healthy && p.Cluster == j.cluster(a.Plan)
	}
	gone := 0
	for _, f := range s.Plan.Founders {
		own := f.Board == s.Self.ID && f.Life != s.Self.Life
		if own || slices.ContainsFunc(s.Peers, func(p Peer) bool { return p.Alive && p.ID == f.Board && p.Life != "" && p.Life != f.Life }) {
			gone++
		}
	}
	j.rule(len(s.Plan.Founders)-gone <= len(s.Plan.Founders)/2, "no plan is given up while its founders may come back")
	j.rule(theirs && s.Now.Sub(s.Settled) >= 5*time.Second, "another plan is taken only if its cluster is at work, in a view that stands still")
}

// propose holds the only beginning of a cluster to the rules.
func (j *judge) propose() {
	s := j.s
	able, seen, data := 1, 1, false
	for _, p := range s.Peers {
		if p.Alive && !p.Never && p.Boards == s.Want.Boards && p.Voters == s.Want.Voters {
			able++
		}
		if !p.Never {
			seen++
		}
		data = data || p.Data
	}
	q := max(s.Want.Voters, s.Want.Boards/2+1)
	j.rule(s.Disk.State == DiskEmpty && !s.Disk.Born && s.Disk.Intent.Do == "", "only an empty board proposes")
	j.rule(s.Plan == nil && s.Shadow == "" && !s.Want.Never, "nobody proposes once a plan is chosen, beside its own ID, or against the profile")
	j.rule(able >= q, "a proposal needs a founding quorum of living boards with the same terms")
	j.rule(seen <= 2*q-1, "a fleet larger than 2Q-1 does not found")
	j.rule(!data, "nobody proposes while a board holds data")
}
