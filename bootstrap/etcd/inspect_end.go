package etcd

import (
	"errors"

	"google.golang.org/protobuf/encoding/protowire"

	"muster/bootstrap"
)

// logEnd finds where a log ends while its records go by. The last entry that was
// written counts, not the one with the highest index: etcd appends what overwrites a
// tail, and reads it back so (etcd v3.7.3 server/storage/wal/wal.go, ReadAll).
type logEnd struct {
	term, commit uint64         // of the last state
	entry        bootstrap.Mark // the last one
	snapshots    []bootstrap.Mark
}

var errBadRecord = errors.New("cannot parse invalid wire-format data")

func (e *logEnd) sawEntry(record []byte) error {
	// raftpb.Entry: 2 is its term, 3 its index. Its data is most of the log and is not
	// copied: a generated message would.
	entry := bootstrap.Mark{}
	err := varints(record, func(field protowire.Number, v uint64) {
		switch field {
		case 2:
			entry.Term = v
		case 3:
			entry.Index = v
		}
	})
	if err == nil {
		e.entry = entry
	}
	return err
}

func (e *logEnd) sawState(record []byte) error {
	// raftpb.HardState: 1 is its term, 3 its commit.
	var term, commit uint64
	err := varints(record, func(field protowire.Number, v uint64) {
		switch field {
		case 1:
			term = v
		case 3:
			commit = v
		}
	})
	if err == nil {
		e.term, e.commit = term, commit
	}
	return err
}

func (e *logEnd) sawSnapshot(index, term uint64) {
	e.snapshots = append(e.snapshots, bootstrap.Mark{Term: term, Index: index})
}

// mark is the end of the log. A snapshot that the member never came to commit is passed
// over by etcd too (wal.go, ValidSnapshotEntries).
func (e *logEnd) mark() bootstrap.Mark {
	end := e.entry
	for _, s := range e.snapshots {
		if s.Index > end.Index && s.Index <= e.commit {
			end = s
		}
	}
	end.Term = max(end.Term, e.term)
	return end
}

// varints yields the fields of a message that are numbers.
func varints(message []byte, yield func(protowire.Number, uint64)) error {
	for len(message) > 0 {
		field, kind, n := protowire.ConsumeTag(message)
		if n < 0 {
			return errBadRecord
		}
		message = message[n:]
		if kind == protowire.VarintType {
			var v uint64
			if v, n = protowire.ConsumeVarint(message); n >= 0 {
				yield(field, v)
			}
		} else {
			n = protowire.ConsumeFieldValue(field, kind, message)
		}
		if n < 0 {
			return errBadRecord
		}
		message = message[n:]
	}
	return nil
}
