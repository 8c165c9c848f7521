package discovery

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestThreeBoardsMeetThroughOneSeed(t *testing.T) {
	a := start(t, config(t, 1))
	b := start(t, config(t, 2, a.config.Address))
	c := start(t, config(t, 3, a.config.Address))
	eventually(t, 5*time.Second, "a sees b and c", sees(a, 2, 3))
	eventually(t, 5*time.Second, "b sees a and c", sees(b, 1, 3))
	eventually(t, 5*time.Second, "c sees a and b", sees(c, 1, 2))
	p := peer(t, a, 2)
	if p.Address != b.config.Address || p.Port != testPort || p.Since.IsZero() || p.Name != "raspberrypi" {
		t.Errorf("peer is %+v", p)
	}
	select {
	case <-a.Changed():
	default:
		t.Error("no signal of a change")
	}
	if s := a.Shadows(); len(s) != 0 {
		t.Errorf("shadows: %+v", s)
	}
}

func TestSeedThatStartsLaterIsFound(t *testing.T) {
	late := config(t, 1)
	b := start(t, config(t, 2, freshAddress(), late.Address))
	a := start(t, late)
	eventually(t, 8*time.Second, "a sees b", sees(a, 2))
	eventually(t, 8*time.Second, "b sees a", sees(b, 1))
}

func TestOtherKeyAndOtherClusterStayOut(t *testing.T) {
	a := start(t, config(t, 1))
	wrongKey := config(t, 2, a.config.Address)
	wrongKey.Key = testKey(8)
	wrongName := config(t, 3, a.config.Address)
	wrongName.Cluster = "home"
	k, n := start(t, wrongKey), start(t, wrongName)

	rejected := func(g *Gossip, from netip.Addr, why string) func() bool {
		return func() bool {
			return slices.ContainsFunc(g.Rejected(), func(r Rejection) bool {
				return r.Address == from && strings.Contains(r.Why, why) && r.Count > 0 && !r.Last.IsZero()
			})
		}
	}
	eventually(t, 5*time.Second, "a rejects the other key", rejected(a, k.config.Address, "another secret"))
	eventually(t, 5*time.Second, "a rejects the other cluster", rejected(a, n.config.Address, `another cluster name: "home"`))
	eventually(t, 5*time.Second, "the board with the other key learns it too", rejected(k, a.config.Address, "another secret"))
	for _, g := range []*Gossip{a, k, n} {
		if p := g.Peers(); len(p) != 0 {
			t.Errorf("board %s sees %+v", g.config.Card.Board, p)
		}
	}
}

func TestCardChangeIsSeen(t *testing.T) {
	a := start(t, config(t, 1))
	b := start(t, config(t, 2, a.config.Address))
	eventually(t, 5*time.Second, "a sees b", sees(a, 2))
	card := b.config.Card
	card.Role, card.State, card.Seq, card.Healthy = "voter", "restart", 2, true
	b.SetCard(card)
	eventually(t, 3*time.Second, "a sees the new card", func() bool { return peer(t, a, 2).Card == card })

	foreign := card
	foreign.Board = boardID(9)
	b.SetCard(foreign)
	huge := card
	huge.PeerURL = strings.Repeat("x", MaxCard)
	b.SetCard(huge)
	card.Role = "learner"
	b.SetCard(card)
	eventually(t, 3*time.Second, "bad cards are refused, the next one is seen", func() bool { return peer(t, a, 2).Card == card })
}

func TestMovedBoardIsSeenAtItsNewPlace(t *testing.T) {
	a := start(t, config(t, 1))
	old := config(t, 2, a.config.Address)
	b := start(t, old)
	eventually(t, 5*time.Second, "a sees b", sees(a, 2))
	b.halt()
	moved := old
	moved.Address = freshAddress()
	moved.Card.Seq = 2
	begun := time.Now()
	b2 := start(t, moved)
	eventually(t, 2*time.Second, "a sees b at its new place", func() bool {
		p := peer(t, a, 2)
		return p.Alive && p.Address == moved.Address
	})
	t.Logf("seen at the new address after %v", time.Since(begun))
	eventually(t, 5*time.Second, "b sees its own past", func() bool {
		s := b2.Shadows()
		return len(s) == 1 && s[0].Address == old.Address && s[0].Seq == 1
	})
	eventually(t, 30*time.Second, "the past fades", func() bool { return len(b2.Shadows()) == 0 })
	if p := a.Peers(); len(p) != 1 || p[0].Address != moved.Address {
		t.Errorf("a sees %+v", p)
	}
}

