package etcd

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"

	"go.etcd.io/etcd/client/pkg/v3/types"
	"go.etcd.io/etcd/server/v3/etcdserver/api/membership"
	"go.etcd.io/etcd/server/v3/storage/datadir"
	"go.uber.org/zap"

	"muster/bootstrap"
)

// DataState says what a data directory is.
type DataState int

// The states of a data directory. The zero value means that it could not be
// read: nothing may be concluded from it.
const (
	DataUnknown DataState = iota
	DataEmpty             // not there, or without any file that counts
	DataUnborn            // files but no log and no trace of a member: a start that did not get far
	DataMember            // a member's; a torn last record is repaired by etcd itself
	DataDamaged           // was a member's, and etcd cannot be started from it, see Why
)

// String is a short name for logs and status.
func (s DataState) String() string {
	switch s {
	case DataEmpty:
		return "empty"
	case DataUnborn:
		return "unborn"
	case DataMember:
		return "member"
	case DataDamaged:
		return "damaged"
	default:
		return "unknown"
	}
}

// Data is what a look at a data directory found.
type Data struct {
	State DataState
	// Why tells what is damaged, or why the database could not be looked into.
	Why string
	// ClusterID and MemberID are the ones in the log; empty if it has none that
	// can be read.
	ClusterID, MemberID string
	// Members are the ones the database lists, nil if that is not known. The log
	// may hold later changes; only a live quorum knows the membership.
	Members []Member
	// Torn says that the last record of the log is incomplete.
	Torn bool
	// InUse says that a running server holds the database; Members are not known.
	InUse bool
	// Unlogged says, of damaged data, that there is no log and the database cannot
	// be read: either the log was lost, or a first start was cut off while it made
	// the database. Only who began that start can tell.
	Unlogged bool
	// Log is the end of the log and the last term in it; zero if it cannot be read to
	// its end. What is torn off there was never acknowledged.
	Log bootstrap.Mark
	// Size is the number of bytes in all files that count.
	Size int64
}

// Inspect looks at a stopped member's data directory without changing it and
// without starting etcd. It reads the whole log, as a start does: expect the
// time that the card needs for some ten MB. An error means that the directory
// could not be read and comes with DataUnknown; damage is not an error.
//
// Files directly in dir whose names are in beside are not etcd's and do not count.
//
// Not found out: a log whose end was overwritten with zeros (it looks shorter),
// damage in pages of the database that hold keys, wrong values.
func Inspect(dir string, beside ...string) (Data, error) {
	d, err := inspect(dir, beside)
	if err != nil {
		return Data{}, fmt.Errorf("inspect %s: %w", dir, err)
	}
	return d, nil
}

func inspect(dir string, beside []string) (Data, error) {
	var d Data
	files, err := measure(dir, beside, &d.Size)
	if err != nil {
		return d, err
	}
	if files == 0 {
		d.State = DataEmpty
		return d, nil
	}
	log, err := readLog(datadir.ToWALDir(dir))
	if err != nil {
		return d, err
	}
	db, err := readDatabase(datadir.ToBackendFileName(dir))
	if err != nil {
		return d, err
	}
	if !log.exists && db.inUse {
		return d, errors.New("the database is in use, and there is no log yet")
	}
	d.ClusterID, d.MemberID, d.Torn = log.cluster, log.member, log.torn
	d.Log, d.Members, d.InUse = log.end, db.members, db.inUse
	d.State, d.Why = judge(log, db)
	d.Unlogged = !log.exists && log.why == "" && db.why != ""
	return d, nil
}

// judge is the table of what etcd v3.7.3 does with a directory at its start.
func judge(log logFacts, db dbFacts) (DataState, string) {
	switch {
	case log.why != "":
		return DataDamaged, log.why
	case !log.exists && db.why != "":
		// Whether there ever was a log cannot be told any more.
		return DataDamaged, "no log, and " + db.why
	case !log.exists && len(db.members) > 0:
		return DataDamaged, "the log is gone, the database has members"
	case !log.exists:
		return DataUnborn, ""
	case db.size == 0 && log.snapshots:
		// Without a snapshot the log is replayed from its beginning.
		return DataDamaged, "the database is missing or empty, and the log starts at a snapshot"
	case db.size > 0 && db.why != "":
		return DataDamaged, db.why
	case db.inUse:
		return DataMember, "the database is in use"
	default:
		return DataMember, ""
	}
}

// measure counts the files below dir but those beside. A missing dir has none; a dir that cannot
// be read is an error, and so is anything in it: unknown is not absent.
func measure(dir string, beside []string, size *int64) (files int, err error) {
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			// Files come and go while a server runs; the top must be seen missing by
			// itself.
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			return err
		}
		if e.IsDir() {
			return nil
		}
		if path == dir {
			return &fs.PathError{Op: "read", Path: dir, Err: syscall.ENOTDIR}
		}
		if filepath.Dir(path) == filepath.Clean(dir) && slices.Contains(beside, e.Name()) {
			return nil
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		files++
		*size += info.Size()
		return nil
	})
	return files, err
}

// foresight is what can be told of a start beforehand.
type foresight struct {
	haveLog         bool
	known           bool // the IDs are
	member, cluster string
}

// foreseen tells the member and cluster ID that a start with c would have, if
// that can be told without starting: the log has them, or they follow from the
// initial cluster (etcd v3.7.3 membership.NewClusterFromURLsMap). A member
// that joins gets its cluster ID from the others.
func foreseen(c Config, lg *zap.Logger) foresight {
	log, err := readHead(datadir.ToWALDir(c.Dir))
	if err != nil {
		return foresight{}
	}
	if log.exists {
		return foresight{haveLog: true, known: log.member != "", member: log.member, cluster: log.cluster}
	}
	if c.State != "new" {
		return foresight{}
	}
	urls, err := types.NewURLsMap(c.InitialCluster)
	if err != nil {
		return foresight{}
	}
	cl, err := membership.NewClusterFromURLsMap(lg, c.Token, urls)
	if err != nil {
		return foresight{}
	}
	m := cl.MemberByName(c.Name)
	if m == nil {
		return foresight{}
	}
	return foresight{known: true, member: m.ID.String(), cluster: cl.ID().String()}
}

// unreadable says that err is the disk's or the system's, not the content's.
func unreadable(err error) bool {
	var path *fs.PathError
	var call *os.SyscallError
	var number syscall.Errno
	return errors.As(err, &path) || errors.As(err, &call) || errors.As(err, &number)
}
