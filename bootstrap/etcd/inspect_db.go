package etcd

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime/debug"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
	"go.etcd.io/etcd/server/v3/etcdserver/api/membership"
	"go.etcd.io/etcd/server/v3/storage/schema"
)

// lockWait is how long to wait for the lock of a database; a server that is
// just ending gives it up within it.
const lockWait = 300 * time.Millisecond

// dbFacts is what the database says.
type dbFacts struct {
	size    int64
	members []Member // nil: not known
	inUse   bool
	why     string // what is damaged
}

// readDatabase reads the member list. A missing file is a size of 0. Errors are
// those of the disk; damage is in why.
func readDatabase(path string) (db dbFacts, err error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return dbFacts{}, nil
	}
	if err != nil {
		return dbFacts{}, err
	}
	if info.Size() == 0 {
		// bbolt would refuse it here and initialise it when etcd opens it.
		return dbFacts{why: "the database is empty"}, nil
	}
	db.size = info.Size()

	// bbolt answers damaged pages with panics, and a file shorter than it says
	// with SIGBUS, since it maps it: both must end as an answer, not as the end
	// of this process.
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			db = dbFacts{size: info.Size(), why: fmt.Sprintf("database cannot be read: %v", p)}
			err = nil
		}
	}()
	b, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true, Timeout: lockWait})
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		db.inUse = true
		return db, nil
	case err != nil && unreadable(err):
		return dbFacts{}, err
	case err != nil:
		db.why = fmt.Sprintf("database cannot be opened: %v", err)
		return db, nil
	}
	defer b.Close()
	if err := b.View(db.read); err != nil {
		db.why, db.members = err.Error(), nil
	}
	return db, nil
}

func (db *dbFacts) read(tx *bolt.Tx) error {
	bucket := tx.Bucket(schema.Members.Name())
	if bucket == nil {
		return nil
	}
	return bucket.ForEach(func(k, v []byte) error {
		var m membership.Member
		if err := json.Unmarshal(v, &m); err != nil {
			return fmt.Errorf("database: member %s: %w", k, err)
		}
		db.members = append(db.members, Member{
			ID: m.ID.String(), Name: m.Name, PeerURLs: m.PeerURLs, ClientURLs: m.ClientURLs,
			Learner: m.IsLearner, Started: len(m.ClientURLs) > 0,
		})
		return nil
	})
}