func TestCloseSaysGoodBye(t *testing.T) {
	a := start(t, config(t, 1))
	b := start(t, config(t, 2, a.config.Address))
	eventually(t, 5*time.Second, "a sees b", sees(a, 2))
	eventually(t, 5*time.Second, "b sees a", sees(b, 1))
	begun := time.Now()
	if err := b.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begun); took > 2*time.Second {
		t.Errorf("close took %v", took)
	}
	eventually(t, 3*time.Second, "a sees b gone", func() bool { return !peer(t, a, 2).Alive })
	if err := a.Send(boardID(2), nil); !errors.Is(err, ErrNotAlive) {
		t.Errorf("send to a board that left: %v", err)
	}
	again := start(t, b.config)
	eventually(t, 5*time.Second, "a sees b back", sees(a, 2))
	eventually(t, 5*time.Second, "b sees a again", sees(again, 1))
}

func TestMessages(t *testing.T) {
	a := start(t, config(t, 1))
	b := start(t, config(t, 2, a.config.Address))
	eventually(t, 5*time.Second, "a sees b", sees(a, 2))
	for _, payload := range [][]byte{[]byte("prepare"), {}, bytes.Repeat([]byte("plan"), 50_000)} {
		if err := a.Send(boardID(2), payload); err != nil {
			t.Fatal(err)
		}
		m := receive(t, b, func(m Message) bool { return !m.Shared })
		if m.From != boardID(1) || !bytes.Equal(m.Payload, payload) {
			t.Errorf("got %d bytes from %s", len(m.Payload), m.From)
		}
	}
	if err := a.Send(boardID(9), nil); !errors.Is(err, ErrNotAlive) {
		t.Errorf("send to nobody: %v", err)
	}
}

// A board that has just come is known to whom it asks by its message alone.
func TestAnswerReachesABoardThatGossipDoesNotShowYet(t *testing.T) {
	a, b := start(t, config(t, 1)), start(t, config(t, 2))
	if err := a.Send(boardID(2), nil); !errors.Is(err, ErrNotAlive) {
		t.Fatalf("they know each other already: %v", err)
	}
	b.hear(boardID(1), a.self()) // as by a push/pull that a has not finished
	if err := b.Send(boardID(1), []byte("prepare")); err != nil {
		t.Fatal(err)
	}
	receive(t, a, func(m Message) bool { return m.From == boardID(2) && string(m.Payload) == "prepare" })
	if err := a.Send(boardID(2), []byte("promise")); err != nil {
		t.Fatalf("the answer is lost: %v", err)
	}
	receive(t, b, func(m Message) bool { return m.From == boardID(1) && string(m.Payload) == "promise" })
}

func TestFrameRefusesWhatIsCutOff(t *testing.T) {
	whole := frame(boardID(2), netip.MustParseAddrPort("[fd77::1]:7946"), []byte("x"))
	if board, at, payload, err := unframe(whole); err != nil || board != boardID(2) || at.Port() != 7946 || string(payload) != "x" {
		t.Errorf("got %s %v %q, %v", board, at, payload, err)
	}
	for n := range len(whole) - 1 {
		if _, _, _, err := unframe(whole[:n]); err == nil {
			t.Errorf("%d of %d bytes pass", n, len(whole))
		}
	}
}

func TestSharedStateIsHandedToEveryBoard(t *testing.T) {
	a := start(t, config(t, 1))
	a.SetShared([]byte("the plan"))
	b := start(t, config(t, 2, a.config.Address))
	m := receive(t, b, func(m Message) bool { return m.Shared })
	if m.From != boardID(1) || string(m.Payload) != "the plan" {
		t.Errorf("got %q from %s", m.Payload, m.From)
	}
	b.SetShared([]byte("another"))
	c := start(t, config(t, 3, b.config.Address))
	m = receive(t, c, func(m Message) bool { return m.Shared })
	if m.From != boardID(2) || string(m.Payload) != "another" {
		t.Errorf("got %q from %s", m.Payload, m.From)
	}
}

