package etcd

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"syscall"
	"time"

	bolt "go.etcd.io/bbolt"
	"go.etcd.io/etcd/client/pkg/v3/types"
	"go.etcd.io/etcd/server/v3/storage/datadir"
	"go.etcd.io/etcd/server/v3/storage/schema"
)

// readdressLockWait is how long to wait for a server that is just ending.
const readdressLockWait = 2 * time.Second

// Readdress changes the peer URLs of members in the database of a stopped
// member: for boards that all moved, whose quorum can therefore not be asked. It
// changes nothing but these URLs, and only of members in urls (peer URL by ID in
// hexadecimal) that the database lists; all in one transaction. changed is how
// many differed. A running server is an error after 2 s, and so is a database
// that is missing or damaged, which stays as it is.
//
// The next start must be one with [Config].HoldAddresses, or updates in the log
// win again. Those that the database has not taken in yet, as after a power cut,
// win all the same: then [EventMembers] tells, and the second time they do not.
// Tell the cluster by UpdatePeerURL as soon as there is a quorum.
//
// What holds (etcd v3.7.3): a start with a log takes members from the bucket
// "members" of the database and from nowhere else (server/etcdserver/api/
// membership/cluster.go, Recover); the keys of that bucket and isLearner are
// raft's configuration and must not be touched; hashes that members compare do
// not cover it (server/storage/mvcc/hash.go).
func Readdress(dir string, urls map[string]string) (changed int, err error) {
	want, err := peerURLs(urls)
	if err != nil {
		return 0, fmt.Errorf("readdress %s: %w", dir, err)
	}
	path := datadir.ToBackendFileName(dir)
	if err := walk(path); err != nil {
		return 0, fmt.Errorf("readdress %s: %w", dir, err)
	}
	err = withDatabase(path, writable(), func(b *bolt.DB) error {
		return b.Update(func(tx *bolt.Tx) (err error) {
			changed, err = rewrite(tx, want)
			return err
		})
	})
	if err != nil {
		return 0, fmt.Errorf("readdress %s: %w", dir, err)
	}
	return changed, nil
}

// DatabasePath is etcd's database in a data directory.
func DatabasePath(dir string) string { return datadir.ToBackendFileName(dir) }

// peerURLs checks urls and brings them into the database's form.
func peerURLs(urls map[string]string) (map[types.ID]json.RawMessage, error) {
	want := map[types.ID]json.RawMessage{}
	for id, url := range urls {
		n, err := numberOf(id)
		if err != nil {
			return nil, err
		}
		list, err := types.NewURLs([]string{url})
		if err != nil {
			return nil, fmt.Errorf("member %s: %w", id, err)
		}
		if want[types.ID(n)], err = json.Marshal(list.StringSlice()); err != nil {
			return nil, fmt.Errorf("member %s: %w", id, err)
		}
	}
	return want, nil
}

// rewrite works on members as loose JSON, so that fields of another version of
// etcd stay.
func rewrite(tx *bolt.Tx, want map[types.ID]json.RawMessage) (changed int, err error) {
	bucket := tx.Bucket(schema.Members.Name())
	if bucket == nil {
		return 0, nil
	}
	const field = "peerURLs"
	for id, urls := range want {
		key := schema.BackendMemberKey(id)
		old := bucket.Get(key)
		if old == nil {
			continue
		}
		var member map[string]json.RawMessage
		if err := json.Unmarshal(old, &member); err != nil {
			return 0, fmt.Errorf("database: member %s: %w", id, err)
		}
		if member == nil {
			return 0, fmt.Errorf("database: member %s: no record", id)
		}
		if string(member[field]) == string(urls) {
			continue
		}
		member[field] = urls
		record, err := json.Marshal(member)
		if err != nil {
			return 0, fmt.Errorf("database: member %s: %w", id, err)
		}
		if err := bucket.Put(key, record); err != nil {
			return 0, fmt.Errorf("database: member %s: %w", id, err)
		}
		changed++
	}
	return changed, nil
}

// walk reads every page that holds keys, in this goroutine. bbolt does the same
// to find free pages when it opens a database for writing, but in a goroutine of
// its own (db.go, freepages), where a damaged page would be the end of this
// process: no one can recover there.
func walk(path string) error {
	return withDatabase(path, &bolt.Options{ReadOnly: true, Timeout: readdressLockWait}, func(b *bolt.DB) error {
		return b.View(func(tx *bolt.Tx) error {
			return tx.ForEach(func(_ []byte, bucket *bolt.Bucket) error {
				return bucket.ForEach(func(_, _ []byte) error { return nil })
			})
		})
	})
}

// writable opens as etcd does (server/storage/backend/config_linux.go): with
// other settings bbolt would write its list of free pages at once.
func writable() *bolt.Options {
	return &bolt.Options{Timeout: readdressLockWait, NoFreelistSync: true, FreelistType: bolt.FreelistMapType}
}

// withDatabase opens a database that must be there, calls f and closes it. What
// bbolt answers with panics and faults becomes an error, see readDatabase.
func withDatabase(path string, o *bolt.Options, f func(*bolt.DB) error) (err error) {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if info.Size() == 0 {
		// bbolt would make a new database of it.
		return errors.New("the database is empty")
	}
	var file *os.File
	o.OpenFile = func(name string, flag int, mode os.FileMode) (*os.File, error) {
		var err error
		file, err = os.OpenFile(name, flag&^os.O_CREATE, mode)
		return file, err
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("database cannot be read: %v", p)
			if file != nil {
				// Closing alone does not do: what bbolt has mapped holds the lock too.
				// Both fail if bbolt has closed it.
				_ = syscall.Flock(int(file.Fd()), syscall.LOCK_UN)
				_ = file.Close()
			}
		}
	}()
	b, err := bolt.Open(path, 0o600, o)
	if err != nil {
		return fmt.Errorf("open database: %w", err)
	}
	defer func() {
		if e := b.Close(); err == nil {
			err = e
		}
	}()
	return f(b)
}
