package integration

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"strconv"
	"strings"

	clientv3 "go.etcd.io/etcd/client/v3"
	"google.golang.org/grpc"

	"muster/integration/boards"
	"muster/integration/workload"
)

// checkClient talks to the voters with clientv3 from within a board's network, and shows that the ports take
// nothing but a certificate of this fleet.
func (f *fleet) checkClient(seen []status) {
	f.t.Helper()
	from := f.Board(1)
	config := f.tlsOf(from)
	var endpoints []string
	for i, s := range seen {
		if s.Board.Role == "voter" {
			endpoints = append(endpoints, net.JoinHostPort(f.Board(i+1).Address(), "2379"))
		}
	}
	client, err := clientv3.New(clientv3.Config{
		Endpoints: endpoints, TLS: config, DialTimeout: patience, Context: f.t.Context(),
		DialOptions: []grpc.DialOption{workload.Dial(from.Dial).Option()},
	})
	if err != nil {
		f.t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(f.t.Context(), patience)
	defer cancel()
	put, err := client.Put(ctx, "by-clientv3", "yes")
	if err != nil {
		f.t.Fatalf("put by clientv3: %v", err)
	}
	// As etcd prints its IDs: without leading zeros (types.ID.String).
	if got := strconv.FormatUint(put.Header.ClusterId, 16); got != seen[0].clusterID() {
		f.t.Errorf("etcd says cluster %s, the agents computed %s", got, seen[0].clusterID())
	}
	got, err := client.Get(ctx, "by-clientv3")
	if err != nil || len(got.Kvs) != 1 || string(got.Kvs[0].Value) != "yes" {
		f.t.Errorf("get by clientv3: %v, %v", got, err)
	}
	f.checkRefusals(from, endpoints[0], config)
}

// checkRefusals asks etcd's two ports with the right certificate, which must do, and without it.
func (f *fleet) checkRefusals(from *boards.Board, client string, right *tls.Config) {
	f.t.Helper()
	without := &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: right.RootCAs}
	foreign := without.Clone()
	// Certificates would not be sent, because its issuer is none that the server asks for.
	stranger := selfSigned(f.t)
	foreign.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &stranger, nil }
	host, _, err := net.SplitHostPort(client)
	if err != nil {
		f.t.Fatal(err)
	}
	peer := net.JoinHostPort(host, "2380")
	for _, test := range []struct {
		name, url string
		config    *tls.Config
		answers   bool
	}{
		{"client port, certificate of the fleet", "https://" + client + "/version", right, true},
		{"client port, no certificate", "https://" + client + "/version", without, false},
		{"client port, foreign certificate", "https://" + client + "/version", foreign, false},
		{"client port, plain", "http://" + client + "/version", nil, false},
		{"peer port, certificate of the fleet", "https://" + peer + "/version", right, true},
		{"peer port, no certificate", "https://" + peer + "/version", without, false},
		{"peer port, foreign certificate", "https://" + peer + "/version", foreign, false},
		{"peer port, plain", "http://" + peer + "/version", nil, false},
	} {
		transport := &http.Transport{
			TLSClientConfig: test.config, DisableKeepAlives: true,
			DialContext: func(_ context.Context, network, address string) (net.Conn, error) {
				return from.Dial(net.Dialer{Timeout: callLimit}, network, address)
			},
		}
		answer, err := (&http.Client{Transport: transport, Timeout: 2 * callLimit}).Get(test.url)
		answered := err == nil && answer.StatusCode == http.StatusOK
		if err == nil {
			answer.Body.Close()
		}
		if answered != test.answers {
			f.t.Errorf("%s: answered %v, want %v (%v)", test.name, answered, test.answers, err)
		}
		// A port that is closed refuses too: without this the test would pass with no etcd at all.
		if err != nil && (strings.Contains(err.Error(), "connection refused") || strings.Contains(err.Error(), "timeout")) {
			f.t.Errorf("%s: nobody there: %v", test.name, err)
		}
	}
}
