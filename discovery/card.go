package discovery

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"time"
	"unicode/utf8"
)

// MaxCard is the number of bytes which a card may take once encoded: memberlist
// v0.7.0 (memberlist.MetaMaxSize) carries no more metadata per node.
const MaxCard = 512

// Card is what a board tells about itself in gossip. Zero values mean unknown.
type Card struct {
	Board     string // board ID, 16 hex digits
	Life      string // random ID born with the data directory, 16 hex digits
	Name      string // host name as the board has it; not unique
	Seq       uint64 // of two cards of one board the higher is the present one
	Role      string // voter, learner, standby or none
	State     string // row of the design table
	Cluster   string // cluster ID of its data, hex; "" none
	Member    string // member ID of its data, hex; "" none
	Data      bool   // its data directory holds a member
	Plan      string // digest of the founding plan it knows; "" none
	PeerURL   string
	ClientURL string
	Healthy   bool   // its etcd answers and has a leader
	Seat      Seat   // what it last gave as steward
	Keys      int    // whether its cluster has keys: 0 not known, 1 none were ever written, 2 some
	Boards    int    // founding terms of its profile: boards
	Voters    int    // founding terms of its profile: voters
	Never     bool   // its profile says founding: never
	Mislists  string // the member, hex, that its own etcd lists elsewhere than that one's card says; "" none
	Renews    bool   // it was asked to start anew and has not yet
	Sync      int    // ms in which 99 of 100 writes were on its disk, rounded up
	Trip      int    // ms to the slowest of the boards it works with and back, rounded up
	Pace      int    // etcd's heartbeat in the whole fleet, in ms, if it is the steward
	Log       Mark   // how far the log of its running member is
	Alarms    int    // of its etcd, as bits: 1 no space, 2 corrupt
	AlarmOf   string // the member, hex, for which the graver one was raised; "" none
	Missed    Missed // the voter that it has not seen for the longest, if it is the steward
	Twin      bool   // it has lately seen its own ID alive elsewhere
	Replace   int    // heal.replace_after of its profile in s; below 0: never, 0: not known
	Beat      int    // etcd.heartbeat of its profile in ms; 0: auto
	Version   string
}

// Seat is a place in the cluster that was given to one life of one board.
type Seat struct {
	Member string `json:"m"` // member ID, hex
	Life   string `json:"l"`
}

// Mark is the term and the index of an entry of a member's log.
type Mark struct {
	Term  uint64 `json:"t,omitempty"`
	Index uint64 `json:"i,omitempty"`
}

// Missed is a voter that a steward has not seen for so many whole minutes.
type Missed struct {
	Member  string `json:"m"` // hex
	Minutes int    `json:"n,omitempty"`
	Silent  bool   `json:"s,omitempty"` // its board is on, and its etcd is not heard of
}

// wireCard is the JSON form. Its keys are short because 512 bytes is all there is.
type wireCard struct {
	Board     string `json:"b"`
	Life      string `json:"l,omitempty"`
	Name      string `json:"n,omitempty"`
	Seq       uint64 `json:"q,omitempty"`
	Role      string `json:"r,omitempty"`
	State     string `json:"s,omitempty"`
	Cluster   string `json:"c,omitempty"`
	Member    string `json:"m,omitempty"`
	Data      bool   `json:"d,omitempty"`
	Plan      string `json:"p,omitempty"`
	PeerURL   string `json:"u,omitempty"`
	ClientURL string `json:"k,omitempty"`
	Healthy   bool   `json:"h,omitempty"`
	Seat      Seat   `json:"t,omitzero"`
	Keys      int    `json:"e,omitempty"`
	Boards    int    `json:"B,omitempty"`
	Voters    int    `json:"V,omitempty"`
	Never     bool   `json:"N,omitempty"`
	Mislists  string `json:"o,omitempty"`
	Renews    bool   `json:"R,omitempty"`
	Sync      int    `json:"f,omitempty"`
	Trip      int    `json:"i,omitempty"`
	Pace      int    `json:"a,omitempty"`
	Log       Mark   `json:"w,omitzero"`
	Alarms    int    `json:"z,omitempty"`
	AlarmOf   string `json:"y,omitempty"`
	Missed    Missed `json:"g,omitzero"`
	Twin      bool   `json:"2,omitempty"`
	Replace   int    `json:"A,omitempty"`
	Beat      int    `json:"H,omitempty"`
	Version   string `json:"v,omitempty"`
}

// Names longer than this are cut: they are for reading, nothing is decided by them.
const (
	maxCardName    = 63
	maxCardState   = 40
	maxCardVersion = 32
)

// CardSizeError says that a card does not fit into MaxCard bytes.
type CardSizeError struct{ Size int }

func (e *CardSizeError) Error() string {
	return fmt.Sprintf("card takes %d bytes, %d is the limit", e.Size, MaxCard)
}

// EncodeCard gives the JSON form of a card, at most MaxCard bytes. Long names,
// states and versions are cut. Where that is not enough what is only read goes, the
// name first, and then what can come later; a card that is too long even
// then is a *CardSizeError.
func EncodeCard(c Card) ([]byte, error) {
	c.State = cut(c.State, maxCardState)
	c.Version = cut(c.Version, maxCardVersion)
	// JSON escapes can make a name six times as long, so its length is tried, not computed.
	var give []func()
	for n := maxCardName; n > 0; n /= 2 {
		give = append(give, func() { c.Name = cut(c.Name, n) })
	}
	give = append(give, func() { c.Name = "" }, func() { c.Version = "" }, func() { c.State = "" }, func() { c.AlarmOf = "" }, func() { c.Missed = Missed{} }, func() { c.Mislists = "" })
	size := 0
	for _, up := range give {
		up()
		b, err := json.Marshal(wireCard(c))
		if err != nil {
			return nil, fmt.Errorf("encode card of board %s: %w", c.Board, err)
		}
		if size = len(b); size <= MaxCard {
			return b, nil
		}
	}
	return nil, &CardSizeError{Size: size}
}

// DecodeCard reads what EncodeCard wrote. Unknown keys are ignored, so that a
// newer board can say more. A card without a well-formed board ID is an error.
func DecodeCard(b []byte) (Card, error) {
	if len(b) > MaxCard {
		return Card{}, &CardSizeError{Size: len(b)}
	}
	var w wireCard
	if err := json.Unmarshal(b, &w); err != nil {
		return Card{}, fmt.Errorf("decode card: %w", err)
	}
	if !isBoardID(w.Board) {
		return Card{}, fmt.Errorf("decode card: board ID %q is not 16 hex digits", w.Board)
	}
	return Card(w), nil
}

func isBoardID(s string) bool {
	if len(s) != 16 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// cut shortens s to at most n bytes without splitting a rune.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// Peer is another board, as gossip knows it.
type Peer struct {
	Card
	Address netip.Addr
	Port    int // gossip port
	Alive   bool
	Since   time.Time // of the last change of Alive, by our own clock
	Doubled bool      // two living boards show this ID, in different lives
}

// Message is what another board sent to us.
type Message struct {
	From    string // board ID
	Payload []byte
	Shared  bool // it came by push/pull state exchange, not by Send
}

// Sighting is a beacon: a board that showed itself by mDNS. It proves nothing,
// anybody on the network can send one.
type Sighting struct {
	Cluster     string
	Fingerprint string // of the fleet secret, truncated
	Board       string
	Name        string
	Address     netip.Addr
	Seen        time.Time // last seen
}

// Rejection is a sender whose packets or streams were refused.
type Rejection struct {
	Address netip.Addr
	Why     string
	Count   int
	Last    time.Time
}
