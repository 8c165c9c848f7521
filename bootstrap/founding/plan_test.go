package founding

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

func TestQuorumAndLimit(t *testing.T) {
	for _, c := range []struct{ boards, voters, quorum, limit int }{
		{1, 1, 1, 1},
		{2, 1, 2, 3},
		{3, 1, 2, 3},
		{3, 3, 3, 5},
		{4, 1, 3, 5},
		{4, 3, 3, 5},
		{5, 3, 3, 5},
		{6, 3, 4, 7},
		{7, 7, 7, 13},
		{200, 3, 101, 201},
	} {
		terms := Terms{Cluster: "lab", Generation: 1, Boards: c.boards, Voters: c.voters}
		if err := terms.Validate(); err != nil {
			t.Errorf("%v: %v", terms, err)
		}
		if q, l := terms.Quorum(), terms.Limit(); q != c.quorum || l != c.limit {
			t.Errorf("%d boards, %d voters: quorum %d limit %d, want %d and %d", c.boards, c.voters, q, l, c.quorum, c.limit)
		}
		// The limit must cover the fleet that the owner announced.
		if terms.Limit() < c.boards {
			t.Errorf("%v: limit %d is below the number of boards", terms, terms.Limit())
		}
	}
}

func TestTermsValidate(t *testing.T) {
	for _, c := range []struct {
		terms Terms
		want  string
	}{
		{Terms{"", 1, 3, 3}, "no cluster name"},
		{Terms{"lab", 0, 3, 3}, "no generation"},
		{Terms{"lab", 1, 3, 0}, "0 voters"},
		{Terms{"lab", 1, 2, 3}, "3 voters among 2 boards"},
	} {
		if err := c.terms.Validate(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v, want %q", c.terms, err, c.want)
		}
	}
}

func TestBallotOrder(t *testing.T) {
	ordered := []Ballot{{}, {1, "a", "x"}, {1, "a", "y"}, {1, "b", "a"}, {2, "a", "a"}, {10, "a", "a"}}
	for i, a := range ordered {
		for j, b := range ordered {
			if got := a.Less(b); got != (i < j) {
				t.Errorf("%v < %v: %v", a, b, got)
			}
		}
	}
}

func testPlan() Plan {
	return Plan{Cluster: "lab", Generation: 1, Token: "tok-1", Founders: []Founder{
		{"b170", "l170", "machine-3", "https://10.0.0.170:2380"},
		{"b211", "l211", "machine-1", "https://10.0.0.211:2380"},
		{"b5", "l5", "machine-2", "https://10.0.0.5:2380"},
	}}
}

// The IDs were computed with another implementation of SHA-1, after the
// formulas of etcd v3.7.3.
func TestPlanIDs(t *testing.T) {
	p := testPlan()
	for board, want := range map[string]uint64{"b211": 0xd18a1f5e3cca7d07, "b170": 0x929952aa934b60ea, "b5": 0x836d1fdce54b5f94} {
		if id, ok := p.MemberID(board); !ok || id != want {
			t.Errorf("member of %s: %x %v, want %x", board, id, ok, want)
		}
	}
	if id, ok := p.MemberID("b9"); ok || id != 0 {
		t.Errorf("member of a board that is not named: %x %v", id, ok)
	}
	if id := p.ClusterID(); id != 0xf2a69645cf9fd4db {
		t.Errorf("cluster: %x", id)
	}
	// etcd v3.7.3 server/etcdserver/api/membership/member_test.go TestMemberTime,
	// the member without time and token.
	alone := Plan{Founders: []Founder{{Board: "b8", PeerURL: "http://10.0.0.8:2379"}}}
	if id, _ := alone.MemberID("b8"); id != 14544069596553697298 {
		t.Errorf("member as in etcd's own test: %d", id)
	}
	if want := "machine-3=https://10.0.0.170:2380,machine-1=https://10.0.0.211:2380,machine-2=https://10.0.0.5:2380"; p.InitialCluster() != want {
		t.Errorf("initial cluster %q", p.InitialCluster())
	}
	if first := p.First(); first.Board != "b170" {
		t.Errorf("first to start: %v", first)
	}
}

func TestPlanDigest(t *testing.T) {
	p := testPlan()
	if d := p.Digest(); len(d) != 16 || d != p.clone().Digest() {
		t.Errorf("digest %q, of a copy %q", d, p.clone().Digest())
	}
	for name, change := range map[string]func(*Plan){
		"cluster":    func(p *Plan) { p.Cluster = "lab2" },
		"generation": func(p *Plan) { p.Generation++ },
		"token":      func(p *Plan) { p.Token += "x" },
		"life":       func(p *Plan) { p.Founders[1].Life = "l" },
		"shift":      func(p *Plan) { p.Founders[1].Board, p.Founders[1].Life = "b211l", "211" },
		"heartbeat":  func(p *Plan) { p.Heartbeat = 200 },
		"fewer":      func(p *Plan) { p.Founders = p.Founders[:2] },
	} {
		q := testPlan()
		change(&q)
		if q.Digest() == p.Digest() || q.Equal(p) {
			t.Errorf("%s: another plan with the same digest or equal", name)
		}
	}
}

