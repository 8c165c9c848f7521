package etcd

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.etcd.io/etcd/api/v3/etcdserverpb"
	"go.etcd.io/etcd/client/pkg/v3/fileutil"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.etcd.io/etcd/server/v3/storage/wal/walpb"
	"google.golang.org/protobuf/proto"

	"muster/bootstrap"
)

// logFacts is what the write-ahead log says.
type logFacts struct {
	exists          bool
	member, cluster string
	snapshots       bool // etcd replays from a snapshot, so the database must be there
	torn            bool
	why             string         // what is damaged
	files           int            // that were read
	end             bootstrap.Mark // zero: not known
}

// readLog decodes every record of the log in dir and checks the checksums, as
// etcd does (storage/wal/wal.go: ValidSnapshotEntries). Errors are those of the
// disk; damage is in why.
func readLog(dir string) (logFacts, error) {
	names, err := logFiles(dir)
	if err != nil || len(names) == 0 {
		return logFacts{}, err
	}
	l := logFacts{exists: true}
	if l.why = sequence(names); l.why != "" {
		return l, nil
	}
	var readers []fileutil.FileReader
	for _, name := range names {
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			return logFacts{}, err
		}
		defer f.Close()
		info, err := f.Stat()
		if err != nil {
			return logFacts{}, err
		}
		// etcd dies of a nil pointer on it.
		if info.Size() == 0 {
			l.why = "log file " + name + " is empty"
		}
		readers = append(readers, fileutil.NewFileReader(f))
	}
	why, err := l.decode(wal.NewDecoder(readers...), false)
	if err != nil {
		return logFacts{}, err
	}
	if l.why == "" {
		l.why = why
	}
	if l.why != "" || l.files < len(names) {
		// A record that is torn in an earlier file hides the later ones.
		l.end = bootstrap.Mark{}
	}
	return l, nil
}

// readHead reads only the IDs, from the beginning of the newest file.
func readHead(dir string) (logFacts, error) {
	names, err := logFiles(dir)
	if err != nil || len(names) == 0 {
		return logFacts{}, err
	}
	f, err := os.Open(filepath.Join(dir, names[len(names)-1]))
	if err != nil {
		return logFacts{}, err
	}
	defer f.Close()
	l := logFacts{exists: true}
	l.why, err = l.decode(wal.NewDecoder(fileutil.NewFileReader(f)), true)
	return l, err
}

// decode reads records until the end, or until the IDs are known if head is set.
func (l *logFacts) decode(d wal.Decoder, head bool) (why string, err error) {
	// A damaged length or record makes protobuf and the checks of etcd panic.
	defer func() {
		if p := recover(); p != nil {
			why = fmt.Sprintf("log cannot be decoded: %v", p)
		}
	}()
	var rec walpb.Record
	var end logEnd
	for err = d.Decode(&rec); err == nil; err = d.Decode(&rec) {
		switch rec.GetType() {
		case wal.CrcType:
			// The first record of each file carries the checksum up to there.
			l.files++
			if crc := d.LastCRC(); crc != 0 && rec.Validate(crc) != nil {
				return "log: checksums of two files do not fit together", nil
			}
			d.UpdateCRC(rec.GetCrc())
		case wal.MetadataType:
			if why := l.metadata(rec.Data); why != "" {
				return why, nil
			}
			if head {
				return "", nil
			}
		case wal.SnapshotType:
			var s walpb.Snapshot
			if err := proto.Unmarshal(rec.Data, &s); err != nil {
				return fmt.Sprintf("log: snapshot record: %v", err), nil
			}
			l.snapshots = l.snapshots || s.GetIndex() > 0
			end.sawSnapshot(s.GetIndex(), s.GetTerm())
		case wal.EntryType:
			if err := end.sawEntry(rec.Data); err != nil {
				return fmt.Sprintf("log: entry: %v", err), nil
			}
		case wal.StateType:
			if err := end.sawState(rec.Data); err != nil {
				return fmt.Sprintf("log: state: %v", err), nil
			}
		}
	}
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		l.torn = true
	case errors.Is(err, io.EOF):
	case unreadable(err):
		return "", err
	default:
		return fmt.Sprintf("log: %v", err), nil
	}
	if l.member == "" {
		return "log has no member ID", nil
	}
	l.end = end.mark()
	return "", nil
}

func (l *logFacts) metadata(b []byte) (why string) {
	var m etcdserverpb.Metadata
	if err := proto.Unmarshal(b, &m); err != nil {
		return fmt.Sprintf("log: metadata record: %v", err)
	}
	member, cluster := bootstrap.FormatID(m.GetNodeID()), bootstrap.FormatID(m.GetClusterID())
	if l.member != "" && (l.member != member || l.cluster != cluster) {
		return fmt.Sprintf("log has the IDs of two members, %s and %s", l.member, member)
	}
	l.member, l.cluster = member, cluster
	return ""
}

// logFiles names the files of the log, oldest first; none if dir is missing.
func logFiles(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		// etcd takes any file with this ending for a log (wal.Exist).
		if strings.HasSuffix(e.Name(), ".wal") {
			names = append(names, e.Name())
		}
	}
	slices.Sort(names)
	return names, nil
}

// sequence says which file of the log is missing between others, or nothing.
// Names are sequence number and first index, 16 hexadecimal digits each.
func sequence(names []string) (why string) {
	var last uint64
	for i, name := range names {
		var seq, index uint64
		if _, err := fmt.Sscanf(name, "%016x-%016x.wal", &seq, &index); err != nil {
			return "log file " + name + " has no proper name"
		}
		if i > 0 && seq != last+1 {
			return "log: a file is missing before " + name
		}
		last = seq
	}
	return ""
}