func TestMessageQueueDropsTheOldest(t *testing.T) {
	a := start(t, config(t, 1))
	for i := range maxMessages + 5 {
		a.receive(frame(boardID(2), a.self(), []byte{byte(i), byte(i >> 8)}), false)
	}
	if first := <-a.Messages(); first.Payload[0] != 5 {
		t.Errorf("first message is %d", first.Payload[0])
	}
	a.receive(frame(boardID(1), a.self(), nil), false)
	a.receive([]byte("junk"), false)
	if n := len(a.Messages()); n != maxMessages-1 {
		t.Errorf("%d messages wait: our own or junk was let in", n)
	}
}

func TestKnownPeersReplaceSeeds(t *testing.T) {
	file := filepath.Join(t.TempDir(), "peers.json")
	a := start(t, config(t, 1))
	c := config(t, 2, a.config.Address)
	c.KnownFile, c.Write = file, os.WriteFile
	b := start(t, c)
	eventually(t, 5*time.Second, "b sees a", sees(b, 1))
	if err := b.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.Seeds, c.Card.Seq = nil, 2
	b = start(t, c)
	eventually(t, 5*time.Second, "b finds a without a seed", sees(b, 1))
}

func TestStartRefuses(t *testing.T) {
	taken := start(t, config(t, 1))
	for name, c := range map[string]struct {
		change func(*Config)
		want   string
	}{
		"port taken":    {func(c *Config) { c.Address = taken.config.Address }, fmt.Sprintf("address %s port %d", taken.config.Address, testPort)},
		"not our own":   {func(c *Config) { c.Address = netip.MustParseAddr("192.0.2.1") }, "192.0.2.1"},
		"no address":    {func(c *Config) { c.Address = netip.Addr{} }, "no address"},
		"no port":       {func(c *Config) { c.Port = 0 }, "port 0"},
		"no cluster":    {func(c *Config) { c.Cluster = "" }, "cluster name"},
		"short key":     {func(c *Config) { c.Key = c.Key[:16] }, "32 are needed"},
		"bad board":     {func(c *Config) { c.Card.Board = "xyz" }, "board ID"},
		"card too long": {func(c *Config) { c.Card.PeerURL = strings.Repeat("x", 600) }, "512 is the limit"},
	} {
		t.Run(name, func(t *testing.T) {
			config := config(t, 2)
			c.change(&config)
			g, err := Start(t.Context(), config)
			if err == nil {
				_ = g.Close(t.Context())
				t.Fatal("started")
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("%q does not name %q", err, c.want)
			}
		})
	}
}

func TestTwinIsAShadow(t *testing.T) {
	a := start(t, config(t, 1))
	one := start(t, config(t, 2, a.config.Address))
	two := start(t, config(t, 2, a.config.Address))
	for _, pair := range [][2]*Gossip{{one, two}, {two, one}} {
		eventually(t, 5*time.Second, "a twin sees the other", func() bool {
			s := pair[0].Shadows()
			return len(s) == 1 && s[0].Address == pair[1].config.Address
		})
	}
	if p := a.Peers(); len(p) != 1 {
		t.Errorf("a third board sees %+v", p)
	}
}

func TestCloseLeavesNoGoroutine(t *testing.T) {
	a := start(t, config(t, 1))
	c := config(t, 2, a.config.Address, freshAddress())
	c.MDNS, c.KnownFile, c.Write = true, filepath.Join(t.TempDir(), "peers.json"), os.WriteFile
	b := start(t, c)
	eventually(t, 5*time.Second, "b sees a", sees(b, 1))
	for _, g := range []*Gossip{b, a} {
		if err := g.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	var left string
	limit := time.After(15 * time.Second)
	for {
		if left = ourGoroutines(); left == "" {
			return
		}
		select {
		case <-limit:
			t.Fatalf("still running:\n%s", left)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
