package discovery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

const (
	knownVersion = 1
	maxKnown     = 64
	maxKnownFile = 64 << 10
	// knownInterval spares the flash of the board.
	knownInterval = 10 * time.Second
)

type knownPeer struct {
	Board   string         `json:"board"`
	Address netip.AddrPort `json:"address"`
}

type knownFile struct {
	Version int         `json:"version"`
	Peers   []knownPeer `json:"peers"`
}

// known remembers where boards were seen, over restarts.
type known struct {
	path    string
	replace Write
	log     zerolog.Logger
	changed chan struct{}

	mu      sync.Mutex
	peers   map[string]netip.AddrPort // by board ID
	seen    map[string]bool           // board IDs seen since the start
	written map[string]netip.AddrPort // what the file holds
}

// openKnown reads the file. One that cannot be read or understood costs a warning
// and nothing else; it is replaced when there is something to write.
func openKnown(path string, write Write, log zerolog.Logger) *known {
	k := &known{
		path: path, replace: write, log: log, changed: make(chan struct{}, 1),
		peers: make(map[string]netip.AddrPort), seen: make(map[string]bool),
	}
	if path == "" {
		return k
	}
	peers, err := readKnown(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		log.Warn().Err(err).Msg("known peers ignored")
	default:
		k.peers = peers
		k.written = maps.Clone(peers)
	}
	return k
}

func readKnown(path string) (map[string]netip.AddrPort, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read known peers: %w", err)
	}
	if info.Size() > maxKnownFile {
		return nil, fmt.Errorf("read known peers %s: %d bytes are too many", path, info.Size())
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read known peers: %w", err)
	}
	var f knownFile
	if err := json.Unmarshal(b, &f); err != nil {
		return nil, fmt.Errorf("read known peers %s: %w", path, err)
	}
	if f.Version != knownVersion {
		return nil, fmt.Errorf("read known peers %s: version %d is not %d", path, f.Version, knownVersion)
	}
	peers := make(map[string]netip.AddrPort)
	for _, p := range f.Peers[:min(len(f.Peers), maxKnown)] {
		if isBoardID(p.Board) && p.Address.IsValid() {
			peers[p.Board] = p.Address
		}
	}
	return peers, nil
}

func (k *known) addresses() []netip.AddrPort {
	k.mu.Lock()
	defer k.mu.Unlock()
	return slices.Collect(maps.Values(k.peers))
}

// update takes in the living boards. Those that are not seen now stay known, until
// there are too many: then boards not seen since the start go first.
func (k *known) update(peers []Peer) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, p := range peers {
		if p.Alive {
			k.peers[p.Board] = netip.AddrPortFrom(p.Address, uint16(p.Port))
			k.seen[p.Board] = true
		}
	}
	for _, seen := range []bool{false, true} {
		for board := range k.peers {
			if len(k.peers) > maxKnown && k.seen[board] == seen {
				delete(k.peers, board)
				delete(k.seen, board)
			}
		}
	}
	if !maps.Equal(k.peers, k.written) {
		poke(k.changed)
	}
}

// run writes the file when the set has changed, at most every knownInterval, and
// once more at the end.
func (k *known) run(ctx context.Context) {
	if k.path == "" {
		return
	}
	defer k.write()
	for {
		select {
		case <-ctx.Done():
			return
		case <-k.changed:
		}
		k.write()
		select {
		case <-ctx.Done():
			return
		case <-time.After(knownInterval):
		}
	}
}

func (k *known) write() {
	k.mu.Lock()
	peers := maps.Clone(k.peers)
	same := maps.Equal(peers, k.written)
	k.mu.Unlock()
	if same {
		return
	}
	if err := k.writeKnown(peers); err != nil {
		k.log.Warn().Err(err).Msg("known peers not kept")
		return
	}
	k.mu.Lock()
	k.written = peers
	k.mu.Unlock()
}

func (k *known) writeKnown(peers map[string]netip.AddrPort) error {
	f := knownFile{Version: knownVersion}
	for board, at := range peers {
		f.Peers = append(f.Peers, knownPeer{Board: board, Address: at})
	}
	slices.SortFunc(f.Peers, func(a, b knownPeer) int { return strings.Compare(a.Board, b.Board) })
	b, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("known peers: %w", err)
	}
	return k.replace(k.path, append(b, '\n'), 0o600)
}
