package etcd

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"
	"go.etcd.io/etcd/server/v3/storage/datadir"
	"go.etcd.io/etcd/server/v3/storage/schema"
)

// made is the data directory of a stopped single member, and its IDs.
func made(t *testing.T) (Config, Event) {
	t.Helper()
	c := members(t, 1, TLSFiles{})[0]
	ch := spawn(t, c)
	next(t, ch, EventStarted)
	ready := next(t, ch, EventReady)
	if err := ch.Stop(soon(t)); err != nil {
		t.Fatal(err)
	}
	return c, ready
}

func TestInspect(t *testing.T) {
	c, ready := made(t)
	db := func(dir string) string { return datadir.ToBackendFileName(dir) }
	log := func(t *testing.T, dir string) string {
		t.Helper()
		names, err := logFiles(datadir.ToWALDir(dir))
		if err != nil || len(names) == 0 {
			t.Fatal(names, err)
		}
		return filepath.Join(datadir.ToWALDir(dir), names[len(names)-1])
	}
	must := func(t *testing.T, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ours := []string{"owner.json", "owner.json.tmp"}
	only := func(paths ...string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			must(t, os.RemoveAll(filepath.Join(dir, "member")))
			for _, path := range paths {
				path = filepath.Join(dir, path)
				must(t, os.MkdirAll(filepath.Dir(path), 0o700))
				must(t, os.WriteFile(path, []byte("x"), 0o600))
			}
		}
	}
	for _, row := range []struct {
		name     string
		harm     func(t *testing.T, dir string)
		state    DataState
		why      string
		torn     bool
		members  int
		unlogged bool
		beside   []string
	}{
		{name: "member", harm: func(*testing.T, string) {}, state: DataMember, members: 1},
		{name: "missing", harm: func(t *testing.T, dir string) { must(t, os.RemoveAll(dir)) }, state: DataEmpty},
		{name: "empty", harm: func(t *testing.T, dir string) {
			must(t, os.RemoveAll(dir))
			must(t, os.MkdirAll(filepath.Join(dir, "member", "snap"), 0o700))
		}, state: DataEmpty},
		{name: "a start that did not get far", harm: func(t *testing.T, dir string) {
			must(t, os.RemoveAll(filepath.Join(dir, "member")))
			must(t, os.MkdirAll(datadir.ToSnapDir(dir), 0o700))
			b, err := bolt.Open(db(dir), 0o600, nil)
			must(t, err)
			must(t, b.Close())
		}, state: DataUnborn},
		{name: "some other file", harm: only("note"), state: DataUnborn},
		{name: "files beside", harm: only(ours...), beside: ours, state: DataEmpty},
		{name: "a file beside and an empty tree", harm: func(t *testing.T, dir string) {
			only(ours[0])(t, dir)
			must(t, os.MkdirAll(datadir.ToSnapDir(dir), 0o700))
		}, beside: ours, state: DataEmpty},
		{name: "files beside that nobody told of", harm: only(ours...), state: DataUnborn},
		{name: "a file beside and some other file", harm: only(ours[0], "note"), beside: ours, state: DataUnborn},
		{name: "a file of that name further down", harm: only("member/owner.json"), beside: ours, state: DataUnborn},
		{name: "a directory of that name", harm: only("owner.json/note"), beside: ours, state: DataUnborn},
		{name: "member and a file beside", harm: func(t *testing.T, dir string) {
			must(t, os.WriteFile(filepath.Join(dir, ours[0]), []byte("x"), 0o600))
		}, beside: ours, state: DataMember, members: 1},
		{name: "torn tail", harm: func(t *testing.T, dir string) {
			must(t, os.Truncate(log(t, dir), lastRecord(t, dir)-3))
		}, state: DataMember, torn: true, members: 1},
		{name: "zero-length log file", harm: func(t *testing.T, dir string) {
			must(t, os.Truncate(log(t, dir), 0))
		}, state: DataDamaged, why: "is empty", members: 1},
		{name: "log of zeros", harm: func(t *testing.T, dir string) {
			overwrite(t, log(t, dir), 0, make([]byte, segmentBytes))
		}, state: DataDamaged, why: "no member ID", members: 1},
		{name: "bit flip", harm: func(t *testing.T, dir string) {
			overwrite(t, log(t, dir), lastRecord(t, dir)-12, []byte{0xff, 0xfe, 0xfd})
		}, state: DataDamaged, why: "log", members: 1},
		{name: "gap between log files", harm: func(t *testing.T, dir string) {
			must(t, os.WriteFile(filepath.Join(datadir.ToWALDir(dir), "0000000000000007-0000000000000009.wal"), []byte("x"), 0o600))
		}, state: DataDamaged, why: "a file is missing", members: 1},
		{name: "badly named log file", harm: func(t *testing.T, dir string) {
			must(t, os.WriteFile(filepath.Join(datadir.ToWALDir(dir), "backup.wal"), []byte("x"), 0o600))
		}, state: DataDamaged, why: "no proper name", members: 1},
		{name: "log gone", harm: func(t *testing.T, dir string) {
			must(t, os.RemoveAll(datadir.ToWALDir(dir)))
		}, state: DataDamaged, why: "the log is gone", members: 1},
		{name: "log gone and database zeroed", harm: func(t *testing.T, dir string) {
			must(t, os.RemoveAll(datadir.ToWALDir(dir)))
			must(t, os.Truncate(db(dir), 0))
		}, state: DataDamaged, why: "no log", unlogged: true},
		{name: "database headers zeroed", harm: func(t *testing.T, dir string) {
			overwrite(t, db(dir), 0, make([]byte, 8192))
		}, state: DataDamaged, why: "database"},
		{name: "database pages overwritten", harm: func(t *testing.T, dir string) {
			info, err := os.Stat(db(dir))
			must(t, err)
			overwrite(t, db(dir), 8192, slices.Repeat([]byte{0xa5}, int(info.Size())-8192))
		}, state: DataDamaged, why: "database"},
		{name: "database cut", harm: func(t *testing.T, dir string) {
			must(t, os.Truncate(db(dir), 8192))
		}, state: DataDamaged, why: "database"},
		{name: "database is garbage", harm: func(t *testing.T, dir string) {
			must(t, os.WriteFile(db(dir), []byte("garbage"), 0o600))
		}, state: DataDamaged, why: "database"},
		{name: "database gone, log from its beginning", harm: func(t *testing.T, dir string) {
			must(t, os.Remove(db(dir)))
		}, state: DataMember},
		{name: "a listed member is no JSON", harm: func(t *testing.T, dir string) {
			b, err := bolt.Open(db(dir), 0o600, nil)
			must(t, err)
			must(t, b.Update(func(tx *bolt.Tx) error {
				return tx.Bucket(schema.Members.Name()).Put([]byte("1"), []byte("{"))
			}))
			must(t, b.Close())
		}, state: DataDamaged, why: "member 1"},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "etcd")
			must(t, os.CopyFS(dir, os.DirFS(c.Dir)))
			row.harm(t, dir)
			d, err := Inspect(dir, row.beside...)
			if err != nil {
				t.Fatal(err)
			}
			if d.State != row.state || !strings.Contains(d.Why, row.why) || (row.why == "") != (d.Why == "") {
				t.Errorf("state %v, why %q; want %v, %q", d.State, d.Why, row.state, row.why)
			}
			if d.Unlogged != row.unlogged {
				t.Errorf("unlogged %v, want %v", d.Unlogged, row.unlogged)
			}
			if d.Torn != row.torn || d.InUse || len(d.Members) != row.members {
				t.Errorf("torn %v, in use %v, members %v", d.Torn, d.InUse, d.Members)
			}
			if d.Size == 0 && row.state == DataMember || d.Size > 0 && row.state == DataEmpty {
				t.Errorf("size %d", d.Size)
			}
			if d.State == DataMember && (d.MemberID != ready.MemberID || d.ClusterID != ready.ClusterID) {
				t.Errorf("IDs %s %s, want %s %s", d.MemberID, d.ClusterID, ready.MemberID, ready.ClusterID)
			}
			if row.name == "member" {
				m := d.Members[0]
				if m.ID != ready.MemberID || !slices.Equal(m.PeerURLs, []string{c.PeerURL}) || m.Name != c.Name || !m.Started || m.Learner {
					t.Errorf("member %+v", m)
				}
			}
		})
	}
}

