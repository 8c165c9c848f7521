package agent

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"
)

// reason is reason.json inside a data directory that was set aside: the row of
// the design's table, what an owner reads, when by the board's own clock, and
// whose data it is. Cluster is only ever what the data itself says, "" if that
// cannot be read: a guess would let the last copy of something be removed.
type reason struct {
	Why     string    `json:"why"`
	Say     string    `json:"say"`
	At      time.Time `json:"at,omitzero"`
	Board   string    `json:"board,omitempty"`
	Life    string    `json:"life,omitempty"`
	Cluster string    `json:"cluster,omitempty"`
	Member  string    `json:"member,omitempty"`
}

// aside says what is to be set aside. It is on disk, as an intent, before
// anything moves.
type aside struct {
	Name   string `json:"name"`
	Reason reason `json:"reason"`
}

// besideData names the files directly in the data directory that are not etcd's.
func besideData() []string {
	return []string{"owner.json", "owner.json.tmp", "reason.json", "reason.json.tmp"}
}

// moveAside brings the data directory into the archive as a.Name. Called again
// it finishes what an earlier call began; nothing to move is no error. Data
// beside an entry of that name is one: the entry is what the intent was about,
// and nobody decided on this data.
func (s *store) moveAside(a aside) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("set data directory aside as %q: %w", a.Name, err)
		}
	}()
	if a.Name == "" || a.Name[0] == '.' || strings.Contains(a.Name, "/") {
		return errors.New("this is no name for an entry of the archive")
	}
	from, to := s.path("etcd"), s.path("archive", a.Name)
	data, err := holdsData(from)
	if err != nil {
		return err
	}
	entry, err := os.Lstat(to)
	switch there := !errors.Is(err, fs.ErrNotExist); {
	case there && (data || err != nil || !entry.IsDir()):
		return errors.New("the archive has an entry of that name, and it is not this data; look at both, and rename that entry")
	case there:
		// Renamed before, but that may not outlast a power cut yet.
		if !exists(filepath.Join(to, "reason.json")) {
			err = s.write(filepath.Join("archive", a.Name, "reason.json"), a.Reason)
		}
	case !data:
		return nil
	default:
		// Synced, or a power cut could take away the archive with the data in it. A
		// reason that is there is of the time before an owner took the data back.
		err = errors.Join(os.MkdirAll(s.path("archive"), 0o700), syncDir(s.dir), s.write(filepath.Join("etcd", "reason.json"), a.Reason))
		if err == nil {
			err = os.Rename(from, to)
		}
	}
	if err != nil {
		return err
	}
	return errors.Join(syncDir(s.path("archive")), syncDir(s.dir))
}

// holdsData says whether any file in dir is etcd's. What cannot be read is an
// error, and so is a link in its place: renaming that would not move the data.
func holdsData(dir string) (found bool, err error) {
	err = filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		switch {
		case path == dir && errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil || e.IsDir():
			return err
		case path == dir:
			return &fs.PathError{Op: "read", Path: dir, Err: unix.ENOTDIR}
		case filepath.Dir(path) == dir && slices.Contains(besideData(), e.Name()):
			return nil
		}
		found = true
		return fs.SkipAll
	})
	return found, err
}

// asideName is a free name like 0007-removed-1a2b3c4d. It counts on from the
// newest entry, because a board without a clock may begin in 1970 each time.
func (s *store) asideName(row, life string) (string, error) {
	list, err := s.listArchive()
	if err != nil {
		return "", err
	}
	last := uint64(0)
	for _, e := range list {
		last = max(last, number(strings.TrimPrefix(e.Name(), going)))
	}
	return fmt.Sprintf("%04d-%s-%.8s", last+1, strings.ReplaceAll(row, "/", "-"), life), nil
}

// number is what the name of an entry begins with; without one it is 0, older
// than all others.
func number(name string) uint64 {
	digits, _, _ := strings.Cut(name, "-")
	n, err := strconv.ParseUint(digits, 10, 32)
	if err != nil {
		return 0
	}
	return n
}

// archived is one entry of the archive, with the bytes that it takes on the
// disk. Cluster is its reason's, "" if there is none that can be read.
type archived struct {
	Name, Cluster string
	Size          int64
}

// going begins the name of what was an entry and is being removed.
const going = ".going-"

