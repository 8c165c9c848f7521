package discovery

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/hashicorp/memberlist"
	"github.com/rs/zerolog"
)

// delegate is what memberlist calls. None of it may block: memberlist holds its
// locks, or reads datagrams, meanwhile.
type delegate struct{ g *Gossip }

var (
	_ memberlist.Delegate         = delegate{}
	_ memberlist.EventDelegate    = delegate{}
	_ memberlist.ConflictDelegate = delegate{}
	_ memberlist.PingDelegate     = delegate{}
)

func (d delegate) NodeMeta(int) []byte {
	d.g.mu.Lock()
	defer d.g.mu.Unlock()
	return d.g.encoded
}

func (d delegate) NotifyMsg(b []byte) { d.g.receive(b, false) }

func (d delegate) GetBroadcasts(int, int) [][]byte { return nil }

func (d delegate) LocalState(bool) []byte {
	d.g.mu.Lock()
	defer d.g.mu.Unlock()
	if d.g.shared == nil {
		return nil
	}
	return frame(d.g.config.Card.Board, d.g.self(), d.g.shared)
}

func (d delegate) MergeRemoteState(b []byte, _ bool) {
	if len(b) > 0 {
		d.g.receive(b, true)
	}
}

func (d delegate) NotifyJoin(n *memberlist.Node) { d.g.seen(n) }

func (d delegate) NotifyUpdate(n *memberlist.Node) { d.g.seen(n) }

func (d delegate) NotifyLeave(n *memberlist.Node) {
	d.g.trips.forget(n.Name)
	if d.g.view.gone(n.Name) {
		d.g.viewChanged()
	}
}

func (d delegate) NotifyConflict(existing, other *memberlist.Node) {
	d.g.bridge.line(zerolog.WarnLevel, fmt.Sprintf("gossip name %q at %s is claimed by %s as well",
		cut(existing.Name, 80), existing.Address(), other.Address()))
}

func (d delegate) AckPayload() []byte { return nil }

// NotifyPingComplete is called for each probe that was answered in time: one
// board a second, each in its turn.
func (d delegate) NotifyPingComplete(n *memberlist.Node, rtt time.Duration, _ []byte) {
	d.g.trips.add(n.Name, rtt)
}

// frameVersion is the first byte of every message of ours.
const frameVersion = 1

var errFrame = errors.New("not a message of a board")

// frame puts version and sender before a payload: its board ID, and where an
// answer finds it.
func frame(board string, at netip.AddrPort, payload []byte) []byte {
	where, _ := at.MarshalBinary() // never fails (Go 1.26 net/netip)
	b := make([]byte, 0, 2+len(board)+len(where)+len(payload))
	b = append(b, frameVersion)
	b = append(b, board...)
	b = append(b, byte(len(where)))
	b = append(b, where...)
	return append(b, payload...)
}

// unframe takes apart what frame made. The payload is a copy: memberlist reuses the buffer.
func unframe(b []byte) (board string, at netip.AddrPort, payload []byte, err error) {
	const head = 1 + 16 + 1
	if len(b) < head || b[0] != frameVersion || !isBoardID(string(b[1:17])) || len(b) < head+int(b[17]) {
		return "", at, nil, errFrame
	}
	end := head + int(b[17])
	if err := at.UnmarshalBinary(b[head:end]); err != nil {
		return "", at, nil, errFrame
	}
	return string(b[1:17]), at, append([]byte{}, b[end:]...), nil
}
