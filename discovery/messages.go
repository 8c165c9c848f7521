package discovery

import (
	"fmt"
	"net/netip"

	"github.com/hashicorp/memberlist"
	"github.com/rs/zerolog"
)

// Send gives a message to a board over a stream: no error means that the board's
// kernel took it. It is ErrNotAlive if the board is neither known to be alive nor
// has sent a message itself, and takes no longer than about 3 s.
func (g *Gossip) Send(board string, payload []byte) error {
	node, ok := g.view.at(board)
	if !ok {
		node, ok = g.heard(board)
	}
	if !ok {
		return fmt.Errorf("send to board %s: %w", board, ErrNotAlive)
	}
	if err := g.list.SendReliable(node, frame(g.config.Card.Board, g.self(), payload)); err != nil {
		return fmt.Errorf("send to board %s: %w", board, err)
	}
	return nil
}

// self is where an answer finds this board.
func (g *Gossip) self() netip.AddrPort {
	return netip.AddrPortFrom(g.config.Address, uint16(g.config.Port))
}

// Messages gives what other boards sent. It is never closed; if nobody reads, the
// oldest are dropped.
func (g *Gossip) Messages() <-chan Message { return g.messages }

// Changed has room for one: something about peers, beacons or rejections changed.
func (g *Gossip) Changed() <-chan struct{} { return g.changed }

func (g *Gossip) receive(b []byte, shared bool) {
	from, at, payload, err := unframe(b)
	if err != nil {
		g.bridge.line(zerolog.WarnLevel, "message dropped: "+err.Error())
		return
	}
	if from == g.config.Card.Board {
		return // a twin's, or what we said before a move: not a word from somebody else
	}
	if !shared {
		g.hear(from, at)
	}
	m := Message{From: from, Payload: payload, Shared: shared}
	for {
		select {
		case g.messages <- m:
			return
		default:
		}
		select {
		case <-g.messages:
			g.bridge.line(zerolog.WarnLevel, "message queue full, oldest message dropped")
		default:
		}
	}
}

// hear remembers where a board sent from. A board that has just come may ask
// before gossip has shown it here; the answer must not be lost.
func (g *Gossip) hear(board string, at netip.AddrPort) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, known := g.senders[board]; known || len(g.senders) < maxEntries {
		g.senders[board] = at
	}
}

func (g *Gossip) heard(board string) (*memberlist.Node, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	at, ok := g.senders[board]
	if !ok {
		return nil, false
	}
	return &memberlist.Node{Name: nodeName(board, at), Addr: at.Addr().AsSlice(), Port: at.Port()}, true
}
