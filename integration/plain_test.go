package integration

import (
	"crypto/tls"
	"fmt"
	"strings"

	"muster/integration/boards"
	"muster/integration/workload"
)

// The baseline: three boards with stock etcd, set up and started by hand.

const plainDir = "/etc/etcd/"

// stockEtcd is upstream's server, which this module can build: the very version that the agent contains.
const stockEtcd = "go.etcd.io/etcd/server/v3"

// plain is a lab on whose first three boards etcd runs with a static initial-cluster, mutual TLS and etcd's own
// defaults otherwise.
type plain struct {
	*fleet
	members []*boards.Board
	client  *tls.Config
}

// newPlain makes the certificates on a lab of four boards, whose programs include etcd; nothing is started. The
// fourth board runs nothing: the puts come from there.
func newPlain(f *fleet) *plain {
	t := f.t
	t.Helper()
	p := &plain{fleet: f, members: f.Boards()[:3]}
	ca := newAuthority(t)
	for _, b := range p.members {
		root, cert, key := ca.issue(t, b)
		b.WriteFile(plainDir+"ca.pem", root, 0o600)
		b.WriteFile(plainDir+"node.pem", cert, 0o600)
		b.WriteFile(plainDir+"node-key.pem", key, 0o600)
	}
	client, err := workload.TLS(ca.issue(t, f.Board(4)))
	if err != nil {
		t.Fatal(err)
	}
	p.client = client
	return p
}

// start starts etcd on board b as the runbook does.
func (p *plain) start(b *boards.Board) *boards.Process {
	p.t.Helper()
	var cluster []string
	for _, m := range p.members {
		cluster = append(cluster, fmt.Sprintf("%s=https://%s:2380", m.Hostname, m.Address()))
	}
	peer, client := fmt.Sprintf("https://%s:2380", b.Address()), fmt.Sprintf("https://%s:2379", b.Address())
	args := []string{
		"--name", b.Hostname, "--data-dir", "/var/lib/etcd",
		"--initial-cluster", strings.Join(cluster, ","), "--initial-cluster-token", "by-hand", "--initial-cluster-state", "new",
		"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
		"--listen-client-urls", client, "--advertise-client-urls", client,
	}
	for _, prefix := range []string{"--", "--peer-"} {
		args = append(args, prefix+"trusted-ca-file", plainDir+"ca.pem", prefix+"cert-file", plainDir+"node.pem",
			prefix+"key-file", plainDir+"node-key.pem", prefix+"client-cert-auth")
	}
	return b.StartCommand("etcd", args...)
}

// identity is the client's, for a prober.
func (p *plain) identity() *tls.Config { return p.client }
