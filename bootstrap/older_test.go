package bootstrap

import (
	"slices"
	"strings"
	"testing"
	"time"
)

// doubting is a board with data whose agent has just started, beside the others of its
// fleet; no quorum has answered.
func doubting() State {
	s := stopped()
	s.Disk.Watched, s.Disk.Log, s.Inquiring = false, Mark{5, 200}, t0
	for i := range s.Peers {
		s.Peers[i].Healthy = false
	}
	return s
}

// blank is a founder with an empty disk whose agent has just started, and which knows the plan.
func blank() State {
	s := empty()
	s.Plan, s.Disk.Watched, s.Inquiring, s.Here = plan(), false, t0, t0
	s.Peers = []Peer{peer("b", 2), peer("c", 3)}
	return s
}

// single is the same where the disk lists no other voter.
func single() State {
	s := doubting()
	s.Disk.Members = s.Disk.Members[:1]
	return s
}

// remembers is what board b or another says that it remembers of board a's member.
func remembers(board string, log Mark, saw ...string) Recall {
	return Recall{Board: board, Owners: []Owner{{Member: memberID("a"), Board: "a", Life: "a1", Log: log}}, Saw: saw}
}

func recalled(list ...Recall) func(*State) { return func(s *State) { s.Recalled = list } }

func olderRows() []row {
	same := Mark{5, 200}
	short := func(s *State) {
		s.Recalled = []Recall{remembers("b", Mark{5, 500}, memberID("a"))}
	}
	later := func(s *State) { // all have had the time to answer
		s.Inquiring = t0.Add(-looking)
		for i := range s.Peers {
			s.Peers[i].Since = s.Inquiring
		}
	}
	lately := func(s *State) { s.Twins = map[string]time.Time{"a": t0.Add(-time.Minute)} }
	answers := func(s *State) { s.Cluster = list("a", "b", "c") }
	return []row{
		{"disk/older another board remembers more than the disk has", doubting, short, Hold, "b remembers entry 500 of term 5, and the log here ends at entry 200"},
		{"disk/older a later term may hold a vote", doubting, recalled(remembers("b", Mark{6, 200})), Hold, "term 6"},
		{"disk/older a quorum without it lets it go", doubting, both(short, answers), SetAside, "older than its member"},
		{"disk/older the quorum is given time to answer", doubting, func(s *State) { short(s); s.Here = t0 }, Wait, "the quorum is asked"},
		{"restart by order an older disk goes", doubting, both(short, func(s *State) { s.Order = OrderYield }), SetAside, ""},
		{"disk/older most of what is remembered counts", doubting, recalled(remembers("c", same, memberID("a")), remembers("b", Mark{5, 201})), Hold, "b remembers entry 201"},
		{"restart waits for a word of the others", doubting, nil, Wait, "the other boards are asked"},
		{"restart one board that remembers it is not enough", doubting, recalled(remembers("b", same)), Wait, "are asked"},
		{"restart two boards of three voters are", doubting, both(later, recalled(remembers("b", same), remembers("d", same))), Start, ""},
		{"restart one that is asked may know more than those who are enough", doubting, recalled(remembers("b", same, memberID("a")), remembers("d", same)), Wait, "are asked"},
		{"restart all who live have answered", doubting, recalled(remembers("b", same, memberID("a")), Recall{Board: "c"}, Recall{Board: "d"}), Start, ""},
		{"restart a board that does not know it says nothing", doubting, recalled(remembers("b", same), Recall{Board: "d"}), Wait, "are asked"},
		{"restart a board that has seen it run is enough", doubting, both(later, recalled(remembers("b", same, memberID("a")))), Start, ""},
		{"restart a quorum without it is enough", doubting, both(later, answers), Start, ""},
		{"restart a minute is enough", doubting, func(s *State) { s.Inquiring = t0.Add(-time.Minute) }, Start, ""},
		{"restart a log that is further than remembered is fine", doubting, both(later, recalled(remembers("b", Mark{5, 150}, memberID("a")))), Start, ""},
		{"restart an agent that has run the member itself needs nobody", doubting, func(s *State) { short(s); s.Disk.Watched = true }, Start, ""},
		{"restart a board that has just been seen gets its time to answer", doubting, both(later, func(s *State) {
			s.Recalled, s.Peers[0].Since = []Recall{remembers("d", same, memberID("a"))}, t0
		}), Wait, "are asked"},
		{"restart nobody else has the data of a single voter", single, both(later, short), Start, ""},
		{"restart a single voter among other boards asks them too", single, later, Wait, "are asked"},
		{"restart a voter that is meant to be the only one has nobody to ask", single, func(s *State) { s.Peers, s.Want.Voters = nil, 1 }, Start, ""},
		{"disk/older a single voter of a time before there were more", single, func(s *State) {
			short(s)
			s.Recalled[0].Others = 2
		}, Hold, "older than its member"},
		{"disk/older an empty disk of a life that has started a member", blank, recalled(remembers("b", same)), SetAside, "b has seen this board run member"},
		{"disk/older a standby of that time", blank, func(s *State) {
			s.Plan.Founders = s.Plan.Founders[1:]
			s.Recalled = []Recall{{Board: "b", Owners: []Owner{{Member: "77", Board: "a", Life: "a1"}}}}
		}, SetAside, "member 77"},
		{"disk/older not while another board shows the same ID", blank, both(recalled(remembers("b", same)), func(s *State) { s.Shadow = "10.0.0.9" }), Wait, "the same board ID"},
		{"disk/older not while another board lately showed the same ID", blank, both(recalled(remembers("b", same)), lately), Wait, "may be the one that is meant"},
		{"disk/older nor with data", doubting, both(both(short, answers), lately), Wait, "may be the one that is meant"},
		{"disk/older a promise is not on the disk", blank, func(s *State) { s.Founding.Forgot = true }, SetAside, "a promise of this board"},
		{"found/plan-knows-me-not another life of this board is another matter", blank, func(s *State) {
			s.Plan.Founders = s.Plan.Founders[1:]
			s.Recalled = []Recall{{Board: "b", Owners: []Owner{{Member: "77", Board: "a", Life: "a0"}}}}
		}, Wait, "waits for the cluster"},
		{"re-flashed not while another board lately showed the same ID", blank, func(s *State) {
			s.Cluster, s.Twins = list("a", "b", "c"), map[string]time.Time{"a": t0}
			s.Plan = plan()
			s.Self.Life = "a2"
		}, Wait, "nothing is concluded from it"},
		{"found/agreed after a restart the founders are asked", blank, nil, Wait, "the other founders are asked"},
		{"found/agreed when they have not seen it", blank, recalled(Recall{Board: "b"}, Recall{Board: "c"}), Start, ""},
		{"found/agreed one of two has not answered", blank, recalled(Recall{Board: "b"}), Wait, "are asked"},
		{"found/agreed a minute without an answer", blank, func(s *State) { s.Inquiring = t0.Add(-time.Minute) }, Start, ""},
		{"found/agreed in the life that this agent has drawn", blank, func(s *State) { s.Disk.Watched = true }, Start, ""},
	}
}

