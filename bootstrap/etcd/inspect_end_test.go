package etcd

import (
	"os"
	"path/filepath"
	"testing"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/server/v3/storage/datadir"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.etcd.io/raft/v3/raftpb"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"muster/bootstrap"
)

// logged is a log that etcd's own package wrote. f adds to it.
func logged(t *testing.T, f func(w *wal.WAL)) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "etcd")
	if err := os.MkdirAll(datadir.ToMemberDir(dir), 0o700); err != nil {
		t.Fatal(err)
	}
	ids, err := proto.Marshal(&etcdserverpb.Metadata{NodeID: new(uint64(1)), ClusterID: new(uint64(2))})
	if err != nil {
		t.Fatal(err)
	}
	w, err := wal.Create(zap.NewNop(), datadir.ToWALDir(dir), ids)
	if err != nil {
		t.Fatal(err)
	}
	f(w)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// entries are those of one term, from first to last.
func entries(term, first, last uint64) (list []*raftpb.Entry) {
	for i := first; i <= last; i++ {
		list = append(list, &raftpb.Entry{Term: &term, Index: &i, Data: []byte("data of an entry")})
	}
	return list
}

func hardState(term, commit uint64) *raftpb.HardState {
	vote := uint64(1)
	return &raftpb.HardState{Term: &term, Vote: &vote, Commit: &commit}
}

func TestLogEnd(t *testing.T) {
	for _, row := range []struct {
		name string
		add  func(t *testing.T, w *wal.WAL)
		want bootstrap.Mark
	}{
		{"no entry", func(*testing.T, *wal.WAL) {}, bootstrap.Mark{}},
		{"entries", func(t *testing.T, w *wal.WAL) {
			save(t, w, hardState(2, 4), entries(2, 1, 7)...)
		}, bootstrap.Mark{Term: 2, Index: 7}},
		{"a vote in a later term", func(t *testing.T, w *wal.WAL) {
			save(t, w, hardState(2, 4), entries(2, 1, 7)...)
			save(t, w, hardState(9, 4))
		}, bootstrap.Mark{Term: 9, Index: 7}},
		{"an overwritten tail", func(t *testing.T, w *wal.WAL) {
			save(t, w, hardState(2, 4), entries(2, 1, 70)...)
			save(t, w, hardState(3, 4), entries(3, 5, 6)...)
		}, bootstrap.Mark{Term: 3, Index: 6}},
		{"a snapshot of what is here", func(t *testing.T, w *wal.WAL) {
			save(t, w, hardState(2, 7), entries(2, 1, 7)...)
			snapshot(t, w, 2, 5)
		}, bootstrap.Mark{Term: 2, Index: 7}},
		{"a snapshot from the leader", func(t *testing.T, w *wal.WAL) {
			save(t, w, hardState(2, 4), entries(2, 1, 7)...)
			snapshot(t, w, 3, 100)
			save(t, w, hardState(4, 100))
		}, bootstrap.Mark{Term: 4, Index: 100}},
		{"and entries behind it", func(t *testing.T, w *wal.WAL) {
			save(t, w, hardState(2, 4), entries(2, 1, 7)...)
			snapshot(t, w, 3, 100)
			save(t, w, hardState(4, 100), entries(4, 101, 103)...)
		}, bootstrap.Mark{Term: 4, Index: 103}},
		{"a snapshot that was cut off before it counted", func(t *testing.T, w *wal.WAL) {
			save(t, w, hardState(2, 4), entries(2, 1, 7)...)
			snapshot(t, w, 3, 100)
		}, bootstrap.Mark{Term: 2, Index: 7}},
	} {
		t.Run(row.name, func(t *testing.T) {
			dir := logged(t, func(w *wal.WAL) { row.add(t, w) })
			// A log that begins with a snapshot has a database beside it, which is not here.
			log, err := readLog(datadir.ToWALDir(dir))
			if err != nil || log.why != "" || log.end != row.want {
				t.Errorf("the log ends at %v, want %v (%+v, %v)", log.end, row.want, log, err)
			}
		})
	}
}

