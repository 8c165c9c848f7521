package boards

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"time"
)

// reach opens a TCP connection from one board to another, at its present address.
func reach(from, to *Board, within time.Duration) error { return reachAt(from, to, 0, within) }

// reachAt does so at a port of the other board.
func reachAt(from, to *Board, port int, within time.Duration) error {
	var listener net.Listener
	err := to.InNetwork(func() (err error) {
		listener, err = net.Listen("tcp", fmt.Sprintf(":%d", port))
		return err
	})
	if err != nil {
		return err
	}
	defer listener.Close()
	at := fmt.Sprint(listener.Addr().(*net.TCPAddr).Port)
	conn, err := from.Dial(net.Dialer{Timeout: within}, "tcp", net.JoinHostPort(to.Address(), at))
	if err != nil {
		return err
	}
	return conn.Close()
}

// datagramAt sends one by UDP to a port of the other board.
func datagramAt(from, to *Board, port int, within time.Duration) error {
	var listener net.PacketConn
	err := to.InNetwork(func() (err error) {
		listener, err = net.ListenPacket("udp", fmt.Sprintf(":%d", port))
		return err
	})
	if err != nil {
		return err
	}
	defer listener.Close()
	conn, err := from.Dial(net.Dialer{Timeout: within}, "udp", net.JoinHostPort(to.Address(), fmt.Sprint(port)))
	if err != nil {
		return err
	}
	defer conn.Close()
	if _, err = conn.Write([]byte("x")); err == nil {
		err = listener.SetReadDeadline(time.Now().Add(within))
	}
	if err == nil {
		_, _, err = listener.ReadFrom(make([]byte, 1))
	}
	return err
}

func mustReach(t *testing.T, from, to *Board) {
	t.Helper()
	if err := reach(from, to, 5*time.Second); err != nil {
		t.Errorf("board %d does not reach board %d: %v", from.Index, to.Index, err)
	}
}

func mustNotReach(t *testing.T, from, to *Board) {
	t.Helper()
	if err := reach(from, to, 300*time.Millisecond); err == nil {
		t.Errorf("board %d reaches board %d", from.Index, to.Index)
	}
}

// routeTo says what is wrong with the board's default route.
func routeTo(t *testing.T, b *Board, via string) error {
	t.Helper()
	if got := run(t, b, "ip", "route", "show", "default"); !strings.Contains(got, via+" ") {
		return fmt.Errorf("default route %q, want via %s", got, via)
	}
	return nil
}
