package founding

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// Founder is a board as it is named in a plan.
type Founder struct {
	// Board is the board ID, Life the ID born with its data directory.
	Board string `json:"board"`
	Life  string `json:"life"`
	// Name is the etcd member name.
	Name string `json:"name"`
	// PeerURL is where the member will listen: scheme://host:port.
	PeerURL string `json:"peer_url"`
}

// Plan is the value that is agreed on: all that a board needs to start etcd as
// a founder, and to know which cluster every other founder will start.
// Founders are sorted by PeerURL.
type Plan struct {
	Cluster    string    `json:"cluster"`
	Generation uint64    `json:"generation"`
	Token      string    `json:"token"`
	Founders   []Founder `json:"founders"`
	// Heartbeat is that of etcd in milliseconds, of which ten are the election
	// timeout; at most maxHeartbeat. 0 is etcd's own, and not part of the digest.
	Heartbeat int `json:"heartbeat_ms,omitempty"`
	// Ballot is the one in which the plan was made. Every founder promised in it, so a
	// founder whose record has a lower promise lost its disk, or has an older one: see
	// [Record.Forgot].
	Ballot Ballot `json:"ballot,omitzero"`
}

// maxHeartbeat is the slowest that etcd takes: an election timeout of 50 s.
const maxHeartbeat = 5000

// InitialCluster is the value for etcd's initial-cluster: name=url,name=url in
// the order of the peer URLs.
func (p Plan) InitialCluster() string {
	parts := make([]string, len(p.Founders))
	for i, f := range p.Founders {
		parts[i] = f.Name + "=" + f.PeerURL
	}
	return strings.Join(parts, ",")
}

// MemberID is the ID that etcd will give to the member on that board, false if
// the plan does not name it. etcd v3.7.3
// server/etcdserver/api/membership/member.go computeMemberID: the first 8 bytes,
// big endian, of the SHA-1 of the sorted peer URLs and the token. There is one
// peer URL per founder.
func (p Plan) MemberID(board string) (uint64, bool) {
	f, ok := p.Founder(board)
	if !ok {
		return 0, false
	}
	return p.memberID(f), true
}

func (p Plan) memberID(f Founder) uint64 {
	sum := sha1.Sum([]byte(f.PeerURL + p.Token))
	return binary.BigEndian.Uint64(sum[:8])
}

// ClusterID is the ID that etcd will give to the cluster. etcd v3.7.3
// server/etcdserver/api/membership/cluster.go genID: the first 8 bytes, big
// endian, of the SHA-1 of the member IDs in ascending order.
func (p Plan) ClusterID() uint64 {
	ids := make([]uint64, len(p.Founders))
	for i, f := range p.Founders {
		ids[i] = p.memberID(f)
	}
	slices.Sort(ids)
	var b []byte
	for _, id := range ids {
		b = binary.BigEndian.AppendUint64(b, id)
	}
	sum := sha1.Sum(b)
	return binary.BigEndian.Uint64(sum[:8])
}

// First is the founder behind the start barrier: the one with the
// string-lowest peer URL starts before the others. It is zero in a plan
// without founders, which Validate refuses.
func (p Plan) First() Founder {
	var first Founder
	for i, f := range p.Founders {
		if i == 0 || f.PeerURL < first.PeerURL {
			first = f
		}
	}
	return first
}

// Founder finds a board in the plan.
func (p Plan) Founder(board string) (Founder, bool) {
	i := slices.IndexFunc(p.Founders, func(f Founder) bool { return f.Board == board })
	if i < 0 {
		return Founder{}, false
	}
	return p.Founders[i], true
}

// Digest is 16 hex digits over the whole plan: equal plans have equal digests.
func (p Plan) Digest() string {
	// Every field is preceded by its length, so that no two plans share an encoding.
	var b []byte
	field := func(s string) {
		b = binary.BigEndian.AppendUint64(b, uint64(len(s)))
		b = append(b, s...)
	}
	field(p.Cluster)
	field(strconv.FormatUint(p.Generation, 10))
	field(p.Token)
	for _, f := range p.Founders {
		field(f.Board)
		field(f.Life)
		field(f.Name)
		field(f.PeerURL)
	}
	if p.Heartbeat != 0 {
		field(strconv.Itoa(p.Heartbeat))
	}
	if !p.Ballot.IsZero() {
		field(strconv.FormatUint(p.Ballot.Counter, 10))
		field(p.Ballot.Board)
		field(p.Ballot.Life)
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:8])
}