func save(t *testing.T, w *wal.WAL, s *raftpb.HardState, list ...*raftpb.Entry) {
	t.Helper()
	if err := w.Save(s, list); err != nil {
		t.Fatal(err)
	}
}

func snapshot(t *testing.T, w *wal.WAL, term, index uint64) {
	t.Helper()
	if err := w.SaveSnapshot(&walpb.Snapshot{Term: &term, Index: &index, ConfState: &raftpb.ConfState{Voters: []uint64{1}}}); err != nil {
		t.Fatal(err)
	}
}

// TestLogEndNotKnown: half a log tells nothing of its end.
func TestLogEndNotKnown(t *testing.T) {
	whole := logged(t, func(w *wal.WAL) { save(t, w, hardState(2, 4), entries(2, 1, 7)...) })
	file := func(dir string) string {
		names, err := logFiles(datadir.ToWALDir(dir))
		if err != nil || len(names) != 1 {
			t.Fatal(names, err)
		}
		return filepath.Join(datadir.ToWALDir(dir), names[0])
	}
	t.Run("torn, which a start mends", func(t *testing.T) {
		dir := copied(t, whole)
		if err := os.Truncate(file(dir), lastRecord(t, dir)-3); err != nil {
			t.Fatal(err)
		}
		if d, err := Inspect(dir); err != nil || !d.Torn || d.Log != (bootstrap.Mark{Term: 2, Index: 7}) {
			t.Errorf("%+v, %v", d, err)
		}
	})
	t.Run("damaged", func(t *testing.T) {
		dir := copied(t, whole)
		overwrite(t, file(dir), lastRecord(t, dir)-12, []byte{0xff, 0xfe, 0xfd})
		if d, err := Inspect(dir); err != nil || d.State != DataDamaged || d.Log != (bootstrap.Mark{}) {
			t.Errorf("%+v, %v", d, err)
		}
	})
	t.Run("torn before another file", func(t *testing.T) {
		dir := copied(t, whole)
		if err := os.Truncate(file(dir), lastRecord(t, dir)-3); err != nil {
			t.Fatal(err)
		}
		later := filepath.Join(datadir.ToWALDir(dir), "0000000000000001-0000000000000008.wal")
		if err := os.WriteFile(later, make([]byte, 4096), 0o600); err != nil {
			t.Fatal(err)
		}
		if d, err := Inspect(dir); err != nil || d.Log != (bootstrap.Mark{}) {
			t.Errorf("%+v, %v", d, err)
		}
	})
}

func copied(t *testing.T, from string) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "etcd")
	if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestLogEndOfMember: a real member's log ends where the member said that it was, in
// order or not, and with snapshots in it.
func TestLogEndOfMember(t *testing.T) {
	t.Parallel()
	c := members(t, 1, TLSFiles{})[0]
	c.BoardMemory = 256 << 20 // the least: a snapshot every 1000 entries
	ch, client := lone(t, c)
	for range 20 {
		put(t, client, "key", "value")
	}
	said := saidApplied(t, client, c)
	kill(t, ch)
	endsAt(t, c.Dir, said)

	ch, client = lone(t, restarted(c))
	for range 1100 {
		put(t, client, "key", "value")
	}
	said = saidApplied(t, client, c)
	if err := ch.Stop(soon(t)); err != nil {
		t.Fatal(err)
	}
	endsAt(t, c.Dir, said)
	if log, err := readLog(datadir.ToWALDir(c.Dir)); err != nil || !log.snapshots {
		t.Errorf("the log has no snapshot: %+v, %v", log, err)
	}
}

// saidApplied is the last entry that a member says it has applied.
func saidApplied(t *testing.T, client *Client, c Config) bootstrap.Mark {
	t.Helper()
	r, err := client.c.Status(t.Context(), c.ClientURL)
	if err != nil {
		t.Fatal(err)
	}
	return bootstrap.Mark{Term: r.RaftTerm, Index: r.RaftAppliedIndex}
}

func endsAt(t *testing.T, dir string, want bootstrap.Mark) {
	t.Helper()
	d, err := Inspect(dir)
	if err != nil || d.Log != want {
		t.Errorf("the log ends at %+v, %v; want %+v", d.Log, err, want)
	}
}
