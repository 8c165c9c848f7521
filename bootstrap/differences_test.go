package bootstrap

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// agreeing is a voter and its peers with one profile, as cards tell of it.
func agreeing() State {
	s := voter()
	s.Want.Heartbeat, s.Want.GossipPort, s.Self.ClientURL = 0, 7946, "https://10.0.0.1:2379"
	for i := range s.Peers {
		p := &s.Peers[i]
		p.ReplaceAfter, p.GossipPort, p.ClientURL = 10*time.Minute, 7946, strings.Replace(p.PeerURL, "2380", "2379", 1)
	}
	return s
}

func TestDifferences(t *testing.T) {
	for _, tt := range []struct {
		name string
		edit edit
		want []string // a part of each sentence
	}{
		{"none", same, nil},
		{"voters", func(s *State) { s.Peers[0].Voters, s.Peers[2].Voters = 1, 1 },
			[]string{"the profiles differ: b and d have `voters: 1`, this board has `voters: 3`; until they agree no seat is given above 1 and none is taken below 3; give all"}},
		{"two values", func(s *State) { s.Peers[0].Voters, s.Peers[2].Voters = 1, 5 }, []string{"b has `voters: 1`, d has `voters: 5`, this board has `voters: 3`"}},
		{"a board without a profile has no say", func(s *State) { s.Peers[0] = with(peer("b", 2), func(p *Peer) { p.Voters, p.Boards = 0, 9 }) }, nil},
		{"nor one that is gone", func(s *State) { s.Peers[0].Voters, s.Peers[0].Alive = 1, false }, nil},
		{"boards", func(s *State) { s.Peers[0].Boards = 9 }, []string{"b has `boards: 9`, this board has `boards: 4`"}},
		{"replace_after", func(s *State) { s.Peers[0].ReplaceAfter = time.Hour }, []string{"b has `heal.replace_after: 1h0m0s`, this board has `heal.replace_after: 10m0s`"}},
		{"replace_after never", func(s *State) { s.Peers[0].ReplaceAfter = -time.Second }, []string{"b has `heal.replace_after: 0`"}},
		{"replace_after never here", func(s *State) { s.Want.ReplaceAfter = 0 }, []string{"b, c and d have `heal.replace_after: 10m0s`, this board has `heal.replace_after: 0`"}},
		{"a part of a second is not on a card", func(s *State) { s.Want.ReplaceAfter += time.Millisecond }, nil},
		{"heartbeat", func(s *State) { s.Peers[0].Heartbeat = 200 * time.Millisecond }, []string{"b has `etcd.heartbeat: 200ms`, this board has `etcd.heartbeat: auto`"}},
		{"a version that says no more than voters", func(s *State) {
			s.Want.Heartbeat = 200 * time.Millisecond
			for i := range s.Peers {
				s.Peers[i].ReplaceAfter = 0
			}
		}, nil},
		{"ports", func(s *State) { s.Peers[0].GossipPort, s.Peers[1].ClientURL = 7947, "https://10.0.0.3:3379" },
			[]string{"b has `discovery.gossip_port: 7947`, this board has `discovery.gossip_port: 7946`", "c has `etcd.client_port: 3379`, this board has `etcd.client_port: 2379`"}},
		{"tls and the peer port", func(s *State) { s.Peers[1].PeerURL = "http://10.0.0.3:3380" },
			[]string{"c has `etcd.peer_port: 3380`", "c has `etcd.tls: false`, this board has `etcd.tls: true`"}},
		{"boards of one name are told apart", func(s *State) { s.Peers[0].Voters, s.Peers[0].Name = 1, "a" }, []string{"a-b has `voters: 1`"}},
		{"many boards", func(s *State) {
			for n := byte(5); n < 9; n++ {
				s.Peers = append(s.Peers, with(peer(string('a'+n), n), func(p *Peer) { p.Voters = 1 }))
			}
			s.Peers[0].Voters = 1
		}, []string{"b, f, g and 2 others have `voters: 1`"}},
		{"no profile here", func(s *State) { s.Peers[0].Voters, s.Want = 1, Want{} }, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := agreeing()
			tt.edit(&s)
			s = Fold(State{}, s.Observation)
			if got := Differences(s); got != nil {
				t.Errorf("said at once: %q", got)
			}
			o := s.Observation
			o.Now = o.Now.Add(apart)
			got := Differences(Fold(s, o))
			if !slices.EqualFunc(got, tt.want, strings.Contains) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// TestFoldKeepsWhatIsAskedFor: the minute begins anew when another number is the
// highest, whoever asks for it.
func TestFoldKeepsWhatIsAskedFor(t *testing.T) {
	more := func(n int) edit {
		return func(s *State) { s.Peers = slices.Clone(s.Peers); s.Peers[2].Voters = n }
	}
	for _, tt := range []struct {
		name  string
		edits []edit
		want  Asks
	}{
		{"from the first look", []edit{same, same}, Asks{3, at(0)}},
		{"one asks for fewer", []edit{same, more(1)}, Asks{3, at(0)}},
		{"one asks for more", []edit{same, more(5), more(5)}, Asks{5, at(1)}},
		{"and then not any more", []edit{more(5), same, same}, Asks{3, at(1)}},
		{"who shows no profile asks for nothing", []edit{same, more(0)}, Asks{3, at(0)}},
	} {
		if got := then(voter(), tt.edits...).Asks; got != tt.want {
			t.Errorf("%s: %+v, want %+v", tt.name, got, tt.want)
		}
	}
}