func both(a, b func(*State)) func(*State) { return func(s *State) { a(s); b(s) } }

func TestWhoIsAskedWhatItRemembers(t *testing.T) {
	s := doubting()
	s.Peers = append(s.Peers, with(peer("e", 5), func(p *Peer) { p.Alive = false }))
	if got := Unasked(s); !slices.Equal(got, []string{"b", "c", "d"}) {
		t.Errorf("asked %v, want the living boards", got)
	}
	s.Recalled = []Recall{{Board: "c"}}
	if got := Unasked(s); !slices.Equal(got, []string{"b", "d"}) {
		t.Errorf("asked %v, want those that have not answered", got)
	}
	many := s
	many.Peers = nil
	for i := range 50 {
		many.Peers = append(many.Peers, peer(string(rune('e'+i)), byte(i)))
	}
	many.Peers = append(many.Peers, s.Peers[1])
	if got := Unasked(many); len(got) > mostAsked {
		t.Errorf("asks %d boards of a large fleet", len(got))
	}
	for name, edit := range map[string]func(*State){
		"this agent has run the member":   func(s *State) { s.Disk.Watched = true },
		"no address to be answered at":    func(s *State) { s.Self.PeerURL = "" },
		"a disk of other hardware":        func(s *State) { s.Disk.Hardware = MatchOther },
		"nothing here and no plan either": func(s *State) { s.Disk.State, s.Plan = DiskEmpty, nil },
	} {
		s := doubting()
		if edit(&s); len(Unasked(s)) > 0 {
			t.Errorf("%s: asks all the same", name)
		}
	}
}

