package etcd

import (
	"errors"
	"sync"

	"google.golang.org/grpc"
)

var errClientClosed = errors.New("the client is closed")

// single keeps connections to one member each, by client URL. clientv3 makes one
// for each call of its Status, and a handshake of TLS costs both sides a hundred
// times what the call does.
type single struct {
	mu   sync.Mutex
	open map[string]*grpc.ClientConn // nil: closed
}

func (s *single) connection(endpoint string, dial func(string) (*grpc.ClientConn, error)) (*grpc.ClientConn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		return nil, errClientClosed
	}
	if conn := s.open[endpoint]; conn != nil {
		return conn, nil
	}
	conn, err := dial(endpoint)
	if err != nil {
		return nil, err
	}
	s.open[endpoint] = conn
	return conn, nil
}

// drop gives up a connection over which no answer came. The next question must not
// wait for what is dead behind it, nor for gRPC to think of trying again.
func (s *single) drop(endpoint string, conn *grpc.ClientConn) {
	s.mu.Lock()
	if s.open[endpoint] == conn {
		delete(s.open, endpoint)
	}
	s.mu.Unlock()
	conn.Close()
}

func (s *single) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var errs []error
	for _, conn := range s.open {
		errs = append(errs, conn.Close())
	}
	s.open = nil
	return errors.Join(errs...)
}
