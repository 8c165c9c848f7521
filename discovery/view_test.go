package discovery

import (
	"net/netip"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"
)

func node(t *testing.T, board int, seq uint64, address string) *memberlist.Node {
	t.Helper()
	meta, err := EncodeCard(Card{Board: boardID(board), Seq: seq})
	if err != nil {
		t.Fatal(err)
	}
	a := netip.MustParseAddrPort(address)
	return &memberlist.Node{Name: nodeName(boardID(board), a), Addr: a.Addr().AsSlice(), Port: a.Port(), Meta: meta}
}

func TestViewJoinsTheEntriesOfABoard(t *testing.T) {
	type step struct {
		seq     uint64
		address string
		gone    bool
	}
	const a, b = "10.0.0.1:7946", "10.0.0.2:7946"
	for name, c := range map[string]struct {
		steps []step
		want  string
		alive bool
	}{
		"one":                              {[]step{{1, a, false}}, a, true},
		"moved, old one still alive":       {[]step{{1, a, false}, {2, b, false}}, b, true},
		"moved, heard in the other order":  {[]step{{2, b, false}, {1, a, false}}, b, true},
		"moved, old one dead":              {[]step{{1, a, false}, {2, b, false}, {1, a, true}}, b, true},
		"new one dead, old one alive":      {[]step{{1, a, false}, {2, b, false}, {2, b, true}}, a, true},
		"gone":                             {[]step{{1, a, false}, {1, a, true}}, a, false},
		"both gone: the higher":            {[]step{{1, a, false}, {2, b, false}, {2, b, true}, {1, a, true}}, b, false},
		"same number: the newer":           {[]step{{1, a, false}, {1, b, false}}, b, true},
		"same number: the newer, reversed": {[]step{{1, b, false}, {1, a, false}}, a, true},
		"came back":                        {[]step{{1, a, false}, {1, a, true}, {2, a, false}}, a, true},
	} {
		t.Run(name, func(t *testing.T) {
			v := newView(boardID(1), "me")
			now := time.Unix(0, 0)
			v.now = func() time.Time { now = now.Add(time.Second); return now }
			for _, s := range c.steps {
				n := node(t, 2, s.seq, s.address)
				if s.gone {
					v.gone(n.Name)
				} else if _, err := v.put(n); err != nil {
					t.Fatal(err)
				}
			}
			p := v.peers()
			if len(p) != 1 || netip.AddrPortFrom(p[0].Address, uint16(p[0].Port)).String() != c.want || p[0].Alive != c.alive {
				t.Errorf("got %+v", p)
			}
			if _, ok := v.at(boardID(2)); ok != c.alive {
				t.Errorf("can be sent to: %v", ok)
			}
		})
	}
}

// TestViewTellsOfTwoBoards: a board that moved shows its past for seconds, in the same
// life; in another one it is another board.
func TestViewTellsOfTwoBoards(t *testing.T) {
	const a, b, c = "10.0.0.1:7946", "10.0.0.2:7946", "10.0.0.3:7946"
	type shown struct {
		address, life string
		seq           uint64
	}
	for name, tt := range map[string]struct {
		cards []shown
		gone  string
		want  bool
	}{
		"one":                        {[]shown{{a, "l1", 1}}, "", false},
		"moved":                      {[]shown{{a, "l1", 1}, {b, "l1", 2}}, "", false},
		"another life at its place":  {[]shown{{a, "l1", 1}, {a, "l2", 1}}, "", false},
		"two":                        {[]shown{{a, "l1", 1}, {b, "l2", 2}}, "", true},
		"two, the later one is past": {[]shown{{a, "l1", 2}, {b, "l2", 1}}, "", true},
		"two, and one of them moved": {[]shown{{a, "l1", 1}, {b, "l2", 2}, {c, "l2", 3}}, "", true},
		"one of two is gone":         {[]shown{{a, "l1", 1}, {b, "l2", 2}}, a, false},
		"a life that is not known":   {[]shown{{a, "l1", 1}, {b, "", 2}}, "", false},
	} {
		v := newView(boardID(1), "me")
		for _, s := range tt.cards {
			n := node(t, 2, s.seq, s.address)
			meta, err := EncodeCard(Card{Board: boardID(2), Life: s.life, Seq: s.seq})
			if err != nil {
				t.Fatal(err)
			}
			n.Meta = meta
			if _, err := v.put(n); err != nil {
				t.Fatal(err)
			}
		}
		if tt.gone != "" {
			v.gone(nodeName(boardID(2), at(tt.gone)))
		}
		if p := v.peers(); len(p) != 1 || p[0].Doubled != tt.want {
			t.Errorf("%s: got %+v", name, p)
		}
	}
}

func TestViewRefusesAForeignCard(t *testing.T) {
	v := newView(boardID(1), "me")
	n := node(t, 2, 1, "10.0.0.1:7946")
	n.Name = nodeName(boardID(3), at("10.0.0.1:7946"))
	if _, err := v.put(n); err == nil {
		t.Error("a card of another board was believed")
	}
	n = node(t, 2, 1, "10.0.0.1:7946")
	n.Meta = nil
	if _, err := v.put(n); err == nil {
		t.Error("no card was believed")
	}
	if p := v.peers(); len(p) != 0 {
		t.Errorf("got %+v", p)
	}
}

func TestViewIsBounded(t *testing.T) {
	v := newView(boardID(1), "me")
	for i := range 2 * maxEntries {
		n := node(t, 10+i, 1, "10.0.0.1:7946")
		if _, err := v.put(n); err != nil {
			t.Fatal(err)
		}
		v.gone(n.Name)
	}
	if len(v.entries) > maxEntries {
		t.Errorf("%d entries", len(v.entries))
	}
}

func TestViewSince(t *testing.T) {
	v := newView(boardID(1), "me")
	now := time.Unix(100, 0)
	v.now = func() time.Time { return now }
	put := func(seq uint64) (bool, time.Time) {
		news, err := v.put(node(t, 2, seq, "10.0.0.1:7946"))
		if err != nil {
			t.Fatal(err)
		}
		return news, v.peers()[0].Since
	}
	put(1)
	now = time.Unix(200, 0)
	if news, since := put(1); news || since != time.Unix(100, 0) {
		t.Errorf("the same again: news %v, since %v", news, since)
	}
	if news, since := put(2); !news || since != time.Unix(100, 0) {
		t.Errorf("a new card: news %v, since %v", news, since)
	}
}
