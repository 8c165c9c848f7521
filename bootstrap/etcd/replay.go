package etcd

import (
	"encoding/binary"
	"encoding/json"
	"fmt"

	bolt "go.etcd.io/bbolt"
	"go.etcd.io/etcd/server/v3/storage/datadir"
	"go.etcd.io/etcd/server/v3/storage/schema"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"go.etcd.io/raft/v3/raftpb"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"
)

// holdAddresses keeps a stopped member from going back to addresses of before a
// [Readdress]. Each start replays the log from its last snapshot, and while
// entries that the database has taken in change nothing there any more, an update
// of a peer URL still changes the list in memory, and whom the server dials (etcd
// v3.7.3 server/etcdserver/api/membership/cluster.go, UpdateRaftAttributes;
// server/etcdserver/server.go, applyConfChange). So the log is given a snapshot
// at the last such update, as etcd does itself every few thousand entries: what
// is before it is in the database, and is not replayed.
//
// It changes nothing if there is no such update. It fails on a log whose last
// record is torn, which a start mends.
func holdAddresses(dir string, lg *zap.Logger) (err error) {
	defer func() {
		// A damaged record makes protobuf panic.
		if p := recover(); p != nil {
			err = fmt.Errorf("log cannot be decoded: %v", p)
		}
	}()
	taken, err := readTaken(datadir.ToBackendFileName(dir))
	if err != nil {
		return err
	}
	snapshots, err := wal.ValidSnapshotEntries(lg, datadir.ToWALDir(dir))
	if err != nil {
		return fmt.Errorf("look for snapshots in the log: %w", err)
	}
	from := &walpb.Snapshot{}
	if n := len(snapshots); n > 0 {
		from.Index, from.Term = snapshots[n-1].Index, snapshots[n-1].Term
	}
	w, err := wal.Open(lg, datadir.ToWALDir(dir), from)
	if err != nil {
		return fmt.Errorf("open the log: %w", err)
	}
	defer func() {
		if e := w.Close(); err == nil {
			err = e
		}
	}()
	_, state, entries, err := w.ReadAll()
	if err != nil {
		return fmt.Errorf("read the log: %w", err)
	}
	last := lastUpdate(entries, taken.index)
	if last == nil {
		return nil
	}
	if state.GetCommit() < last.GetIndex() {
		// What the database has taken in was committed; that is synced later only.
		// A snapshot beyond the commit would not count.
		state.Commit = last.Index
		if err := w.Save(state, nil); err != nil {
			return fmt.Errorf("write the log: %w", err)
		}
	}
	if err := w.SaveSnapshot(&walpb.Snapshot{Index: last.Index, Term: last.Term, ConfState: taken.conf}); err != nil {
		return fmt.Errorf("write the log: %w", err)
	}
	return nil
}

// lastUpdate is the last update of a peer URL up to index; nil: there is none.
func lastUpdate(entries []*raftpb.Entry, index uint64) (last *raftpb.Entry) {
	for _, e := range entries {
		if e.GetType() != raftpb.EntryConfChange || e.GetIndex() > index {
			continue
		}
		var change raftpb.ConfChange
		if err := proto.Unmarshal(e.Data, &change); err == nil && change.GetType() == raftpb.ConfChangeUpdateNode {
			last = e
		}
	}
	return last
}

// taken is how far a database has taken in the log.
type taken struct {
	index uint64 // of the last entry; 0: none
	conf  *raftpb.ConfState
}

func readTaken(path string) (t taken, err error) {
	err = withDatabase(path, &bolt.Options{ReadOnly: true, Timeout: readdressLockWait}, func(b *bolt.DB) error {
		return b.View(func(tx *bolt.Tx) error {
			meta := tx.Bucket(schema.Meta.Name())
			if meta == nil {
				return nil
			}
			if v := meta.Get(schema.MetaConsistentIndexKeyName); len(v) == 8 {
				t.index = binary.BigEndian.Uint64(v)
			}
			if v := meta.Get(schema.MetaConfStateName); v != nil {
				t.conf = &raftpb.ConfState{}
				return json.Unmarshal(v, t.conf)
			}
			return nil
		})
	})
	if err != nil {
		return taken{}, fmt.Errorf("look how far the database is: %w", err)
	}
	return t, nil
}
