package agent

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"muster/bootstrap"
	"muster/bootstrap/founding"
	"muster/discovery"
	"muster/profiles"
)

// parked is an agent whose loop is turned by hand.
type parked struct {
	*Agent
	ctx  context.Context
	said *lines
	end  func() // in order; what it did stays on disk
}

// park opens an agent on the state directory below dir, as Run does.
func park(t *testing.T, dir, identity string, at netip.Addr, profile string) *parked {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &parked{said: &lines{}}
	c := Config{StateDir: filepath.Join(dir, "state"), ConfigDir: filepath.Join(dir, "etc"), RunDir: filepath.Join(dir, "run"), Name: "board",
		Address: at, Identity: identity, Child: []string{exe, "etcd"}, Version: "test", Log: zerolog.New(p.said).Level(zerolog.DebugLevel)}
	if profile != "" {
		if _, err := PlaceProfile(c.ConfigDir, c.StateDir, profile); err != nil {
			t.Fatal(err)
		}
	}
	s, err := openStore(c.StateDir)
	if err != nil {
		t.Fatal(err)
	}
	if p.Agent, err = newAgent(c, s); err != nil {
		s.close()
		t.Fatal(err)
	}
	var cancel context.CancelFunc
	p.ctx, cancel = context.WithCancel(context.Background())
	ended := false
	p.end = func() {
		if ended {
			return
		}
		ended = true
		cancel()
		if err := p.shutdown(); err != nil {
			t.Errorf("ended with %v", err)
		}
		s.close()
	}
	t.Cleanup(func() {
		p.end()
		if t.Failed() {
			t.Logf("log:\n%s", p.said)
		}
	})
	return p
}

// turn is the loop's body.
func (p *parked) turn() bootstrap.Action {
	p.follow(p.ctx)
	p.state = bootstrap.Fold(p.state, p.observe(time.Now()))
	act := bootstrap.Decide(p.state)
	p.state = p.state.Note(act)
	p.act(p.ctx, act)
	return act
}

// rest turns until nothing is set aside any more.
func (p *parked) rest(t *testing.T) bootstrap.Action {
	t.Helper()
	for range 5 {
		if act := p.turn(); act.Do != bootstrap.SetAside {
			return act
		}
	}
	t.Fatalf("never at rest: %s", p.failure)
	return bootstrap.Action{}
}

func boardID(identity string) string { return discovery.Labelled(identity).BoardID() }

// planOf names the boards with those identities in the lives that are given.
func planOf(token string, founders ...founding.Founder) *founding.Plan {
	slices.SortFunc(founders, func(a, b founding.Founder) int { return strings.Compare(a.PeerURL, b.PeerURL) })
	return &founding.Plan{Cluster: "lab", Generation: 1, Token: token, Founders: founders}
}

func founderAt(identity, life, host string) founding.Founder {
	return founding.Founder{Board: boardID(identity), Life: life, Name: identity, PeerURL: "https://" + host + ":2380"}
}

func clusterOf(p *founding.Plan) string { return bootstrap.FormatID(p.ClusterID()) }

func loadProfile(t *testing.T, path string) *profiles.Profile {
	t.Helper()
	p, err := profiles.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// onDisk is board.json.
func (s *store) onDisk(t *testing.T) boardRecord {
	t.Helper()
	var b boardRecord
	if err := s.read("board.json", &b); err != nil {
		t.Fatal(err)
	}
	return b
}

// block lets a write of a file of the state directory fail until it is undone:
// a directory that is not empty stands where its temporary file belongs.
func (s *store) block(t *testing.T, name string) (undo func()) {
	t.Helper()
	block := s.path(name + ".tmp")
	if err := os.MkdirAll(filepath.Join(block, "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := os.RemoveAll(block); err != nil {
			t.Fatal(err)
		}
	}
}