// Equal tells whether p and q are the same plan.
func (p Plan) Equal(q Plan) bool {
	return p.Cluster == q.Cluster && p.Generation == q.Generation && p.Token == q.Token &&
		p.Heartbeat == q.Heartbeat && p.Ballot == q.Ballot && slices.Equal(p.Founders, q.Founders)
}

// Validate tells why p cannot be a plan under the terms t: another cluster or
// generation, not as many founders as voters, or not well formed.
func (p Plan) Validate(t Terms) error {
	if err := p.validateFor(t); err != nil {
		return err
	}
	if len(p.Founders) != t.Voters {
		return fmt.Errorf("plan for %s: %d founders, want %d", p.Cluster, len(p.Founders), t.Voters)
	}
	return nil
}

// validateFor is Validate without the number of founders, which an owner may
// have changed in the profile since the plan was chosen.
func (p Plan) validateFor(t Terms) error {
	if p.Cluster != t.Cluster || p.Generation != t.Generation {
		return fmt.Errorf("plan for cluster %q generation %d, want cluster %q generation %d",
			p.Cluster, p.Generation, t.Cluster, t.Generation)
	}
	if p.Token == "" {
		return fmt.Errorf("plan for %s: no token", p.Cluster)
	}
	if p.Heartbeat < 0 || p.Heartbeat > maxHeartbeat {
		return fmt.Errorf("plan for %s: a heartbeat of %d ms, want 0 to %d", p.Cluster, p.Heartbeat, maxHeartbeat)
	}
	if !p.Ballot.IsZero() && !p.Ballot.possible() {
		return fmt.Errorf("plan for %s: impossible ballot %s", p.Cluster, p.Ballot)
	}
	if len(p.Founders) == 0 {
		return fmt.Errorf("plan for %s: no founders", p.Cluster)
	}
	seen := make(map[string]bool)
	for i, f := range p.Founders {
		if err := f.validate(); err != nil {
			return fmt.Errorf("plan for %s: %w", p.Cluster, err)
		}
		if i > 0 && p.Founders[i-1].PeerURL > f.PeerURL {
			return fmt.Errorf("plan for %s: founders are not sorted by peer URL", p.Cluster)
		}
		for _, key := range []string{"board " + f.Board, "life " + f.Life, "name " + f.Name, "peer URL " + f.PeerURL} {
			if seen[key] {
				return fmt.Errorf("plan for %s: %s is named twice", p.Cluster, key)
			}
			seen[key] = true
		}
	}
	return nil
}

// validate tells why a board cannot be a founder.
func (f Founder) validate() error {
	switch {
	case f.Board == "":
		return errors.New("founder without board ID")
	case f.Life == "":
		return fmt.Errorf("founder %s: no life", f.Board)
	case f.Name == "":
		return fmt.Errorf("founder %s: no name", f.Board)
	// Both separate the entries of initial-cluster.
	case strings.ContainsAny(f.Name, "=,"):
		return fmt.Errorf("founder %s: name %q contains '=' or ','", f.Board, f.Name)
	}
	u, err := url.Parse(f.PeerURL)
	if err != nil {
		return fmt.Errorf("founder %s: peer URL: %w", f.Board, err)
	}
	// The exact form is hashed into the member ID, and etcd cuts what it does
	// not need: only what it leaves untouched may pass.
	plain := u.Scheme + "://" + u.Host
	if (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || u.Port() == "" ||
		plain != f.PeerURL || strings.ContainsAny(f.PeerURL, "=,") {
		return fmt.Errorf("founder %s: peer URL %q is not http(s)://host:port", f.Board, f.PeerURL)
	}
	return nil
}

func (p Plan) clone() *Plan {
	p.Founders = slices.Clone(p.Founders)
	return &p
}
