package bootstrap

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
)

// The profile is the same on all boards, but each board reads its own copy: while a
// change of it is on its way, or forgotten on a card in a drawer, copies differ. No
// single one of them decides what is taken from the fleet.

// apart is how long profiles differ before that is said: a new one reaches the boards
// one after the other.
const apart = 10 * time.Second

// Asks is the highest number of voters that a living board's profile asks for, and
// since when it is that. The zero value is not known.
type Asks struct {
	Most  int
	Since time.Time
}

// voterBounds are the lowest and the highest `voters` in the profiles of this board
// and of all living ones. A board that shows none has no say.
func voterBounds(s State) (low, high int) {
	low, high = s.Want.Voters, s.Want.Voters
	for _, p := range s.Peers {
		if p.Alive && p.Voters > 0 {
			low, high = min(low, p.Voters), max(high, p.Voters)
		}
	}
	return low, high
}

// fewest is what `voters` can bring the fleet down to. Fewer than three survive no
// death: down to there a board goes only by an order of its own, `agent leave`.
const fewest = 3

// lowered says that for a minute no profile has asked for more voters than the highest
// does now. The board of a voter that answers and whose card is not seen may ask for
// more.
func lowered(s State) bool {
	for _, m := range s.Cluster.Members {
		if m.ID == s.Disk.Member || m.Learner || !progress(s, m.ID).Active {
			continue
		}
		if !slices.ContainsFunc(s.Peers, func(p Peer) bool { return p.Alive && p.Member == m.ID && p.Voters > 0 }) {
			return false
		}
	}
	return lasts(s.Asks.Since, s.Now, steady)
}

// replaceAfter is the longest `replace_after` in the profiles of this board and of all
// living ones; 0: one of them says never.
func replaceAfter(s State) time.Duration {
	longest := s.Want.ReplaceAfter
	for _, p := range s.Peers {
		switch {
		case !p.Alive || p.Voters == 0 || longest == 0:
		case p.ReplaceAfter < 0:
			longest = 0
		default:
			longest = max(longest, p.ReplaceAfter)
		}
	}
	return longest
}

// watchProfiles notes how long the profiles say what they say.
func (s State) watchProfiles(prev State) State {
	if _, high := voterBounds(s); s.Asks.Most != high || s.Asks.Since.IsZero() {
		s.Asks = Asks{high, s.Now}
	}
	s.Apart = since(prev.Apart, s.Now, len(differences(s)) > 0)
	return s
}

// Differences tells, in sentences, which boards have other values in their profiles
// than this one where they must be the same in the whole fleet.
func Differences(s State) []string {
	if !lasts(s.Apart, s.Now, apart) {
		return nil
	}
	return differences(s)
}

// fleetwide is a value that has to be the same in all profiles.
type fleetwide struct {
	key  string
	own  string
	of   func(Peer) string // "": not known
	goes string            // what the fleet does meanwhile
}

func differences(s State) []string {
	if s.Want.Cluster == "" || s.Want.Voters < 1 {
		return nil
	}
	low, high := voterBounds(s)
	after := cmp.Or(s.Want.ReplaceAfter.Truncate(time.Second), -1)
	const own = "a board that starts alone looks for the others at its own"
	var told []string
	for _, v := range []fleetwide{
		{"voters", number(s.Want.Voters), func(p Peer) string { return number(p.Voters) },
			fmt.Sprintf("until they agree no seat is given above %d and none is taken below %d", low, max(high, fewest))},
		{"boards", number(s.Want.Boards), func(p Peer) string { return number(p.Boards) },
			"such boards do not found a cluster together"},
		{"heal.replace_after", lasting(after), func(p Peer) string { return lasting(p.ReplaceAfter) },
			"until they agree a dead voter keeps its seat for the longest of them"},
		{"etcd.heartbeat", beat(s.Want.Heartbeat), heartbeatOf, "etcd wants one pace in the whole fleet"},
		{"discovery.gossip_port", number(s.Want.GossipPort), func(p Peer) string { return number(p.GossipPort) }, own},
		{"etcd.peer_port", portOf(s.Self.PeerURL), func(p Peer) string { return portOf(p.PeerURL) }, own},
		{"etcd.client_port", portOf(s.Self.ClientURL), func(p Peer) string { return portOf(p.ClientURL) },
			"clients look for all members at one port"},
		{"etcd.tls", tlsOf(s.Self.PeerURL), func(p Peer) string { return tlsOf(p.PeerURL) },
			"members with and without it do not reach each other"},
	} {
		if text := v.differs(s); text != "" {
			told = append(told, text)
		}
	}
	return told
}

// differs says which living boards have which other values, or "".
func (v fleetwide) differs(s State) string {
	if v.own == "" {
		return ""
	}
	boards := map[string][]string{}
	var values []string
	for _, p := range s.Peers {
		x := v.of(p)
		if !p.Alive || p.Voters == 0 || x == "" || x == v.own {
			continue
		}
		if boards[x] == nil {
			values = append(values, x)
		}
		boards[x] = append(boards[x], called(s, p))
	}
	if len(values) == 0 {
		return ""
	}
	slices.Sort(values)
	var others []string
	for _, x := range values {
		verb := "has"
		if len(boards[x]) > 1 {
			verb = "have"
		}
		others = append(others, fmt.Sprintf("%s %s `%s: %s`", someOf(boards[x]), verb, v.key, x))
	}
	return fmt.Sprintf("the profiles differ: %s, this board has `%s: %s`; %s; give all boards one and the same profile",
		strings.Join(others, ", "), v.key, v.own, v.goes)
}

// called is the name of a board, told apart from others of that name.
func called(s State, p Peer) string {
	shared := p.Name == "" || p.Name == s.Self.Name
	for _, o := range s.Peers {
		shared = shared || o.ID != p.ID && o.Name == p.Name
	}
	if shared {
		return fmt.Sprintf("%s-%.6s", cmp.Or(p.Name, "board"), p.ID)
	}
	return p.Name
}

// someOf names three of many.
func someOf(names []string) string {
	const most = 3
	switch n := len(names); {
	case n > most+1:
		return fmt.Sprintf("%s and %d others", strings.Join(names[:most], ", "), n-most)
	case n > 1:
		return strings.Join(names[:n-1], ", ") + " and " + names[n-1]
	}
	return names[0]
}

func number(n int) string {
	if n <= 0 {
		return ""
	}
	return fmt.Sprint(n)
}

// lasting is a time as profiles write it; below zero it is never.
func lasting(d time.Duration) string {
	switch {
	case d < 0:
		return "0"
	case d == 0:
		return ""
	}
	return d.String()
}

func beat(d time.Duration) string {
	if d == 0 {
		return "auto"
	}
	return d.String()
}

// heartbeatOf is not known of a board whose version does not tell, which says nothing
// of replace_after either.
func heartbeatOf(p Peer) string {
	if p.ReplaceAfter == 0 {
		return ""
	}
	return beat(p.Heartbeat)
}

func portOf(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return ""
	}
	return u.Port()
}

func tlsOf(text string) string {
	switch scheme, _, _ := strings.Cut(text, "://"); scheme {
	case "https":
		return "true"
	case "http":
		return "false"
	}
	return ""
}
