package etcd

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.etcd.io/etcd/client/pkg/v3/transport"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"

	"muster/bootstrap"
)

// TLSFiles names PEM files. The zero value means plain http.
type TLSFiles struct{ CA, Cert, Key string }

// ClientConfig is what Dial needs.
type ClientConfig struct {
	// Endpoints are client URLs, at least one.
	Endpoints []string
	// CA, Cert and Key are PEM files, all or none. Cert and Key are read again at
	// each handshake.
	CA, Cert, Key string
	// DialTimeout bounds one attempt to connect; 0 means 2 s.
	DialTimeout time.Duration
	// RequestTimeout bounds each call of Client beside its context; 0 means 3 s.
	// A call to endpoints that are all dead takes that long.
	RequestTimeout time.Duration
}

// Client asks the cluster about itself. It is safe for concurrent use.
type Client struct {
	c       *clientv3.Client
	timeout time.Duration
	single  single
}

// Member is one row of a member list.
type Member struct {
	ID         string
	Name       string // a founder's from the beginning, else empty until it has started
	PeerURLs   []string
	ClientURLs []string // empty until it has started for the first time
	Learner    bool
	// Started says that it has published its client URLs, as each member does
	// when it is ready for the first time. Its name says nothing: founders have
	// theirs from the initial cluster. etcd v3.7.3 judges alike
	// (server/etcdserver/cluster_util.go, isMemberBootstrapped).
	Started bool
}

// Status is what one member says about itself. Leader is empty if it knows none.
type Status struct {
	ClusterID, MemberID string
	Leader              string
	Term                uint64
	Revision            int64
	DBSize              int64 // bytes on disk
	Learner             bool
	Version             string
	Errors              []string         // alarms and "no leader", in etcd's words
	Alarms              bootstrap.Alarms // those of members; the fence is none
	AlarmOf             string           // the member, hex, for which the graver one was raised
}

// Dial makes a client. It does not wait for a connection; its errors are bad
// arguments and unreadable certificate files.
func Dial(cfg ClientConfig) (*Client, error) {
	t, err := clientTLS(TLSFiles{cfg.CA, cfg.Cert, cfg.Key})
	if err != nil {
		return nil, err
	}
	dialTimeout := orDefault(cfg.DialTimeout, 2*time.Second)
	c, err := clientv3.New(clientv3.Config{
		Endpoints: cfg.Endpoints,
		TLS:       t,
		Logger:    zap.NewNop(),
		// A board that lost its power leaves a connection that looks alive;
		// these bound how long a call believes in it. Keep-alives flow only while
		// a call is open, so an idle client is silent. The server takes a ping
		// every 5 s (embed.DefaultGRPCKeepAliveMinTime) and no more.
		DialTimeout:          dialTimeout,
		DialKeepAliveTime:    5 * time.Second,
		DialKeepAliveTimeout: 2 * time.Second,
		// By default a call to a member without a leader is repeated a hundred
		// times, 25 ms apart; we would rather have the error and decide.
		MaxUnaryRetries:    3,
		BackoffWaitBetween: 200 * time.Millisecond,
		// gRPC tries a dead endpoint again after up to two minutes, and a call
		// waits for that: a board that is back would not be seen in time.
		DialOptions: []grpc.DialOption{grpc.WithConnectParams(grpc.ConnectParams{
			Backoff:           backoff.Config{BaseDelay: 200 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 3 * time.Second},
			MinConnectTimeout: dialTimeout,
		})},
	})
	if err != nil {
		return nil, fmt.Errorf("etcd client: %w", err)
	}
	return &Client{c: c, timeout: orDefault(cfg.RequestTimeout, 3*time.Second), single: single{open: map[string]*grpc.ClientConn{}}}, nil
}

// Close gives up the connections and ends open calls.
func (c *Client) Close() error {
	return errors.Join(c.single.close(), c.c.Close())
}

// MemberList is a member list and the cluster that it is of.
type MemberList struct {
	ClusterID string
	Members   []Member
}