// lastRecord is the offset behind the last record of the newest log file.
func lastRecord(t *testing.T, dir string) int64 {
	t.Helper()
	names, err := logFiles(datadir.ToWALDir(dir))
	if err != nil || len(names) != 1 {
		t.Fatal(names, err)
	}
	b, err := os.ReadFile(filepath.Join(datadir.ToWALDir(dir), names[0]))
	if err != nil {
		t.Fatal(err)
	}
	end := len(b)
	for end > 0 && b[end-1] == 0 {
		end--
	}
	// Records are padded to eight bytes, and the last one may end in zeros.
	return int64(end+7) / 8 * 8
}

// TestJudge are the cases that a directory of one short-lived member cannot show.
func TestJudge(t *testing.T) {
	log := logFacts{exists: true, member: "1", cluster: "2", snapshots: true}
	for _, row := range []struct {
		name  string
		log   logFacts
		db    dbFacts
		state DataState
	}{
		{"snapshot and no database", log, dbFacts{}, DataDamaged},
		{"snapshot and an empty database", log, dbFacts{why: "the database is empty"}, DataDamaged},
		{"snapshot and a database", log, dbFacts{size: 1}, DataMember},
		{"running", log, dbFacts{size: 1, inUse: true}, DataMember},
		{"running, damaged log", logFacts{exists: true, why: "x"}, dbFacts{size: 1, inUse: true}, DataDamaged},
	} {
		if state, why := judge(row.log, row.db); state != row.state || (state == DataDamaged) != (why != "" && !row.db.inUse || row.log.why != "") {
			t.Errorf("%s: %v, %q; want %v", row.name, state, why, row.state)
		}
	}
}

