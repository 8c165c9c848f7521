package profiles_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"muster/profiles"
)

// What the fixed secret and the cluster "lab" must give for ever, on every
// architecture and with every release of Go: boards of one fleet differ in both.
const (
	goldenGossip      = "bac3759aa3cd2d9fc4368de1abde9844c1f90e9bc7dc9d74719bb241de506a6f"
	goldenFingerprint = "1ec23136777f23de"
	goldenAuthority   = "fdacff6847138035c36cfec5a2e57e9adddc816dd40baff8a61691e4b5359e55"
)

func authority(t *testing.T, text string) *profiles.Authority {
	t.Helper()
	a, err := parse(t, text).Authority()
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func der(t *testing.T, text []byte) []byte {
	t.Helper()
	block, rest := pem.Decode(text)
	if block == nil || len(rest) != 0 {
		t.Fatalf("not one block of PEM: %q", text)
	}
	return block.Bytes
}

func TestGolden(t *testing.T) {
	p := parse(t, head)
	if got := hex.EncodeToString(p.GossipKey()); got != goldenGossip {
		t.Errorf("gossip key %s, want %s", got, goldenGossip)
	}
	if got := p.Fingerprint(); got != goldenFingerprint || len(got) != 16 {
		t.Errorf("fingerprint %s, want %s", got, goldenFingerprint)
	}
	sum := sha256.Sum256(der(t, authority(t, head).Cert()))
	if got := hex.EncodeToString(sum[:]); got != goldenAuthority {
		t.Errorf("authority %s, want %s", got, goldenAuthority)
	}
}

// Keys depend on the secret and on the cluster's name, and on nothing else in the profile.
func TestKeysAreBound(t *testing.T) {
	p := parse(t, head)
	same := parse(t, everything)
	if !bytes.Equal(p.GossipKey(), same.GossipKey()) || p.Fleet() != same.Fleet() ||
		!bytes.Equal(authority(t, head).Cert(), authority(t, everything).Cert()) {
		t.Error("keys depend on more than the secret and the name")
	}
	otherName := strings.Replace(head, "lab", "lab2", 1)
	otherSecret := strings.Replace(head, fixed, newSecret(t, 1).Reveal(), 1)
	for _, text := range []string{otherName, otherSecret} {
		q := parse(t, text)
		if bytes.Equal(p.GossipKey(), q.GossipKey()) || p.Fingerprint() == q.Fingerprint() || p.Fleet() == q.Fleet() ||
			bytes.Equal(authority(t, head).Cert(), authority(t, text).Cert()) {
			t.Errorf("%s has the keys of %s", q.Cluster, p.Cluster)
		}
	}
	if len(p.GossipKey()) != 32 {
		t.Errorf("gossip key of %d bytes", len(p.GossipKey()))
	}
}

func TestNoKeysWithoutASecret(t *testing.T) {
	p := &profiles.Profile{Cluster: "lab"}
	if _, err := p.Authority(); err == nil {
		t.Error("an authority without a secret")
	}
	for name, derive := range map[string]func(){
		"gossip key":  func() { p.GossipKey() },
		"fingerprint": func() { p.Fingerprint() },
		"fleet":       func() { p.Fleet() },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("a %s without a secret", name)
				}
			}()
			derive()
		}()
	}
}

func TestAuthorityCertificate(t *testing.T) {
	cert, err := x509.ParseCertificate(der(t, authority(t, head).Cert()))
	if err != nil {
		t.Fatal(err)
	}
	if !cert.IsCA || cert.KeyUsage != x509.KeyUsageCertSign || !cert.MaxPathLenZero || cert.Subject.CommonName != "lab" ||
		cert.NotBefore.Year() != 1970 || cert.NotAfter.Year() != 9999 || len(cert.SubjectKeyId) != 20 {
		t.Errorf("got %+v", cert)
	}
	if err := cert.CheckSignatureFrom(cert); err != nil {
		t.Error(err)
	}
}

func request() profiles.Request {
	return profiles.Request{CommonName: "machine-1", DNS: []string{"machine-1"},
		IPs: []netip.Addr{netip.MustParseAddr("10.0.0.211"), netip.MustParseAddr("fe80::1%eth0"), netip.MustParseAddr("::ffff:10.0.0.211")}}
}