// Members is the linearizable member list, sorted by ID: a quorum agreed that it
// is current. Any error means that the membership is unknown.
func (c *Client) Members(ctx context.Context) (MemberList, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	r, err := c.c.MemberList(ctx)
	if err != nil {
		return MemberList{}, fmt.Errorf("list members: %w", err)
	}
	list := make([]Member, 0, len(r.Members))
	for _, m := range r.Members {
		list = append(list, Member{
			ID: bootstrap.FormatID(m.ID), Name: m.Name, PeerURLs: m.PeerURLs, ClientURLs: m.ClientURLs,
			Learner: m.IsLearner, Started: len(m.ClientURLs) > 0,
		})
	}
	slices.SortFunc(list, func(a, b Member) int { return cmp.Compare(a.ID, b.ID) })
	return MemberList{ClusterID: bootstrap.FormatID(r.Header.GetClusterId()), Members: list}, nil
}

// Status asks the member behind one client URL about itself, over a connection of
// its own that is kept while the answers come. It needs no quorum, but the member
// must be ready.
func (c *Client) Status(ctx context.Context, endpoint string) (Status, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	conn, err := c.single.connection(endpoint, c.c.Dial)
	if err != nil {
		return Status{}, fmt.Errorf("status of %s: %w", endpoint, err)
	}
	r, err := clientv3.NewMaintenanceFromMaintenanceClient(clientv3.RetryMaintenanceClient(c.c, conn), c.c).Status(ctx, endpoint)
	if err != nil {
		c.single.drop(endpoint, conn)
		return Status{}, fmt.Errorf("status of %s: %w", endpoint, err)
	}
	s := Status{
		ClusterID: bootstrap.FormatID(r.Header.GetClusterId()), MemberID: bootstrap.FormatID(r.Header.GetMemberId()),
		Term: r.RaftTerm, Revision: r.Header.GetRevision(), DBSize: r.DbSize,
		Learner: r.IsLearner, Version: r.Version, Errors: r.Errors,
	}
	s.Alarms, s.AlarmOf = alarmsIn(r.Errors)
	if r.Leader != 0 {
		s.Leader = bootstrap.FormatID(r.Leader)
	}
	return s, nil
}

// Probe asks the server behind a peer URL which cluster it is of. It needs no
// quorum and no readiness: the peer port answers as soon as the server has
// started (etcd v3.7.3 server/etcdserver/api/etcdhttp/peer.go). It waits up to
// 2 s or until ctx ends; an error means that nothing is known.
func Probe(ctx context.Context, peerURL string, files TLSFiles) (cluster string, err error) {
	cluster, _, err = askPeer(ctx, peerURL, files)
	return cluster, err
}

// askPeer asks for the member list too, as JSON: it is what that one server has
// heard of.
func askPeer(ctx context.Context, peerURL string, files TLSFiles) (cluster string, members []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	t, err := clientTLS(files)
	if err != nil {
		return "", nil, err
	}
	// A transport of its own without a proxy: peers are on this network, and an
	// idle connection would keep two goroutines.
	rt := &http.Transport{TLSClientConfig: t, DisableKeepAlives: true}
	defer rt.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, strings.TrimSuffix(peerURL, "/")+"/members", nil)
	if err != nil {
		return "", nil, fmt.Errorf("probe: %w", err)
	}
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return "", nil, fmt.Errorf("probe %s: %w", peerURL, err)
	}
	defer resp.Body.Close()
	members, err = io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return "", nil, fmt.Errorf("probe %s: %w", peerURL, err)
	}
	id, err := strconv.ParseUint(resp.Header.Get("X-Etcd-Cluster-ID"), 16, 64)
	if err != nil {
		return "", nil, fmt.Errorf("probe %s: not an etcd peer port (status %d)", peerURL, resp.StatusCode)
	}
	return bootstrap.FormatID(id), members, nil
}

func clientTLS(f TLSFiles) (*tls.Config, error) {
	if f.CA == "" {
		return nil, nil
	}
	info := transport.TLSInfo{CertFile: f.Cert, KeyFile: f.Key, TrustedCAFile: f.CA, Logger: zap.NewNop()}
	t, err := info.ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("etcd client certificates: %w", err)
	}
	return t, nil
}