// TestInspectUnreadable: what cannot be read is unknown, and an error.
func TestInspectUnreadable(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	loop := filepath.Join(t.TempDir(), "loop")
	if err := os.MkdirAll(filepath.Join(loop, "member"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("wal", filepath.Join(loop, "member", "wal")); err != nil {
		t.Fatal(err)
	}
	for name, dir := range map[string]string{
		"not a directory":       file,
		"below a file":          filepath.Join(file, "etcd"),
		"log is a link to self": loop,
	} {
		if d, err := Inspect(dir); err == nil || d.State != DataUnknown {
			t.Errorf("%s: %+v, %v", name, d, err)
		}
	}
	if os.Geteuid() != 0 { // root may read everything
		closed := filepath.Join(t.TempDir(), "closed")
		if err := os.Mkdir(closed, 0); err != nil {
			t.Fatal(err)
		}
		if d, err := Inspect(closed); err == nil || d.State != DataUnknown {
			t.Errorf("closed directory: %+v, %v", d, err)
		}
	}
}

// TestInspectRunning: a running server's directory can be told from a damaged one.
func TestInspectRunning(t *testing.T) {
	c := members(t, 1, TLSFiles{})[0]
	ch := spawn(t, c)
	next(t, ch, EventStarted)
	ready := next(t, ch, EventReady)
	d, err := Inspect(c.Dir)
	if err != nil || d.State != DataMember || !d.InUse || d.Members != nil || d.MemberID != ready.MemberID {
		t.Errorf("%+v, %v", d, err)
	}
}
