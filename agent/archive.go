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

	"muster/bootstrap"
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
	// Log is the end of the log, zero if it could not be read; Order says that the
	// owner gave the data up. By them it is told whether others hold all of it.
	Log   bootstrap.Mark `json:"log,omitzero"`
	Order bool           `json:"order,omitempty"`
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

// archived is one entry of the archive, with the bytes that it takes on the disk and
// what its reason says; without one that can be read that is nothing.
type archived struct {
	Name string
	Size int64
	bootstrap.Archived
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
			r = reason{} // half of a damaged file may have been taken in
		}
		entries = append(entries, archived{e.Name(), size, bootstrap.Archived{Row: bootstrap.Row(r.Why), Order: r.Order, Cluster: r.Cluster, Log: r.Log}})
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

// bounds are what the archive may hold: so many entries of whatever cluster, and so many
// bytes; 0 bytes is not known and no bound. Live is a cluster whose quorum was read just
// now, and Has how far that has come at least.
type bounds struct {
	Keep  int
	Share int64
	Live  string
	Has   bootstrap.Mark
}

// surplus lists which of the entries, newest first, are to be removed: those beyond the
// bounds that are proven redundant. The newest stays even if it alone is over the share.
func surplus(entries []archived, b bounds) []string {
	var gone []string
	sum := int64(0)
	for i, e := range entries {
		sum += e.Size
		beyond := i >= b.Keep || i > 0 && b.Share > 0 && sum > b.Share
		if beyond && bootstrap.Redundant(e.Archived, b.Live, b.Has) {
			gone = append(gone, e.Name)
		}
	}
	return gone
}

// overShare is what an owner should know of an archive that is over its share of the
// disk because nobody is known to have what is in it, or "".
func (s *store) overShare(entries []archived, share int64) string {
	sum, names := int64(0), []string(nil)
	for _, e := range entries {
		sum += e.Size
		names = append(names, e.Name)
	}
	if share == 0 || sum <= share || len(names) == 0 {
		return ""
	}
	return fmt.Sprintf("data that was set aside takes %d MiB, more than an eighth of the disk, and is kept because no quorum is known to have all of it: look at %s in %s, and remove what you do not need",
		sum>>20, strings.Join(names, ", "), s.path("archive"))
}

// clearArchive removes the surplus beyond b.Keep entries and an eighth of the file
// system, and returns what its owner should know of the rest, or "". To be called only
// right after a linearizable read from a quorum of cluster b.Live succeeded, and while no
// intent to set data aside is open.
func (s *store) clearArchive(b bounds, log zerolog.Logger) (warning string, err error) {
	var disk unix.Statfs_t
	if err := unix.Statfs(s.dir, &disk); err != nil {
		return "", fmt.Errorf("clear archive: size of the disk: %w", err)
	}
	b.Share = int64(disk.Blocks) * int64(disk.Bsize) / 8
	if err := s.clear(b, log); err != nil {
		return "", err
	}
	left, err := s.archived()
	return s.overShare(left, b.Share), err
}

func (s *store) clear(b bounds, log zerolog.Logger) error {
	entries, err := s.archived()
	if err != nil {
		return err
	}
	archive := s.path("archive")
	for _, name := range surplus(entries, b) {
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
				Msg("removed archived data: the quorum of its cluster has all of it, and the archive was over archive_keep or its share of the disk")
		}
	}
	return err
}
