package etcd

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"go.etcd.io/etcd/server/v3/storage/datadir"
)

// mounted starts a child in a mount namespace of its own, after script has run
// there with the data directory as $0. The mounts end with the child.
func mounted(t *testing.T, script string, c Config) *Child {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root may mount")
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	argv := append([]string{"unshare", "--mount", "/bin/sh", "-c", script + ` && exec "$@"`, c.Dir}, childArgs()...)
	ch, err := Spawn(argv, c, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ch.Kill)
	return ch
}

// TestDiskFull: a disk that fills up ends etcd, and the parent can say why.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	c := members(t, 1, TLSFiles{})[0]
	ch := mounted(t, `mount -t tmpfs -o size=24m tmpfs "$0"`, c)
	next(t, ch, EventStarted)
	next(t, ch, EventReady)
	client := dial(t, c)
	value := strings.Repeat("x", 512<<10)
	eventually(t, "a write fails", func() bool {
		_, err := client.c.Put(t.Context(), "key", value)
		return err != nil
	})
	if e := ended(t, ch); e.Cause() != CauseDiskFull {
		t.Errorf("ended as %v, cause %v", e, e.Cause())
	}
	// A start on a disk without room.
	ch = mounted(t, `mount -t tmpfs -o size=1m tmpfs "$0"`, c)
	if e := ended(t, ch); e.Cause() != CauseDiskFull {
		t.Errorf("start: ended as %v, cause %v", e, e.Cause())
	}
}

// TestDiskReadOnly: a start on a file system that was mounted read-only.
func TestDiskReadOnly(t *testing.T) {
	t.Parallel()
	c, _ := made(t)
	ch := mounted(t, `mount --bind "$0" "$0" && mount -o remount,ro,bind "$0"`, restarted(c))
	if e := ended(t, ch); e.Cause() != CauseDiskReadOnly {
		t.Errorf("ended as %v, cause %v", e, e.Cause())
	}
}

// TestForgotten: a log that lost its end is no damage to the eye, but the leader
// remembers what it held.
func TestForgotten(t *testing.T) {
	t.Parallel()
	cs := members(t, 3, TLSFiles{})
	children, ready := spawnAll(t, cs)
	c := dial(t, cs...)
	s, err := c.Status(t.Context(), cs[0].ClientURL)
	if err != nil {
		t.Fatal(err)
	}
	follower := 0
	if s.Leader == ready[0].MemberID {
		follower = 1
	}
	for range 20 {
		put(t, c, "key", "value")
	}
	// Its own linearizable answer shows that it has all of them.
	if _, err := dial(t, cs[follower]).Revision(t.Context()); err != nil {
		t.Fatal(err)
	}
	kill(t, children[follower])
	forget(t, cs[follower].Dir, 10)
	if d, err := Inspect(cs[follower].Dir); err != nil || d.State != DataMember {
		t.Errorf("inspect: %+v, %v", d, err)
	}
	ch := spawn(t, restarted(cs[follower]))
	if e := ended(t, ch); e.Kind != ExitPanic || e.Cause() != CauseDamaged || !strings.Contains(e.LastWords, "tocommit") {
		t.Errorf("ended as %v, cause %v", e, e.Cause())
	}
}

// forget overwrites the last n records of the newest log file with zeros.
func forget(t *testing.T, dir string, n int) {
	t.Helper()
	names, err := logFiles(datadir.ToWALDir(dir))
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	path := filepath.Join(datadir.ToWALDir(dir), names[len(names)-1])
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	// A record is its length and padding in eight bytes, then itself
	// (server/storage/wal/encoder.go, encodeFrameSize).
	var starts []int
	at := 0
	for at+8 <= len(b) {
		frame := binary.LittleEndian.Uint64(b[at:])
		if frame == 0 {
			break
		}
		starts = append(starts, at)
		size := int(frame &^ (0xff << 56))
		if frame>>63 == 1 {
			size += int(frame >> 56 & 7)
		}
		at += 8 + size
	}
	if len(starts) <= n {
		t.Fatalf("%d records", len(starts))
	}
	from := starts[len(starts)-n]
	overwrite(t, path, int64(from), make([]byte, at-from))
}
