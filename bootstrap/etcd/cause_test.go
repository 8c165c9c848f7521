package etcd

import "testing"

// TestCause: the words are those of real deaths; where the source is no death in
// these tests, the message is built as the named line of etcd builds it.
func TestCause(t *testing.T) {
	for _, row := range []struct {
		kind  ExitKind
		words string
		want  Cause
	}{
		{ExitUnknown, "", CauseNone},
		{ExitOrdered, "", CauseNone},
		{ExitKilled, "peer became inactive", CauseNone},
		{ExitStopped, stoppedWords, CauseRemoved},
		{ExitDiverged, "found data inconsistency with peers", CauseDiverged},
		{ExitForeignIDs, "member ID is 1, computed was 2", CauseForeign},
		// Something that is no child at all.
		{ExitOther, "tee: disk: No space left on device", CauseNone},

		{ExitFatal, "failed to commit tx: write /data/member/snap/db: no space left on device", CauseDiskFull},
		{ExitFatal, "failed to save Raft hard state and entries: write /data/member/wal/0.tmp: no space left on device", CauseDiskFull},
		{ExitStartError, "cannot access data directory: mkdir /data: disk quota exceeded", CauseDiskFull},
		{ExitStartError, "cannot access data directory: open /data/.touch: read-only file system", CauseDiskReadOnly},
		{ExitFatal, "failed to commit tx: fdatasync: input/output error", CauseIO},
		// It names the checksum's file, but could not read it.
		{ExitFatal, "failed to read WAL, cannot be repaired: read /data/member/wal/0.wal: input/output error", CauseIO},
		{ExitStartError, "listen tcp 10.0.0.1:2380: bind: address already in use", CausePort},
		{ExitStartError, "listen tcp 10.0.0.1:2380: bind: cannot assign requested address", CauseNone},

		{ExitStartError, "walpb: crc mismatch: in file '0.wal' at position: 2544", CauseDamaged},
		{ExitFatal, "failed to read WAL, cannot be repaired: walpb: crc mismatch", CauseDamaged},
		{ExitFatal, "failed to read WAL, cannot be repaired: open /data/member/wal/0.wal: permission denied", CauseNone},
		{ExitFatal, "failed to open WAL: wal: file not found", CauseDamaged},
		{ExitPanic, "tocommit(508) is out of range [lastIndex(0)]. Was the raft log corrupted, truncated, or lost?", CauseDamaged},
		{ExitPanic, "panic: need non-empty snapshot", CauseDamaged},
		{ExitPanic, "entry 17 conflict with committed entry [committed(20)]", CauseConflict},
		{ExitPanic, "18e5cb4824a28f0d state.commit 20 is out of range [5, 12]", CauseDamaged},
		{ExitPanic, "failed to open database: invalid database", CauseDamaged},
		{ExitPanic, "failed to open database: open /data/member/snap/db: permission denied", CauseNone},
		{ExitPanic, "panic: assertion failed: Page expected to be: 128, but self identifies as 0", CauseDamaged},
		{ExitPanic, "panic: freepages: failed to get all reachable pages (page 3: multiple references)", CauseDamaged},
		{ExitPanic, "unexpected fault address 0x7f3a5c402000", CauseDamaged},
		{ExitPanic, "failed to recover v3 backend from snapshot: failed to find database snapshot file (snap: snapshot file doesn't exist)", CauseDamaged},

		{ExitPanic, "fatal error: out of memory", CauseNone},
		{ExitStartError, "cannot fetch cluster info from peer urls: could not retrieve cluster information from the given URLs", CauseNone},
		{ExitStartError, "error validating peerURLs: member count is unequal", CauseNone},
		{ExitStartError, "stopped", CauseNone},
	} {
		if got := (Exit{Kind: row.kind, LastWords: row.words}).Cause(); got != row.want {
			t.Errorf("%v, %q: %v, want %v", row.kind, row.words, got, row.want)
		}
	}
	names := map[string]bool{}
	for c := CauseNone; c <= CauseConflict; c++ {
		names[c.String()] = true
	}
	if len(names) != int(CauseConflict)+1 {
		t.Errorf("%d names for %d causes: %v", len(names), CauseConflict+1, names)
	}
}