// A plan that names no heartbeat is what it was before there was one: boards that
// know the field and boards that do not agree on its digest and its text.
func TestPlanWithoutHeartbeat(t *testing.T) {
	p := testPlan()
	if got, want := p.Digest(), "c2d473bc49ed03e5"; got != want {
		t.Errorf("digest %s, want %s", got, want)
	}
	if text := encode(p); strings.Contains(text, "heartbeat") {
		t.Errorf("written as %s", text)
	}
}

// TestNewPlanNamesHeartbeat founds a fleet of one.
func TestNewPlanNamesHeartbeat(t *testing.T) {
	m, err := New(Config{Terms: Terms{Cluster: "lab", Generation: 1, Boards: 1, Voters: 1},
		Self: Founder{Board: "b1", Life: "l1", Name: "one", PeerURL: "https://10.0.0.1:2380"}, Token: func() string { return "t" }})
	if err != nil {
		t.Fatal(err)
	}
	m.SetHeartbeat(200)
	for queue := m.Propose(nil).Messages; len(queue) > 0; queue = queue[1:] {
		queue = append(queue, m.Step(queue[0]).Messages...)
	}
	if p := m.Chosen(); p == nil || p.Heartbeat != 200 {
		t.Errorf("chosen %+v, want a heartbeat of 200 ms", p)
	}
}

func TestPlanValidate(t *testing.T) {
	terms := Terms{Cluster: "lab", Generation: 1, Boards: 4, Voters: 3}
	if err := testPlan().Validate(terms); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		want   string
		change func(*Plan)
	}{
		{"want cluster", func(p *Plan) { p.Cluster = "other" }},
		{"want cluster", func(p *Plan) { p.Generation = 2 }},
		{"no token", func(p *Plan) { p.Token = "" }},
		{"heartbeat of -1 ms", func(p *Plan) { p.Heartbeat = -1 }},
		{"heartbeat of 5001 ms", func(p *Plan) { p.Heartbeat = 5001 }},
		{"no founders", func(p *Plan) { p.Founders = nil }},
		{"2 founders, want 3", func(p *Plan) { p.Founders = p.Founders[:2] }},
		{"board b170 is named twice", func(p *Plan) { p.Founders[2].Board = "b170" }},
		{"life l170 is named twice", func(p *Plan) { p.Founders[2].Life = "l170" }},
		{"name machine-3 is named twice", func(p *Plan) { p.Founders[2].Name = "machine-3" }},
		{"is named twice", func(p *Plan) { p.Founders[2].PeerURL = p.Founders[1].PeerURL }},
		{"not sorted", func(p *Plan) { p.Founders[0], p.Founders[1] = p.Founders[1], p.Founders[0] }},
		{"without board", func(p *Plan) { p.Founders[0].Board = "" }},
		{"no life", func(p *Plan) { p.Founders[0].Life = "" }},
		{"no name", func(p *Plan) { p.Founders[0].Name = "" }},
		{"contains", func(p *Plan) { p.Founders[0].Name = "a=b" }},
		{"not http(s)://host:port", func(p *Plan) { p.Founders[0].PeerURL = "" }},
		{"not http(s)://host:port", func(p *Plan) { p.Founders[0].PeerURL = "https://10.0.0.1" }},
		{"not http(s)://host:port", func(p *Plan) { p.Founders[0].PeerURL = "https://10.0.0.1:2380/" }},
		{"not http(s)://host:port", func(p *Plan) { p.Founders[0].PeerURL = "unix://10.0.0.1:2380" }},
		{"not http(s)://host:port", func(p *Plan) { p.Founders[0].PeerURL = "https://u@10.0.0.1:2380" }},
		{"peer URL", func(p *Plan) { p.Founders[0].PeerURL = "https://%zz:2380" }},
	} {
		p := testPlan()
		c.change(&p)
		if err := p.Validate(terms); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, want %q", err, c.want)
		}
	}
}

func TestRecordRoundTrip(t *testing.T) {
	plan := testPlan()
	for _, r := range []Record{
		{},
		{Promised: Ballot{3, "b1", "l1"}},
		{Promised: Ballot{MaxCounter, "b1", "l1"}, Accepted: &Accepted{Ballot{2, "b2", "l2"}, plan}, Chosen: &plan},
	} {
		b, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		var back Record
		if err := json.Unmarshal(b, &back); err != nil || !reflect.DeepEqual(r, back) {
			t.Errorf("%s came back as %+v, %v", b, back, err)
		}
	}
}