func TestRemember(t *testing.T) {
	a, b := Owner{Member: "1", Board: "a", Life: "a1", Log: Mark{2, 3}}, Owner{Member: "2", Board: "b", Life: "b1"}
	c, older := Owner{Member: "4", Board: "c", Life: "c1"}, Owner{Member: "3", Board: "a", Life: "a0"}
	got := Remember([]Owner{a, b, c, older}, []string{"2", "3"}, "a")
	if got.Others != 2 || !slices.Equal(got.Owners, []Owner{a, older}) || !slices.Equal(got.Saw, []string{"3"}) {
		t.Errorf("got %+v", got)
	}
}

func TestRunning(t *testing.T) {
	run := func(role string, alive bool) Peer {
		return with(peer("b", 2), func(p *Peer) { p.Member, p.Role, p.Alive = role, role, alive })
	}
	got := Running([]Peer{run("voter", true), run("learner", true), run("none", true), run("standby", true), run("voter", false)})
	if !slices.Equal(got, []string{"voter", "learner"}) {
		t.Errorf("got %v: only what runs on a living board has been seen", got)
	}
}

// TestMark says when a disk is behind what was shown of its member.
func TestMark(t *testing.T) {
	for _, tt := range []struct {
		shown, disk Mark
		behind      bool
	}{
		{Mark{5, 200}, Mark{5, 200}, false}, {Mark{5, 200}, Mark{5, 300}, false}, {Mark{5, 200}, Mark{6, 200}, false},
		{Mark{5, 200}, Mark{5, 199}, true}, {Mark{6, 200}, Mark{5, 200}, true}, {Mark{5, 200}, Mark{7, 100}, true},
		{Mark{5, 200}, Mark{}, true}, {Mark{}, Mark{5, 200}, false}, {Mark{}, Mark{}, false},
	} {
		if got := tt.shown.Beyond(tt.disk); got != tt.behind {
			t.Errorf("%v beyond %v: %v", tt.shown, tt.disk, got)
		}
	}
	if got := (Mark{5, 200}).Max(Mark{6, 100}); got != (Mark{6, 200}) {
		t.Errorf("the further of two: %v", got)
	}
}

// TestInquiring counts the wait for the others from the moment at which they could be asked.
func TestInquiring(t *testing.T) {
	s := doubting()
	o := s.Observation
	first := Fold(State{}, o)
	o.Now = o.Now.Add(time.Minute)
	if later := Fold(first, o); !first.Inquiring.Equal(t0) || !later.Inquiring.Equal(t0) {
		t.Errorf("since %v, then %v, want %v", first.Inquiring, later.Inquiring, t0)
	}
	o.Disk.Watched = true
	if done := Fold(first, o); !done.Inquiring.IsZero() {
		t.Error("an agent that has run the member still asks")
	}
}

// TestOffer shows a seat only until its member has been seen: an older image of the board's
// disk must not take it a second time.
func TestOffer(t *testing.T) {
	s := learning()
	s.Seat = Seat{Member: "99", Board: "d", Life: "d1"}
	if got := Offer(s); got != s.Seat {
		t.Errorf("shows %v before anybody took it", got)
	}
	s.Learning.Match = 7
	if got := Offer(s); got != (Seat{}) {
		t.Errorf("still shows %v while its learner follows the log", got)
	}
	s.Learning.Member = "98"
	if got := Offer(s); got != s.Seat {
		t.Errorf("shows %v because another member follows", got)
	}
}

// TestOlderWarning tells the owner of a single voter what is lost.
func TestOlderWarning(t *testing.T) {
	s := single()
	if w := OlderWarning(s); w != "" {
		t.Errorf("warns without a word of others: %s", w)
	}
	s.Recalled = []Recall{remembers("b", Mark{5, 500})}
	if w := OlderWarning(s); !strings.Contains(w, "b remembers entry 500") || !strings.Contains(w, "no other board holds its data") {
		t.Errorf("says %q", w)
	}
	if w := OlderWarning(doubting()); w != "" {
		t.Errorf("warns of a member whose data others hold: %s", w)
	}
}