func TestIssue(t *testing.T) {
	a := authority(t, head)
	pair, err := a.Issue(request())
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der(t, pair.Cert))
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"10.0.0.211", "fe80::1", "127.0.0.1", "::1", "localhost", "machine-1"} {
		// The clocks of boards without a battery, and of ones that live long.
		for _, year := range []int{1971, 2026, 2500} {
			opts := x509.VerifyOptions{DNSName: host, Roots: a.Pool(), CurrentTime: time.Date(year, 1, 1, 0, 0, 0, 0, time.UTC),
				KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}}
			if _, err := cert.Verify(opts); err != nil {
				t.Errorf("%s in %d: %v", host, year, err)
			}
		}
	}
	if err := cert.VerifyHostname("10.0.0.212"); err == nil {
		t.Error("valid for another address")
	}
	if len(cert.IPAddresses) != 4 || len(cert.DNSNames) != 2 {
		t.Errorf("names %v %v", cert.IPAddresses, cert.DNSNames)
	}
	other, err := a.Issue(request())
	if err != nil {
		t.Fatal(err)
	}
	otherCert, err := x509.ParseCertificate(der(t, other.Cert))
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(pair.Key, other.Key) || cert.SerialNumber.Cmp(otherCert.SerialNumber) == 0 || cert.SerialNumber.Sign() <= 0 {
		t.Error("key or serial number are not fresh")
	}
	long, err := a.Issue(profiles.Request{CommonName: strings.Repeat("ä", 40)})
	if err != nil {
		t.Fatal(err)
	}
	if c, err := x509.ParseCertificate(der(t, long.Cert)); err != nil || c.Subject.CommonName != strings.Repeat("ä", 32) {
		t.Errorf("long name: %v", err)
	}
}

func TestIssueRefuses(t *testing.T) {
	a := authority(t, head)
	for name, req := range map[string]profiles.Request{
		"no name":         {},
		"invalid address": {CommonName: "a", IPs: []netip.Addr{{}}},
		"any address":     {CommonName: "a", IPs: []netip.Addr{netip.IPv4Unspecified()}},
		"odd name":        {CommonName: "a", DNS: []string{"käfig"}},
		"empty name":      {CommonName: "a", DNS: []string{""}},
		"no randoms":      {CommonName: "a", Rand: bytes.NewReader(nil)},
		"only zeros":      {CommonName: "a", Rand: bytes.NewReader(make([]byte, 4096))},
	} {
		if pair, err := a.Issue(req); err == nil || pair.Key != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// handshake connects a client with one pair to a server with another on
// loopback, each trusting its own authority, and gives what each end says.
func handshake(t *testing.T, server, client *profiles.Authority, serverPair, clientPair []tls.Certificate) (serverErr, clientErr error) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	done := make(chan error, 1)
	go func() {
		raw, err := listener.Accept()
		if err != nil {
			done <- err
			return
		}
		defer raw.Close()
		conn := tls.Server(raw, &tls.Config{Certificates: serverPair, ClientCAs: server.Pool(), ClientAuth: tls.RequireAndVerifyClientCert})
		err = conn.SetDeadline(time.Now().Add(10 * time.Second))
		if err == nil {
			_, err = conn.Write([]byte("hello"))
		}
		done <- errors.Join(err, conn.Close())
	}()
	dialer := &net.Dialer{Timeout: 10 * time.Second}
	conn, clientErr := tls.DialWithDialer(dialer, "tcp", listener.Addr().String(), &tls.Config{Certificates: clientPair, RootCAs: client.Pool()})
	if clientErr == nil {
		// In TLS 1.3 the server's refusal of the client arrives with the first read.
		var text []byte
		if text, clientErr = io.ReadAll(conn); clientErr == nil && string(text) != "hello" {
			clientErr = errors.New("no word from the server")
		}
		conn.Close()
	}
	return <-done, clientErr
}

func load(t *testing.T, a *profiles.Authority, req profiles.Request) []tls.Certificate {
	t.Helper()
	pair, err := a.Issue(req)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := tls.X509KeyPair(pair.Cert, pair.Key)
	if err != nil {
		t.Fatal(err)
	}
	return []tls.Certificate{cert}
}

func TestHandshake(t *testing.T) {
	ours, same := authority(t, head), authority(t, everything)
	foreign := authority(t, strings.Replace(head, fixed, newSecret(t, 1).Reveal(), 1))
	ourPair, samePair, foreignPair := load(t, ours, request()), load(t, same, request()), load(t, foreign, request())
	if serverErr, clientErr := handshake(t, ours, same, ourPair, samePair); serverErr != nil || clientErr != nil {
		t.Errorf("two boards of one fleet: %v, %v", serverErr, clientErr)
	}
	if serverErr, clientErr := handshake(t, same, ours, samePair, ourPair); serverErr != nil || clientErr != nil {
		t.Errorf("the other way: %v, %v", serverErr, clientErr)
	}
	if serverErr, clientErr := handshake(t, ours, ours, ourPair, foreignPair); serverErr == nil || clientErr == nil {
		t.Errorf("client with a pair of another secret: %v, %v", serverErr, clientErr)
	}
	if _, clientErr := handshake(t, ours, ours, foreignPair, ourPair); clientErr == nil {
		t.Error("server with a pair of another secret was believed")
	}
	if serverErr, clientErr := handshake(t, ours, ours, ourPair, nil); serverErr == nil || clientErr == nil {
		t.Errorf("client without a pair: %v, %v", serverErr, clientErr)
	}
}
