package etcd

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"
	bolt "go.etcd.io/bbolt"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/storage/datadir"
	"go.etcd.io/etcd/server/v3/storage/schema"
	"go.uber.org/zap"
)

// TestKilled: kill -9, and the data starts again under the same IDs.
func TestKilled(t *testing.T) {
	c := members(t, 1, TLSFiles{})[0]
	ch := spawn(t, c)
	first := next(t, ch, EventStarted)
	next(t, ch, EventReady)
	kill(t, ch)
	if e := ch.Exit(); e.Code != -1 || e.Signal != "killed" {
		t.Errorf("exit %+v", e)
	}
	ch = spawn(t, restarted(c))
	// The list is what the database had of it when the power went.
	if again := next(t, ch, EventStarted); again.MemberID != first.MemberID || again.ClusterID != first.ClusterID {
		t.Errorf("IDs were %+v, are %+v", first, again)
	}
	next(t, ch, EventReady)

	// A context that is over already kills.
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := syscall.Kill(ch.PID(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if err := ch.Stop(ctx); err == nil {
		t.Error("a stop that had to kill says nothing")
	}
	if e := ch.Exit(); e.Kind != ExitKilled {
		t.Errorf("ended as %v", e)
	}
}

// TestStartErrors: what StartEtcd returns becomes last words.
func TestStartErrors(t *testing.T) {
	busy := members(t, 1, TLSFiles{})[0]
	u, err := url.Parse(busy.PeerURL)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", u.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	alone := members(t, 2, TLSFiles{})[0]
	alone.State = "existing"
	noURL := members(t, 1, TLSFiles{})[0]
	noURL.PeerURL = "http://not an url"
	for name, row := range map[string]struct {
		c     Config
		words string
		cause Cause
	}{
		"port busy":            {busy, "address already in use", CausePort},
		"nobody to join":       {alone, "cannot fetch cluster info", CauseNone},
		"no url":               {noURL, "peer url", CauseNone},
		"periods do not match": {with(members(t, 1, TLSFiles{})[0], func(c *Config) { c.Heartbeat = time.Second }), "election", CauseNone},
	} {
		ch := spawn(t, row.c)
		e := ended(t, ch)
		if e.Kind != ExitStartError || e.Code != CodeStartError || !strings.Contains(e.LastWords, row.words) {
			t.Errorf("%s: ended as %v, want words with %q", name, e, row.words)
		}
		if e.Cause() != row.cause {
			t.Errorf("%s: cause %v of %v", name, e.Cause(), e)
		}
	}
}

func with(c Config, f func(*Config)) Config {
	f(&c)
	return c
}

// TestDamagedDatabase: etcd ends the process from a goroutine of its own, and
// the parent can say why.
func TestDamagedDatabase(t *testing.T) {
	c := members(t, 1, TLSFiles{})[0]
	ch := spawn(t, c)
	next(t, ch, EventStarted)
	next(t, ch, EventReady)
	if err := ch.Stop(soon(t)); err != nil {
		t.Fatal(err)
	}
	db := filepath.Join(c.Dir, "member", "snap", "db")
	overwrite(t, db, 0, make([]byte, 8192)) // both headers
	ch = spawn(t, restarted(c))
	if e := ended(t, ch); e.Kind != ExitPanic || e.Cause() != CauseDamaged {
		t.Errorf("ended as %v, cause %v", e, e.Cause())
	}
	if d, err := Inspect(c.Dir); err != nil || d.State != DataDamaged {
		t.Errorf("inspect: %+v, %v", d, err)
	}
}

func overwrite(t *testing.T, path string, at int64, b []byte) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt(b, at); err != nil {
		t.Fatal(err)
	}
}

// TestRemoved: a member that the others remove ends by itself, and again at its
// next start.
func TestRemoved(t *testing.T) {
	cs := members(t, 3, TLSFiles{})
	children, ready := spawnAll(t, cs)
	c := dial(t, cs[0])
	eventually(t, "the cluster lets a member be removed", func() bool {
		// It counts as unhealthy until its connections are 5 s old.
		err := c.Remove(t.Context(), ready[2].MemberID)
		if err != nil && !errors.Is(err, ErrUnhealthy) {
			t.Fatal(err)
		}
		return err == nil
	})
	if e := ended(t, children[2]); e.Kind != ExitStopped || e.Cause() != CauseRemoved {
		t.Errorf("removed while running: ended as %v", e)
	}
	ch := spawn(t, restarted(cs[2]))
	if e := ended(t, ch); e.Kind != ExitStopped || e.Cause() != CauseRemoved {
		t.Errorf("removed and restarted: ended as %v", e)
	}
}

// TestDiverged: one value that changed on the disk is found by the comparison
// with the peers, which etcd itself would not make at a start.
func TestDiverged(t *testing.T) {
	cs := members(t, 3, TLSFiles{})
	children, _ := spawnAll(t, cs)
	cli, err := clientv3.New(clientv3.Config{Endpoints: []string{cs[0].ClientURL}, Logger: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	defer cli.Close()
	if _, err := cli.Put(t.Context(), "key", "a value that is right"); err != nil {
		t.Fatal(err)
	}
	// Its own answer shows that the third member has applied the put.
	third := dial(t, cs[2])
	if _, err := third.c.Get(t.Context(), "key"); err != nil {
		t.Fatal(err)
	}
	if err := children[2].Stop(soon(t)); err != nil {
		t.Fatal(err)
	}
	spoil(t, cs[2])
	ch := spawn(t, restarted(cs[2]))
	if e := ended(t, ch); e.Kind != ExitDiverged || e.Cause() != CauseDiverged || !strings.Contains(e.LastWords, "inconsistency") {
		t.Errorf("ended as %v", e)
	}
}

// TestDivergedIsFoundOnBothSides starts the member with the wrong value first: who
// meets it may be the first to find the difference, and to end, but it must not
// stay up while every good member that starts beside it ends.
func TestDivergedIsFoundOnBothSides(t *testing.T) {
	cs := members(t, 3, TLSFiles{})
	children, _ := spawnAll(t, cs)
	put(t, dial(t, cs[0]), "key", "a value that is right")
	if _, err := dial(t, cs[2]).c.Get(t.Context(), "key"); err != nil {
		t.Fatal(err)
	}
	for _, ch := range children {
		if err := ch.Stop(soon(t)); err != nil {
			t.Fatal(err)
		}
	}
	spoil(t, cs[2])
	rotten, good := spawn(t, restarted(cs[2])), spawn(t, restarted(cs[0]))
	limit := time.After(time.Minute)
	for n := 1; ; {
		select {
		case <-rotten.Done():
			if e := rotten.Exit(); e.Kind != ExitDiverged {
				t.Fatalf("the member with the wrong value ended as %v", e)
			}
			return
		case <-good.Done():
			if e := good.Exit(); e.Kind != ExitDiverged {
				t.Fatalf("the good member ended as %v", e)
			}
			good, n = spawn(t, restarted(cs[0])), n+1
		case <-limit:
			t.Fatalf("the member with the wrong value stays up; the good one ended %d times beside it", n-1)
		}
	}
}

// spoil changes a value in the database of a stopped member.
func spoil(t *testing.T, c Config) {
	t.Helper()
	b, err := bolt.Open(datadir.ToBackendFileName(c.Dir), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	changed := 0
	err = b.Update(func(tx *bolt.Tx) error {
		bucket := tx.Bucket(schema.Key.Name())
		values := map[string][]byte{}
		if err := bucket.ForEach(func(k, v []byte) error {
			if bytes.Contains(v, []byte("right")) {
				values[string(k)] = bytes.ReplaceAll(v, []byte("right"), []byte("wrong"))
			}
			return nil
		}); err != nil {
			return err
		}
		for k, v := range values {
			changed++
			if err := bucket.Put([]byte(k), v); err != nil {
				return err
			}
		}
		return nil
	})
	if err := errors.Join(err, b.Close()); err != nil || changed != 1 {
		t.Fatal(changed, err)
	}
}

// TestNotTheChild: something that is no child at all ends as something else.
func TestNotTheChild(t *testing.T) {
	for _, row := range []struct {
		script, words string
		kind          ExitKind
	}{
		{"echo no such verb >&2; exit 2", "no such verb", ExitOther},
		{"echo 'panic: assertion failed' >&2; echo 'goroutine 1 [running]:' >&2; exit 2", "panic: assertion failed", ExitPanic},
		{"echo chatter; exit 0", "", ExitOrdered},
	} {
		ch, err := Spawn([]string{"/bin/sh", "-c", row.script}, Config{}, zerolog.Nop())
		if err != nil {
			t.Fatal(err)
		}
		if e := ended(t, ch); e.Kind != row.kind || e.LastWords != row.words {
			t.Errorf("%s: ended as %v", row.script, e)
		}
	}
	if _, err := Spawn([]string{"/no/such/file"}, Config{}, zerolog.Nop()); err == nil {
		t.Error("a command that is not there starts")
	}
}

// TestKillOfAStoppedProcess: one that does not run takes no other signal.
func TestKillOfAStoppedProcess(t *testing.T) {
	t.Parallel()
	c := members(t, 1, TLSFiles{})[0]
	ch, client := lone(t, c)
	if err := syscall.Kill(ch.PID(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if s, err := client.Status(t.Context(), c.ClientURL); err == nil {
		t.Errorf("a stopped process answers %+v", s)
	}
	done := make(chan struct{})
	go func() {
		ch.Kill()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(bound):
		t.Fatal("it was not killed")
	}
	if e := ch.Exit(); e.Kind != ExitKilled {
		t.Errorf("ended as %v", e)
	}
}
