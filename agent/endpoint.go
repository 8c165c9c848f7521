package agent

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

const (
	endpointDial  = time.Second     // how long one member may take to accept
	endpointRetry = 5 * time.Second // between attempts to listen
)

// endpoint is the local client endpoint: a TCP proxy to the members, so that
// TLS stays from end to end. etcd's grpcproxy would end TLS here, and serves
// stale reads without bound.
type endpoint struct {
	address netip.AddrPort
	log     zerolog.Logger

	mu     sync.Mutex
	own    string   // host:port of this board's own member, "" if it has none that is healthy
	others []string // of the other healthy members
	open   map[net.Conn]string
	bound  bool
}

func newEndpoint(address netip.AddrPort, log zerolog.Logger) *endpoint {
	return &endpoint{address: address, log: log, open: map[net.Conn]string{}}
}

// aim sets the members to which connections go. Connections to members that
// are not among them any more are closed: a client behind a member without a
// leader would wait for its own timeout.
func (e *endpoint) aim(own string, others []string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.own, e.others = own, others
	if own == "" && len(others) == 0 {
		// Nobody better is known; what is open may still work.
		return
	}
	for c, backend := range e.open {
		if backend != own && !slices.Contains(others, backend) {
			c.Close()
		}
	}
}

// listening tells whether clients can use the endpoint.
func (e *endpoint) listening() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.bound
}

// run listens until ctx ends, and again if the address is taken.
func (e *endpoint) run(ctx context.Context) {
	warned := false
	for ctx.Err() == nil {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", e.address.String())
		if err == nil {
			e.setBound(true)
			e.serve(ctx, l)
			e.setBound(false)
			return
		}
		if !warned {
			warned = true
			e.log.Warn().Err(err).Stringer("local_endpoint", e.address).
				Msg("the local endpoint cannot listen; set etcd.local_endpoint to a free address, or to off")
		}
		select {
		case <-ctx.Done():
		case <-time.After(endpointRetry):
		}
	}
}

func (e *endpoint) setBound(b bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.bound = b
}

func (e *endpoint) serve(ctx context.Context, l net.Listener) {
	var conns sync.WaitGroup
	stop := context.AfterFunc(ctx, func() {
		l.Close()
		e.mu.Lock()
		defer e.mu.Unlock()
		for c := range e.open {
			c.Close()
		}
	})
	defer conns.Wait()
	defer stop()
	for {
		client, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			// Out of file descriptors, most likely; accepting again at once
			// would spin.
			select {
			case <-ctx.Done():
				return
			case <-time.After(50 * time.Millisecond):
				continue
			}
		}
		conns.Go(func() { e.forward(ctx, client) })
	}
}

func (e *endpoint) forward(ctx context.Context, client net.Conn) {
	defer client.Close()
	member, backend := e.dial(ctx)
	if member == nil {
		return
	}
	defer member.Close()
	if !e.register(ctx, client, backend) {
		return
	}
	defer e.unregister(client)
	var back sync.WaitGroup
	back.Go(func() { pipe(client, member) })
	pipe(member, client)
	back.Wait()
}

// pipe copies until one side ends, and passes the end on.
func pipe(to, from net.Conn) {
	if _, err := io.Copy(to, from); err != nil {
		to.Close()
		from.Close()
		return
	}
	if t, ok := to.(*net.TCPConn); ok {
		t.CloseWrite()
	}
}

// dial tries the members: this board's own first, the others in any order.
func (e *endpoint) dial(ctx context.Context) (net.Conn, string) {
	e.mu.Lock()
	own, backends := e.own, slices.Clone(e.others)
	e.mu.Unlock()
	// In any order, or all standbys of a fleet would load the same member.
	rand.Shuffle(len(backends), func(i, j int) { backends[i], backends[j] = backends[j], backends[i] })
	if own != "" {
		backends = slices.Insert(backends, 0, own)
	}
	d := net.Dialer{Timeout: endpointDial}
	for _, b := range backends {
		if c, err := d.DialContext(ctx, "tcp", b); err == nil {
			return c, b
		}
	}
	return nil, ""
}

// register remembers an open connection. It is false once ctx has ended: then
// nobody would close the connection.
func (e *endpoint) register(ctx context.Context, c net.Conn, backend string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if ctx.Err() != nil {
		return false
	}
	e.open[c] = backend
	return true
}

func (e *endpoint) unregister(c net.Conn) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.open, c)
}
