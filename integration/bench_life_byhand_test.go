package integration

import (
	"context"
	"crypto/tls"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"muster/integration/boards"
	"muster/integration/workload"
)

// byHand is the way of the runbook: stock etcd servers with a static initial-cluster, mutual TLS and etcd's own
// defaults otherwise, and stock etcdctl for everything that happens later.
type byHand struct {
	*lifeLab
	ca      authority
	client  *tls.Config
	running map[*boards.Board]*boards.Process
	ids     map[*boards.Board]string // of the members, for the script
}

func newByHand(t testing.TB) *lifeLab {
	t.Helper()
	l := newLifeLab(t)
	if _, err := os.Stat(filepath.Join(programs, "etcd")); err != nil { // each event has a lab of its own
		if err := goBuild("etcd", stockEtcd); err != nil {
			t.Fatal(err)
		}
	}
	ca := newAuthority(t)
	client, err := workload.TLS(ca.issue(t, l.Board(1)))
	if err != nil {
		t.Fatal(err)
	}
	l.way = &byHand{l, ca, client, map[*boards.Board]*boards.Process{}, map[*boards.Board]string{}}
	return l
}

func (h *byHand) name() string          { return "by hand" }
func (h *byHand) identity() *tls.Config { return h.client }

func (h *byHand) start(voters int, on []*boards.Board) {
	h.t.Helper()
	var list []string
	for _, b := range on[:voters] {
		list = append(list, b.Hostname+"="+peerURL(b))
	}
	for _, b := range on[:voters] {
		h.serve(b, "new", strings.Join(list, ","))
	}
}

// serve starts etcd on a board, with a certificate for where it is now. The list and its state mean nothing to a
// member that has data.
func (h *byHand) serve(b *boards.Board, state, list string) {
	h.t.Helper()
	ca, cert, key := h.ca.issue(h.t, b)
	b.WriteFile(plainDir+"ca.pem", ca, 0o600)
	b.WriteFile(plainDir+"node.pem", cert, 0o600)
	b.WriteFile(plainDir+"node-key.pem", key, 0o600)
	peer, client := peerURL(b), clientURLs([]*boards.Board{b})[0]
	args := []string{
		"--name", b.Hostname, "--data-dir", "/var/lib/etcd",
		"--initial-cluster", list, "--initial-cluster-token", "by-hand", "--initial-cluster-state", state,
		"--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer,
		"--listen-client-urls", client, "--advertise-client-urls", client,
	}
	for _, prefix := range []string{"--", "--peer-"} {
		args = append(args, prefix+"trusted-ca-file", plainDir+"ca.pem", prefix+"cert-file", plainDir+"node.pem",
			prefix+"key-file", plainDir+"node-key.pem", prefix+"client-cert-auth")
	}
	h.running[b] = b.StartCommand("etcd", args...)
}

func (h *byHand) founded(ctx context.Context, c cast) error {
	client, err := h.dialer(c.voters...)
	if err != nil {
		return err
	}
	defer client.Close()
	list, err := client.MemberList(ctx)
	if err != nil {
		return err
	}
	clear(h.ids)
	for _, m := range list.Members {
		for _, b := range c.voters {
			if m.PeerURLs[0] == peerURL(b) {
				h.ids[b] = fmt.Sprintf("%x", m.ID)
			}
		}
	}
	if len(h.ids) != len(c.voters) {
		return fmt.Errorf("%d of %d members are known: %v", len(h.ids), len(c.voters), slices.Collect(maps.Values(h.ids)))
	}
	return nil
}

// etcdctl is one step of a script, on the first of the boards through all of them, until it succeeds or ctx ends.
func (h *byHand) etcdctl(ctx context.Context, through []*boards.Board, args ...string) (stdout string, err error) {
	args = append([]string{
		"--endpoints", strings.Join(clientURLs(through), ","), "--cacert", plainDir + "ca.pem",
		"--cert", plainDir + "node.pem", "--key", plainDir + "node-key.pem",
	}, args...)
	err = retryUntil(ctx, callLimit, func(ctx context.Context) error {
		out, stderr, code := through[0].Exec(ctx, "etcdctl", args...)
		if stdout = out; code != 0 {
			return fmt.Errorf("etcdctl %s: exit %d: %s", strings.Join(args[8:], " "), code, strings.TrimSpace(stderr))
		}
		return nil
	})
	return stdout, err
}

