package etcd

import (
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"go.etcd.io/etcd/api/v3/version"
)

// Config is what the child is fed with on standard input, as one JSON
// document. No secret is in it: certificates and keys are named by path.
type Config struct {
	// Name is the member's name, Dir its data directory.
	Name string `json:"name"`
	Dir  string `json:"dir"`

	// PeerURL and ClientURL are advertised, and listened on exactly as they
	// are: their hosts must be IP addresses of this board.
	PeerURL   string `json:"peer_url"`
	ClientURL string `json:"client_url"`
	// ListenPeerURL is where peers are listened for if that is not PeerURL: a
	// founder that moved before its first start must found as the member that was
	// agreed on, whose ID is made from PeerURL.
	ListenPeerURL string `json:"listen_peer_url,omitempty"`

	// InitialCluster ("name=url,name=url"), Token and State ("new" or
	// "existing") found or join a cluster. All of them are empty for a restart:
	// etcd ignores them as soon as there is a write-ahead log.
	InitialCluster string `json:"initial_cluster,omitempty"`
	Token          string `json:"token,omitempty"`
	State          string `json:"state,omitempty"`

	// HoldAddresses: the peer URLs in the database are the ones to start with, as
	// after [Readdress], whatever the log says that the database has taken in.
	HoldAddresses bool `json:"hold_addresses,omitempty"`

	// WantMember and WantCluster are the IDs, in hexadecimal, that were computed
	// beforehand; empty means that there is nothing to compare with. A child
	// whose IDs differ ends with [CodeForeignIDs]: before it writes anything where
	// they can be known beforehand (a data directory, State "new", or a member of
	// the cluster to join that answers), else as soon as they are.
	WantMember  string `json:"want_member,omitempty"`
	WantCluster string `json:"want_cluster,omitempty"`

	// CA, Cert and Key are PEM files; empty means plain http. They serve peers
	// and clients alike, and both must show a certificate of the same CA. Cert
	// and Key are read again at each handshake, CA only at the start.
	CA   string `json:"ca,omitempty"`
	Cert string `json:"cert,omitempty"`
	Key  string `json:"key,omitempty"`

	// QuotaBytes is the largest size of the database; 0 means [DefaultQuota].
	QuotaBytes int64 `json:"quota_bytes,omitempty"`
	// Heartbeat and Election are etcd's two periods, whole milliseconds, the
	// same on all members, Election at least five times Heartbeat and at most
	// 50 s; 0 means etcd's 100 ms and 1 s. In JSON they are strings like "100ms".
	Heartbeat time.Duration `json:"-"`
	Election  time.Duration `json:"-"`

	// MemoryLimit is the soft limit in bytes of the child's Go heap, see
	// [LimitMemory]; 0 means none.
	MemoryLimit int64 `json:"memory_limit,omitempty"`
	// BoardMemory is how many bytes of memory the board, or the control group, has;
	// 0 means that it is not known.
	BoardMemory int64 `json:"board_memory,omitempty"`
	// LogLevel is the lowest level that the child writes at all: "debug", "info",
	// "warn", "error". Empty lets [Spawn] choose what its logger would show.
	LogLevel string `json:"log_level,omitempty"`
}

// plainConfig is Config without its methods, and with periods as text.
type plainConfig struct {
	*configFields
	Heartbeat string `json:"heartbeat,omitempty"`
	Election  string `json:"election,omitempty"`
}

type configFields Config

// MarshalJSON writes the periods as text.
func (c Config) MarshalJSON() ([]byte, error) {
	p := plainConfig{configFields: (*configFields)(&c)}
	if c.Heartbeat != 0 {
		p.Heartbeat = c.Heartbeat.String()
	}
	if c.Election != 0 {
		p.Election = c.Election.String()
	}
	return json.Marshal(p)
}

// UnmarshalJSON is the inverse of MarshalJSON.
func (c *Config) UnmarshalJSON(b []byte) error {
	p := plainConfig{configFields: (*configFields)(c)}
	if err := json.Unmarshal(b, &p); err != nil {
		return err
	}
	for _, f := range []struct {
		name, text string
		into       *time.Duration
	}{{"heartbeat", p.Heartbeat, &c.Heartbeat}, {"election", p.Election, &c.Election}} {
		if f.text == "" {
			continue
		}
		d, err := time.ParseDuration(f.text)
		if err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
		*f.into = d
	}
	return nil
}

// Version is the version of the etcd that is built in, e.g. "3.7.3".
func Version() string { return version.Version }

// numberOf reads a member's ID as etcdctl prints it.
func numberOf(id string) (uint64, error) {
	n, err := strconv.ParseUint(id, 16, 64)
	if err != nil {
		return 0, fmt.Errorf("member %q: not an ID", id)
	}
	return n, nil
}

// sameID compares two IDs in hexadecimal as numbers, so that padding and case
// do not matter. What is not a number is equal to nothing.
func sameID(a, b string) bool {
	x, errX := numberOf(a)
	y, errY := numberOf(b)
	return errX == nil && errY == nil && x == y
}
