package bootstrap

import "slices"

// Learn adds what living boards say of the members they started, and drops nothing: a
// member of which nobody speaks any more may still be listed. news reports whether a
// member has another owner now, grown whether a log was shown to be further than before.
func Learn(owners []Owner, peers []Peer) (next []Owner, news, grown bool) {
	next = owners
	for _, p := range peers {
		if !p.Alive || !p.Data || p.Member == "" || p.Life == "" {
			continue
		}
		o := Owner{Member: p.Member, Board: p.ID, Life: p.Life, Log: p.Log}
		i := slices.IndexFunc(next, func(x Owner) bool { return x.Member == o.Member })
		if i < 0 {
			next, news = append(slices.Clone(next), o), true
			continue
		}
		was := next[i]
		o.Log = was.Log.Max(o.Log)
		if o == was {
			continue
		}
		news = news || o.Board != was.Board || o.Life != was.Life
		grown = grown || o.Log != was.Log
		next = slices.Clone(next)
		next[i] = o
	}
	return next, news, grown
}

// Forget drops the owners of members that a quorum does not list: an ID that was
// removed never comes back.
func Forget(owners []Owner, listed []Member) ([]Owner, bool) {
	kept := slices.DeleteFunc(slices.Clone(owners), func(o Owner) bool {
		return !slices.ContainsFunc(listed, func(m Member) bool { return m.ID == o.Member })
	})
	return kept, len(kept) != len(owners)
}

// ownerOf says which board started a member, in which life, or for whom it was
// added.
func ownerOf(s State, member string) (Owner, bool) {
	if s.Disk.Member == member && member != "" {
		return Owner{Member: member, Board: s.Self.ID, Life: s.Self.Life}, true
	}
	for _, o := range s.Owners {
		if o.Member == member {
			return o, true
		}
	}
	for _, p := range s.Peers {
		if p.Member == member && member != "" && p.Life != "" {
			return Owner{Member: member, Board: p.ID, Life: p.Life}, true
		}
	}
	if s.Seat.Member == member && member != "" {
		return Owner{Member: s.Seat.Member, Board: s.Seat.Board, Life: s.Seat.Life}, true
	}
	if s.Plan != nil {
		for _, f := range s.Plan.Founders {
			if id, _ := s.Plan.MemberID(f.Board); FormatID(id) == member {
				return Owner{Member: member, Board: f.Board, Life: f.Life}, true
			}
		}
	}
	return Owner{}, false
}

func boardOf(s State, member string) string {
	o, _ := ownerOf(s, member)
	return o.Board
}

// nameOf is what an owner calls a member: its own name, else its board's.
func nameOf(s State, m *Member) string {
	if m.Name != "" {
		return m.Name
	}
	if p := peerByID(s.Peers, boardOf(s, m.ID)); p != nil && p.Name != "" {
		return p.Name
	}
	return m.ID
}

func peerByID(peers []Peer, id string) *Peer {
	for i := range peers {
		if peers[i].ID == id {
			return &peers[i]
		}
	}
	return nil
}