// moved restarts etcd where the boards are now and corrects the list. The restart comes first, which is quicker: a
// member needs one direction only to be heard.
func (h *byHand) moved(ctx context.Context, c cast, on ...*boards.Board) error {
	for _, b := range on {
		// It has nobody left to hand anything over to, and would try for seconds.
		if err := h.running[b].Signal(syscall.SIGKILL); err != nil {
			return fmt.Errorf("kill etcd of board %d: %w", b.Index, err)
		}
		<-h.running[b].Done()
		h.serve(b, "existing", b.Hostname+"="+peerURL(b))
	}
	through := without(c.voters, on...)
	if len(through) == 0 {
		through = c.voters
	}
	for _, b := range on {
		// During an election a call hangs; asking again is quicker than etcdctl's own limit of 5 s.
		if _, err := h.etcdctl(ctx, through, "--command-timeout", "1s", "member", "update", h.ids[b], "--peer-urls", peerURL(b)); err != nil {
			return err
		}
	}
	return nil
}

// restart lets etcd hand over by itself, as it does when it is told to end.
func (h *byHand) restart(_ context.Context, b *boards.Board) error {
	if err := h.running[b].Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("end etcd of board %d: %w", b.Index, err)
	}
	<-h.running[b].Done()
	h.serve(b, "existing", b.Hostname+"="+peerURL(b))
	return nil
}

func (h *byHand) due(context.Context, cast, *boards.Board) (time.Time, error) { return time.Now(), nil }

// replace removes the dead voter first: etcd v3.7.3 adds nobody while a voter is down.
func (h *byHand) replace(ctx context.Context, c cast, dead *boards.Board) error {
	voters := without(c.voters, dead)
	if _, err := h.etcdctl(ctx, voters, "member", "remove", h.ids[dead]); err != nil {
		return err
	}
	return h.seat(ctx, voters, c.standbys)
}

func (h *byHand) wants(int, cast) {}

func (h *byHand) seat(ctx context.Context, voters, add []*boards.Board) error {
	for _, b := range add {
		b.PowerOn()
		out, err := h.etcdctl(ctx, voters, "member", "add", b.Hostname, "--learner", "--peer-urls", peerURL(b))
		if err != nil {
			return err
		}
		id, list, err := parseAdded(out)
		if err != nil {
			return err
		}
		h.serve(b, "existing", list)
		if _, err := h.etcdctl(ctx, voters, "member", "promote", id); err != nil {
			return err
		}
		voters = append(slices.Clip(voters), b)
	}
	return nil
}

// parseAdded reads what etcdctl prints for the runbook's reader to copy: the new member's ID and its initial-cluster.
func parseAdded(out string) (id, list string, err error) {
	added := regexp.MustCompile(`Member\s+([0-9a-f]+) added`).FindStringSubmatch(out)
	cluster := regexp.MustCompile(`ETCD_INITIAL_CLUSTER="([^"]+)"`).FindStringSubmatch(out)
	if added == nil || cluster == nil {
		return "", "", fmt.Errorf("member add says %q", out)
	}
	return added[1], cluster[1], nil
}

func TestParseAdded(t *testing.T) {
	const out = `Member 2ae7ce82ad62f2c1 added to cluster 7d9b1c9d6d4e3b1a

ETCD_NAME="board4"
ETCD_INITIAL_CLUSTER="board4=https://10.77.0.14:2380,board1=https://10.77.0.11:2380"
ETCD_INITIAL_ADVERTISE_PEER_URLS="https://10.77.0.14:2380"
ETCD_INITIAL_CLUSTER_STATE="existing"
`
	id, list, err := parseAdded(out)
	if err != nil || id != "2ae7ce82ad62f2c1" || list != "board4=https://10.77.0.14:2380,board1=https://10.77.0.11:2380" {
		t.Errorf("%q, %q, %v", id, list, err)
	}
	if _, _, err := parseAdded("Error: etcdserver: unhealthy cluster"); err == nil {
		t.Error("an error is taken for a member")
	}
}