// listArchive is what lies in the archive, whatever it is.
func (s *store) listArchive() ([]fs.DirEntry, error) {
	list, err := os.ReadDir(s.path("archive"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("archive: %w", err)
	}
	return list, nil
}

// archived are the entries of the archive, newest first. Files and links in it
// are somebody else's.
func (s *store) archived() ([]archived, error) {
	list, err := s.listArchive()
	var entries []archived
	for _, e := range list {
		if !e.IsDir() || strings.HasPrefix(e.Name(), going) {
			continue
		}
		size, err := allocated(s.path("archive", e.Name()))
		if err != nil {
			return nil, fmt.Errorf("archive: %w", err)
		}
		var r reason
		if s.read(filepath.Join("archive", e.Name(), "reason.json"), &r) != nil {
			r.Cluster = "" // half of a damaged file may have been taken in
		}
		entries = append(entries, archived{Name: e.Name(), Size: size, Cluster: r.Cluster})
	}
	slices.SortFunc(entries, func(x, y archived) int {
		return cmp.Or(cmp.Compare(number(y.Name), number(x.Name)), strings.Compare(y.Name, x.Name))
	})
	return entries, err
}

// allocated counts the blocks below dir, in bytes, and follows no link. Lengths do
// not tell: a log is allocated before it is written, a database may have holes.
func allocated(dir string) (sum int64, err error) {
	err = filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		var st unix.Stat_t
		if err = cmp.Or(err, unix.Lstat(path, &st)); err != nil {
			return fmt.Errorf("measure %s: %w", path, err)
		}
		// In units of 512 bytes, whatever the file system's own are: stat(2).
		sum += st.Blocks * 512
		return nil
	})
	return sum, err
}

// surplus says which of the entries, newest first, go. Nothing is removed that may
// be the last copy of its data. Only entries of cluster live go: its quorum was
// read just now and holds what was acknowledged there. One of another cluster, or
// of nobody knows which, stays, even beside a newer one: that may be damaged, or a
// learner's that never caught up. With live "" nothing goes.
// Of cluster live those go that stand behind the first keep entries of whatever
// cluster, or behind the first share bytes; share 0 is not known and no bound.
func surplus(entries []archived, keep int, share int64, live string) []string {
	var gone []string
	sum := int64(0)
	for i, e := range entries {
		sum += e.Size
		if live != "" && e.Cluster == live && (i >= keep || share > 0 && sum > share) {
			gone = append(gone, e.Name)
		}
	}
	return gone
}

// clearArchive removes the surplus beyond keep entries and an eighth of the file
// system. To be called only right after a linearizable read from a quorum of
// cluster live succeeded, and while no intent to set data aside is open.
func (s *store) clearArchive(keep int, live string, log zerolog.Logger) error {
	var disk unix.Statfs_t
	if err := unix.Statfs(s.dir, &disk); err != nil {
		return fmt.Errorf("clear archive: size of the disk: %w", err)
	}
	return s.clear(keep, int64(disk.Blocks)*int64(disk.Bsize)/8, live, log)
}

func (s *store) clear(keep int, share int64, live string, log zerolog.Logger) error {
	entries, err := s.archived()
	if err != nil {
		return err
	}
	archive := s.path("archive")
	for _, name := range surplus(entries, keep, share, live) {
		err = errors.Join(err, os.Rename(filepath.Join(archive, name), filepath.Join(archive, going+name)))
	}
	list, lerr := s.listArchive()
	list = slices.DeleteFunc(list, func(e fs.DirEntry) bool { return !e.IsDir() || !strings.HasPrefix(e.Name(), going) })
	if lerr != nil || len(list) == 0 {
		return errors.Join(err, lerr)
	}
	// Or a power cut could give half a directory the name of a whole copy back.
	if serr := syncDir(archive); serr != nil {
		return errors.Join(err, serr)
	}
	for _, e := range list {
		size, serr := allocated(filepath.Join(archive, e.Name()))
		rerr := os.RemoveAll(filepath.Join(archive, e.Name()))
		if err = errors.Join(err, serr, rerr); rerr == nil {
			log.Info().Str("archive", strings.TrimPrefix(e.Name(), going)).Int64("bytes", size).
				Msg("data that was set aside is removed: its cluster has a quorum, and the archive is over archive_keep or its share of the disk")
		}
	}
	return err
}
