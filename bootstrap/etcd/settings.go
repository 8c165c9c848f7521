package etcd

import (
	"fmt"
	"math"
	"net/url"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/transport"
	"go.etcd.io/etcd/pkg/v3/featuregate"
	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/storage"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.uber.org/zap"
)

// DefaultQuota is the largest database, in bytes, if the configuration names none.
const DefaultQuota int64 = 256 << 20

// Periods of etcd if the configuration names none, embed.NewConfig's own.
const (
	defaultHeartbeat = 100 * time.Millisecond
	defaultElection  = time.Second
)

// segmentBytes is the size of one file of the write-ahead log. etcd allocates
// two ahead: with its own 64 MB an empty member takes 123 MB of a small card,
// with 8 MB it takes 16.
const segmentBytes = 8_000_000

// tuneProcess sets what holds for the whole process and therefore belongs into
// the child only.
func tuneProcess(c Config) {
	// The variable must be set before StartEtcd opens the log; etcd has no
	// setting for it (storage/wal/wal.go).
	wal.SegmentSizeBytes = segmentBytes
	debug.SetGCPercent(scaleOf(c.BoardMemory).gcPercent)
	if c.MemoryLimit > 0 {
		LimitMemory(c.MemoryLimit)
	}
	dieFirst()
}

// dieFirst makes the kernel choose etcd rather than its agent where memory runs
// out: the agent starts it again, and nobody but systemd starts the agent. It may
// be denied, and is no more than a preference.
func dieFirst() {
	const file = "/proc/self/oom_score_adj"
	text, err := os.ReadFile(file)
	if err != nil {
		return
	}
	if adj, err := strconv.Atoi(strings.TrimSpace(string(text))); err == nil {
		_ = os.WriteFile(file, []byte(strconv.Itoa(min(adj+100, 1000))), 0)
	}
}

// LimitMemory sets the soft limit in bytes of this process's Go heap, unless it
// has one: the owner's GOMEMLIMIT wins.
func LimitMemory(bytes int64) {
	if debug.SetMemoryLimit(-1) == math.MaxInt64 {
		debug.SetMemoryLimit(bytes)
	}
}

// settings turns c into etcd's configuration. Everything that differs from
// embed.NewConfig is in this function and the set functions it calls.
func settings(c Config, lg *zap.Logger) (*embed.Config, error) {
	e := embed.NewConfig()
	e.ZapLoggerBuilder = embed.NewZapLoggerBuilder(lg)
	e.Name, e.Dir = c.Name, c.Dir
	if err := setURLs(e, c); err != nil {
		return nil, err
	}
	setTLS(e, c)

	// With a log on disk etcd ignores these three, and a restart leaves them
	// empty; embed validates the state all the same.
	e.InitialCluster, e.InitialClusterToken = c.InitialCluster, c.Token
	e.ClusterState = embed.ClusterStateFlagExisting
	if c.State != "" {
		e.ClusterState = c.State
	}
	if c.InitialCluster == "" {
		e.InitialCluster = c.Name + "=" + c.PeerURL
	}

	e.TickMs = uint(orDefault(c.Heartbeat, defaultHeartbeat).Milliseconds())
	e.ElectionMs = uint(orDefault(c.Election, defaultElection).Milliseconds())
	// Both are etcd's defaults. They are named because founding and restart
	// times rest on them: a member that comes back does not disturb a leader,
	// and the first election does not wait a whole timeout.
	e.PreVote = true
	e.InitialElectionTickAdvance = true

	scale := scaleOf(c.BoardMemory)
	e.SnapshotCount, e.SnapshotCatchUpEntries = scale.snapshotCount, scale.catchUpEntries
	// Files beyond these are removed. Snapshot files are not read by 3.7.
	e.MaxSnapFiles = 2
	e.MaxWalFiles = 3
	// Off by default; without it the history of a busy key fills the quota.
	e.AutoCompactionMode = embed.CompactorModePeriodic
	e.AutoCompactionRetention = "1h"
	// The JSON gateway is a second gRPC connection and some MB for nothing here.
	e.EnableGRPCGateway = false
	e.QuotaBackendBytes = quota(c.QuotaBytes)

	// One at a time: the steward makes one change of membership at a time, and
	// a joiner refuses a list with more learners than it allows itself.
	e.MaxLearners = 1
	// Refuse changes that cost the quorum (default, named because safety rests on it).
	e.StrictReconfigCheck = true

	if err := setCorruptionCheck(e); err != nil {
		return nil, fmt.Errorf("set corruption check: %w", err)
	}
	return e, nil
}

func setCorruptionCheck(e *embed.Config) error {
	gate, ok := e.ServerFeatureGate.(featuregate.MutableFeatureGate)
	if !ok {
		return fmt.Errorf("feature gates are of type %T", e.ServerFeatureGate)
	}
	// Cards rot. The leader compares hashes after each compaction; off by default.
	// InitialCorruptCheck, its companion for the start, stays off: it asks the
	// peers between binding the peer port and serving it, so members that start
	// together wait for each other until the requests time out. Three that came
	// back from a power cut were ready after 14 s; with the same check right after
	// the start, see attend, after half a second.
	return gate.Set("CompactHashCheck=true")
}

// quota avoids etcd's own default value: for exactly that one it maps 10 GiB of
// address space, which does not exist on 32 bits; any other maps quota + 10 %
// (storage/backend.go).
func quota(bytes int64) int64 {
	switch bytes {
	case 0:
		return DefaultQuota
	case storage.DefaultQuotaBytes:
		return bytes - 4096
	}
	return bytes
}

func setURLs(e *embed.Config, c Config) error {
	peer, err := url.Parse(c.PeerURL)
	if err != nil {
		return fmt.Errorf("peer url: %w", err)
	}
	listen := peer
	if c.ListenPeerURL != "" {
		if listen, err = url.Parse(c.ListenPeerURL); err != nil {
			return fmt.Errorf("peer url to listen at: %w", err)
		}
	}
	client, err := url.Parse(c.ClientURL)
	if err != nil {
		return fmt.Errorf("client url: %w", err)
	}
	e.ListenPeerUrls, e.AdvertisePeerUrls = []url.URL{*listen}, []url.URL{*peer}
	e.ListenClientUrls, e.AdvertiseClientUrls = []url.URL{*client}, []url.URL{*client}
	return nil
}

func setTLS(e *embed.Config, c Config) {
	if c.CA == "" {
		return
	}
	// ClientCertAuth on both: without it the peer port takes raft messages from
	// anybody. The peer port also compares the caller's address with the
	// addresses in its certificate, so a certificate must carry all own ones.
	info := transport.TLSInfo{CertFile: c.Cert, KeyFile: c.Key, TrustedCAFile: c.CA, ClientCertAuth: true}
	e.PeerTLSInfo, e.ClientTLSInfo = info, info
}

func orDefault(d, standard time.Duration) time.Duration {
	if d == 0 {
		return standard
	}
	return d
}
