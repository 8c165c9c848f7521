package etcd

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// shortestSilence is the least time for which data may stay without an answer
// before a peer's connection is given up. A board's kernel answers even while its
// programs wait for a slow card.
const shortestSilence = 2 * time.Second

// limitSilence lets the kernel give up connections of peers that stopped
// answering after two election timeouts, at least 2 s: boards that lost their
// power or their address say no good-bye. A leader goes on writing to such a
// connection until its buffer is full, then waits 5 s for each of the next two
// writes, and cannot use the new connection of that peer before (etcd v3.7.3
// server/etcdserver/api/rafthttp/stream.go, streamWriter.run; its own read
// timeouts are not in force, client/pkg/transport/timeout_transport.go).
//
// The option is set on the listening socket, whose connections inherit it
// (tcp(7), TCP_USER_TIMEOUT): a peer fetches its messages over connections that it
// opens. embed gives no way to its sockets, so they are found among the files of
// this process. They must be plain TCP, see childEnv.
func limitSilence(peerURL string, election time.Duration) error {
	want, err := listenAddress(peerURL)
	if err != nil {
		return err
	}
	limit := max(shortestSilence, 2*election)
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return fmt.Errorf("look for the peer port's socket: %w", err)
	}
	for _, entry := range fds {
		fd, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue
		}
		if listens, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN); err != nil || listens == 0 {
			continue // no socket, or one that does not listen
		}
		name, err := syscall.Getsockname(fd)
		if err != nil || !sameAddress(name, want) {
			continue
		}
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(limit.Milliseconds())); err != nil {
			return fmt.Errorf("limit silence on %s: %w", want, err)
		}
		return nil
	}
	return fmt.Errorf("limit silence on %s: nothing listens there", want)
}

func listenAddress(peerURL string) (*net.TCPAddr, error) {
	u, err := url.Parse(peerURL)
	if err != nil {
		return nil, fmt.Errorf("peer url: %w", err)
	}
	port, err := strconv.Atoi(u.Port())
	if err != nil {
		return nil, fmt.Errorf("peer url %s: %w", peerURL, err)
	}
	return &net.TCPAddr{IP: net.ParseIP(u.Hostname()), Port: port}, nil
}

func sameAddress(name syscall.Sockaddr, want *net.TCPAddr) bool {
	switch a := name.(type) {
	case *syscall.SockaddrInet4:
		return a.Port == want.Port && want.IP.Equal(net.IP(a.Addr[:]))
	case *syscall.SockaddrInet6:
		return a.Port == want.Port && want.IP.Equal(net.IP(a.Addr[:]))
	}
	return false
}
