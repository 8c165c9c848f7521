package workload

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"regexp"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.uber.org/zap"
	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
)

// Dial dials from within a network of boards, as boards.Lab and boards.Board do.
type Dial func(dialer net.Dialer, network, address string) (net.Conn, error)

// Option lets a client dial so.
func (d Dial) Option() grpc.DialOption {
	return grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) {
		deadline, _ := ctx.Deadline()
		return d(net.Dialer{Deadline: deadline}, "tcp", address)
	})
}

// Client makes a stock client for puts that are each given up after limit.
func Client(ctx context.Context, dial Dial, identity *tls.Config, limit time.Duration, urls []string) (*clientv3.Client, error) {
	return clientv3.New(clientv3.Config{
		Endpoints: urls, TLS: identity, Context: ctx, Logger: zap.NewNop(),
		// A peer that vanished without a word is given up after this long without an answer to what was sent.
		DialKeepAliveTime: 10 * time.Second, DialKeepAliveTimeout: limit,
		DialOptions: []grpc.DialOption{
			dial.Option(),
			// gRPC's own pause after a refused connection is a second and grows: longer than a put waits.
			grpc.WithConnectParams(grpc.ConnectParams{
				Backoff:           backoff.Config{BaseDelay: 20 * time.Millisecond, Multiplier: 1.5, MaxDelay: limit / 2},
				MinConnectTimeout: limit,
			}),
		},
	})
}

// Named is the value of ETCDCTL_name in what `agent env` prints.
func Named(env, name string) (string, error) {
	found := regexp.MustCompile(`ETCDCTL_` + name + `=["']?([^"'\s;]+)`).FindStringSubmatch(env)
	if found == nil {
		return "", fmt.Errorf("agent env names no ETCDCTL_%s:\n%s", name, env)
	}
	return found[1], nil
}

// Identity makes a client's TLS configuration from the three PEM files that `agent env` names on a board.
func Identity(env string, read func(file string) ([]byte, error)) (*tls.Config, error) {
	var pems [3][]byte
	for i, name := range []string{"CACERT", "CERT", "KEY"} {
		file, err := Named(env, name)
		if err != nil {
			return nil, err
		}
		if pems[i], err = read(file); err != nil {
			return nil, err
		}
	}
	return TLS(pems[0], pems[1], pems[2])
}

// TLS makes a client's TLS configuration from what is in three PEM files.
func TLS(ca, cert, key []byte) (*tls.Config, error) {
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, err
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(ca) {
		return nil, errors.New("no CA certificate")
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots, Certificates: []tls.Certificate{pair}}, nil
}
