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
// whose data it is. Cluster and Log are only ever what the data itself says, "" and
// zero if that cannot be read: a guess would let the last copy of something be removed.
// What an older version did not write is not known.
type reason struct {
	Why     string         `json:"why"`
	Say     string         `json:"say"`
	At      time.Time      `json:"at,omitzero"`
	Board   string         `json:"board,omitempty"`
	Life    string         `json:"life,omitempty"`
	Cluster string         `json:"cluster,omitempty"`
	Member  string         `json:"member,omitempty"`
	Cause   string         `json:"cause,omitempty"` // the row that gave it up, where Why is that the board left
	Log     bootstrap.Mark `json:"log,omitzero"`    // its end
	Order   bool           `json:"order,omitempty"` // the owner had ordered the board to yield
	Doubted bool           `json:"doubted,omitempty"`
}

// reasonFor is why an action sets the data of a state aside.
func reasonFor(s bootstrap.State, act bootstrap.Action) reason {
	c := bootstrap.CopyOf(s, act)
	r := reason{Why: string(act.Why), Say: act.Say, At: s.Now, Board: s.Self.ID, Life: s.Self.Life,
		Cluster: c.Cluster, Member: s.Disk.Member, Log: c.Log, Order: c.Order, Doubted: c.Doubted}
	if c.Cause != act.Why {
		r.Cause = string(c.Cause)
	}
	return r
}

// copy is what the rule of the archive goes by.
func (r reason) copy() bootstrap.Copy {
	return bootstrap.Copy{Cause: bootstrap.Row(cmp.Or(r.Cause, r.Why)), Cluster: r.Cluster, Log: r.Log, Order: r.Order, Doubted: r.Doubted}
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
// disk. Nothing else is known of it if it has no reason that can be read.
type archived struct {
	Name string
	bootstrap.Copy
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
		entry := archived{e.Name(), r.copy()}
		entry.Size = size
		entries = append(entries, entry)
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

// clearArchive removes the surplus beyond keep entries and an eighth of the file
// system, and says what an owner should know of the rest. To be called only right after
// a linearizable read from the quorum that h is of succeeded, and while no intent to
// set data aside is open.
func (s *store) clearArchive(keep int, h bootstrap.Holding, log zerolog.Logger) (warning string, err error) {
	var disk unix.Statfs_t
	if err := unix.Statfs(s.dir, &disk); err != nil {
		return "", fmt.Errorf("clear archive: size of the disk: %w", err)
	}
	return s.clear(keep, int64(disk.Blocks)*int64(disk.Bsize)/8, h, log)
}

func (s *store) clear(keep int, share int64, h bootstrap.Holding, log zerolog.Logger) (warning string, err error) {
	entries, err := s.archived()
	if err != nil {
		return "", err
	}
	copies := make([]bootstrap.Copy, len(entries))
	for i, e := range entries {
		copies[i] = e.Copy
	}
	archive := s.path("archive")
	for _, i := range bootstrap.Surplus(copies, keep, share, h) {
		name := entries[i].Name
		err = errors.Join(err, os.Rename(filepath.Join(archive, name), filepath.Join(archive, going+name)))
	}
	var stay []archived
	for _, i := range bootstrap.Unproven(copies, share, h) {
		stay = append(stay, entries[i])
	}
	return crowded(archive, stay), errors.Join(err, s.clearGoing(log))
}

// clearGoing removes what is not an entry of the archive any more.
func (s *store) clearGoing(log zerolog.Logger) error {
	archive := s.path("archive")
	list, err := s.listArchive()
	list = slices.DeleteFunc(list, func(e fs.DirEntry) bool { return !e.IsDir() || !strings.HasPrefix(e.Name(), going) })
	if err != nil || len(list) == 0 {
		return err
	}
	// Or a power cut could give half a directory the name of a whole copy back.
	if err := syncDir(archive); err != nil {
		return err
	}
	for _, e := range list {
		size, serr := allocated(filepath.Join(archive, e.Name()))
		rerr := os.RemoveAll(filepath.Join(archive, e.Name()))
		if err = errors.Join(err, serr, rerr); rerr == nil {
			log.Info().Str("archive", strings.TrimPrefix(e.Name(), going)).Int64("bytes", size).
				Msg("data that was set aside is removed: its cluster's quorum has all of it, and the archive is over archive_keep or its share of the disk")
		}
	}
	return err
}

// crowdedNames is how many entries a warning names: it has to fit a line.
const crowdedNames = 3

// crowded is the warning about entries, newest first, that take too much and that only
// the owner can remove; "" without any.
func crowded(archive string, stay []archived) string {
	if len(stay) == 0 {
		return ""
	}
	sum, names, more := int64(0), []string(nil), ""
	for _, e := range stay {
		sum += e.Size
		names = append(names, e.Name)
	}
	if n := len(names) - crowdedNames; n > 0 {
		names, more = names[:crowdedNames], fmt.Sprintf(" and %d more", n)
	}
	return fmt.Sprintf("the archive holds %d MB that no quorum is known to have, more than an eighth of the disk: look at %s (%s%s), and remove what you do not need",
		(sum+500_000)/1_000_000, archive, strings.Join(names, ", "), more)
}
