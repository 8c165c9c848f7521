package etcd

import "strings"

// Cause is what ended a child, as far as there is something particular to do
// about it.
type Cause int

// The causes. The zero value means that none of them is known to be it.
const (
	CauseNone         Cause = iota
	CauseRemoved            // the member was removed from the cluster
	CauseDiskFull           // no space left for the log or the database
	CauseDiskReadOnly       // the file system is read-only, or became so after errors
	CauseDamaged            // the log or the database cannot be used, or the log lacks what the member has promised
	CauseDiverged           // the data differs from the peers' at the same revision
	CauseForeign            // the IDs are not those that were computed
	CausePort               // another process listens on the peer or client port
	CauseIO                 // the disk answered with an I/O error
	CauseConflict           // the leader has other entries than those that were committed here
)

// String is a short name for logs and status.
func (c Cause) String() string {
	switch c {
	case CauseRemoved:
		return "removed"
	case CauseDiskFull:
		return "disk-full"
	case CauseDiskReadOnly:
		return "disk-read-only"
	case CauseDamaged:
		return "damaged"
	case CauseDiverged:
		return "diverged"
	case CauseForeign:
		return "foreign"
	case CausePort:
		return "port"
	case CauseIO:
		return "io"
	case CauseConflict:
		return "conflict"
	default:
		return "none"
	}
}

// Cause tells the cause of an end, by its kind and by etcd's words.
func (e Exit) Cause() Cause {
	switch e.Kind {
	case ExitStopped:
		return CauseRemoved
	case ExitDiverged:
		return CauseDiverged
	case ExitForeignIDs:
		return CauseForeign
	case ExitFatal, ExitPanic, ExitStartError:
		return causeOf(e.LastWords)
	default:
		return CauseNone
	}
}

func causeOf(words string) Cause {
	// The system's words come first: what could not be read or written is not
	// damaged for that.
	for _, c := range systemWords {
		if strings.Contains(words, c.words) {
			return c.cause
		}
	}
	if strings.Contains(words, conflictWords) {
		return CauseConflict
	}
	if contains(damageWords, words) {
		return CauseDamaged
	}
	return CauseNone
}

// systemWords are the texts of errno values in Go's package syscall.
var systemWords = []struct {
	words string
	cause Cause
}{
	{"no space left on device", CauseDiskFull},   // ENOSPC
	{"disk quota exceeded", CauseDiskFull},       // EDQUOT
	{"read-only file system", CauseDiskReadOnly}, // EROFS
	{"input/output error", CauseIO},              // EIO
	{"address already in use", CausePort},        // EADDRINUSE
}

// conflictWords are raft's (raft v3.7.0 log.go, maybeAppend): two members have committed
// different entries in one place. The log is whole, and may be the only one that is
// right.
const conflictWords = "conflict with committed entry"

// damageWords are what etcd v3.7.3, raft v3.7.0 and bbolt v1.5.0 say when what
// they read cannot be right. Words that a full disk, missing rights or another
// version of etcd could explain are not among them: good data would be set aside.
var damageWords = []string{
	// The log: server/storage/wal, wal/walpb, etcdserver/api/snap.
	"crc mismatch",
	"cannot be repaired: unexpected EOF",
	"wal: conflicting metadata found",
	"wal: file not found",
	"wal: snapshot mismatch",
	"wal: snapshot not found",
	"wal: slice bounds out of range",
	"wal: max entry size limit exceeded",
	"proto: cannot parse invalid wire-format data",
	// The database belongs to another place of the log.
	"failed to find database snapshot file",
	"snap: snapshot file doesn't exist",
	// raft: log.go, raft.go, storage.go. The log lost what others remember of it,
	// or is that of a fork.
	"tocommit(",
	"is out of range [prevApplied(",
	"state.commit ",
	"need non-empty snapshot",
	"missing log entry [last:",
	// bbolt: errors, internal/common/page.go, cursor.go, db.go, freelist.
	"invalid database",
	"checksum error",
	"file size too small",
	"assertion failed:",
	"invalid page type",
	"unexpected page type",
	"invalid freelist page",
	"invalid meta pages",
	"freepages: failed to get all reachable pages",
	"above high water mark",
	"misplaced bucket header",
	"unexpected bucket header flag",
	"inline bucket non-zero page access",
	"detected duplicated free",
	"detected overlapped free",
	"already freed",
	// The Go runtime's first line about SIGBUS: the database is mapped into memory
	// and shorter than it says, or a page of it cannot be read any more.
	"unexpected fault address",
	// The database's content: server/storage/schema, mvcc.
	"couldn't read members from backend",
	"failed to unmarshal mvccpb.KeyValue",
}
