package discovery

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
)

const (
	// streamTimeout bounds dialling, and each phase of a stream.
	streamTimeout = 2500 * time.Millisecond
	// maxStreams bounds how many streams are open at a time, so that a flood of
	// connections cannot take all file descriptors.
	maxStreams = 256
)

var errRefused = errors.New("refused")

// transport is memberlist's own one behind the filter.
type transport struct {
	inner   *memberlist.NetTransport
	address netip.Addr
	label   string
	reject  func(from net.Addr, why string)
	packets chan *memberlist.Packet
	streams chan net.Conn

	ctx    context.Context // ends dialling at Shutdown
	cancel context.CancelFunc
	loops  sync.WaitGroup
	mu     sync.Mutex
	open   map[net.Conn]struct{}
	closed bool
}

var _ memberlist.NodeAwareTransport = (*transport)(nil)

func newTransport(at netip.AddrPort, label string, logger *log.Logger, reject func(net.Addr, string)) (*transport, error) {
	inner, err := memberlist.NewNetTransport(&memberlist.NetTransportConfig{
		BindAddrs: []string{at.Addr().String()}, BindPort: int(at.Port()), Logger: logger,
	})
	if err != nil {
		return nil, fmt.Errorf("gossip on address %s port %d: %w", at.Addr(), at.Port(), err)
	}
	t := &transport{
		inner: inner, address: at.Addr(), label: label, reject: reject,
		packets: make(chan *memberlist.Packet), streams: make(chan net.Conn),
		open: make(map[net.Conn]struct{}),
	}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	t.loops.Go(t.forwardPackets)
	t.loops.Go(t.forwardStreams)
	return t, nil
}

func (t *transport) forwardPackets() {
	for {
		select {
		case <-t.ctx.Done():
			return
		case p := <-t.inner.PacketCh():
			if why := judgePacket(p.Buf, t.label); why != "" {
				t.reject(p.From, why)
				continue
			}
			select {
			case t.packets <- p:
			case <-t.ctx.Done():
				return
			}
		}
	}
}

func (t *transport) forwardStreams() {
	for {
		select {
		case <-t.ctx.Done():
			return
		case c := <-t.inner.StreamCh():
			guarded, err := t.guard(c, true)
			if err != nil {
				continue
			}
			select {
			case t.streams <- guarded:
			case <-t.ctx.Done():
				_ = guarded.Close()
				return
			}
		}
	}
}

// guard wraps a connection so that its first Read judges the header. That happens
// on memberlist's own goroutine for this stream and under its deadline, so a silent
// stream holds up nobody.
func (t *transport) guard(c net.Conn, inbound bool) (net.Conn, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || (inbound && len(t.open) >= maxStreams) {
		_ = c.Close()
		return nil, fmt.Errorf("stream with %s: %w", c.RemoteAddr(), errRefused)
	}
	t.open[c] = struct{}{}
	return &guardedConn{Conn: c, transport: t, inbound: inbound}, nil
}

func (t *transport) FinalAdvertiseAddr(ip string, port int) (net.IP, int, error) {
	return t.inner.FinalAdvertiseAddr(ip, port)
}

func (t *transport) WriteTo(b []byte, addr string) (time.Time, error) {
	return t.inner.WriteTo(b, addr)
}

func (t *transport) WriteToAddress(b []byte, addr memberlist.Address) (time.Time, error) {
	return t.inner.WriteToAddress(b, addr)
}

func (t *transport) PacketCh() <-chan *memberlist.Packet { return t.packets }

func (t *transport) StreamCh() <-chan net.Conn { return t.streams }

func (t *transport) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	return t.DialAddressTimeout(memberlist.Address{Addr: addr}, timeout)
}

// DialAddressTimeout dials from our gossip address, so that firewalls and the
// other side's books see one address per board on boards with several.
func (t *transport) DialAddressTimeout(addr memberlist.Address, timeout time.Duration) (net.Conn, error) {
	d := net.Dialer{Timeout: timeout}
	if to, err := netip.ParseAddrPort(addr.Addr); err == nil && to.Addr().Unmap().Is4() == t.address.Is4() {
		d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(t.address, 0))
	}
	c, err := d.DialContext(t.ctx, "tcp", addr.Addr)
	if err != nil {
		return nil, err
	}
	// memberlist v0.7.0 writes user messages and its state without a deadline; a
	// peer that stops reading would hold the sender for as long as TCP tries.
	if err := c.SetDeadline(time.Now().Add(streamTimeout)); err != nil {
		_ = c.Close()
		return nil, fmt.Errorf("set deadline of stream to %s: %w", addr.Addr, err)
	}
	return t.guard(c, false)
}

func (t *transport) Shutdown() error {
	// The loops have to run until the listeners are closed: a listener that
	// hands over a packet to nobody would never end.
	err := t.inner.Shutdown()
	t.cancel()
	t.mu.Lock()
	t.closed = true
	for c := range t.open {
		_ = c.Close()
	}
	t.mu.Unlock()
	t.loops.Wait()
	return err
}

// guardedConn is a connection whose header is judged by the first Read.
type guardedConn struct {
	net.Conn
	transport *transport
	inbound   bool
	reader    *bufio.Reader
	err       error
}

func (c *guardedConn) Read(p []byte) (int, error) {
	if c.reader == nil {
		c.reader = bufio.NewReader(c.Conn)
		c.err = c.judge()
	}
	if c.err != nil {
		return 0, c.err
	}
	return c.reader.Read(p)
}

func (c *guardedConn) judge() error {
	need, why := 1, ""
	for need > 0 {
		b, err := c.reader.Peek(need)
		if err != nil && (len(b) == 0 || !errors.Is(err, io.EOF)) {
			return err
		}
		if err != nil {
			why = whyTruncated
			break
		}
		need, why = judgeStream(b, c.transport.label, c.inbound)
	}
	if why == "" {
		return nil
	}
	c.transport.reject(c.RemoteAddr(), why)
	return fmt.Errorf("%w: %s", errRefused, why)
}

func (c *guardedConn) Close() error {
	c.transport.mu.Lock()
	delete(c.transport.open, c.Conn)
	c.transport.mu.Unlock()
	return c.Conn.Close()
}
