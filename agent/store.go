package agent

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"muster/bootstrap"
	"muster/bootstrap/etcd"
	"muster/bootstrap/founding"
	"muster/discovery"
	"muster/profiles"
)

// ErrSecondAgent says that another agent works on the same state directory.
// Two of them could run one data directory twice.
var ErrSecondAgent = errors.New("another agent runs on this state directory")

// boardRecord is board.json: who this board is and how far its life has come.
type boardRecord struct {
	ID           string                  `json:"id"`
	Fingerprints []discovery.Fingerprint `json:"fingerprints"`
	Life         string                  `json:"life"`
	// Seq rises with each start and each change of address.
	Seq uint64 `json:"seq"`
	// Fleet is the fleet that this board has a plan or data of.
	Fleet *profiles.Fleet `json:"fleet,omitempty"`
	// Born says that a member of this life was started: from then on an empty
	// directory is a loss, not a beginning.
	Born bool `json:"born"`
	// Readdressed says that addresses in the stopped database were, or are to be,
	// rewritten, and that the quorum has not confirmed this board's own since.
	Readdressed bool `json:"readdressed,omitempty"`
	// Doubted says that members were said to hold different data in this life.
	Doubted bool             `json:"doubted,omitempty"`
	Intent  bootstrap.Intent `json:"intent,omitzero"`
	// Aside is what is being set aside, while the intent says so.
	Aside *setAsideIntent `json:"set_aside,omitempty"`
	// Pace is the fleet's, as this board last went by it.
	Pace bootstrap.Pace `json:"heartbeat_ms,omitempty"`
	// Yielded are the clusters whose plans are never taken again.
	Yielded []string `json:"yielded,omitempty"`
}

// foundingRecord is founding.json: what this board promised, and the plan once
// it was chosen.
type foundingRecord struct {
	Generation uint64          `json:"generation"`
	Record     founding.Record `json:"record"`
}

// owner is owner.json inside the data directory: who made it.
type owner struct {
	Board        string                  `json:"board"`
	Life         string                  `json:"life"`
	Fingerprints []discovery.Fingerprint `json:"fingerprints"`
}

// store is the state directory. All files in it are written whole.
type store struct {
	dir  string
	lock *os.File
}

// openStore makes the directory if need be and locks it for this process and
// the children that inherit the lock; the kernel gives it back however they end.
func openStore(dir string) (*store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("state directory: %w", err)
	}
	for deadline := time.Now().Add(orphanWait); ; time.Sleep(orphanPoll) {
		err := unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return &store{dir: dir, lock: lock}, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, errors.Join(fmt.Errorf("lock state directory %s: %w", dir, err), lock.Close())
		}
		if time.Now().After(deadline) {
			return nil, errors.Join(fmt.Errorf("%w: %s", ErrSecondAgent, dir), lock.Close())
		}
	}
}

// The etcd child holds the lock as well. After an agent was killed its child
// sees the end of its input and is gone within about two seconds; only then may
// another agent touch the data.
const (
	orphanWait = 4 * time.Second
	orphanPoll = 50 * time.Millisecond
)

func (s *store) close() error { return s.lock.Close() }

func (s *store) path(name ...string) string {
	return filepath.Join(append([]string{s.dir}, name...)...)
}

// board reads board.json, or begins a new board on this hardware: then its life is drawn
// here and now.
func (s *store) board(hw discovery.Hardware) (b boardRecord, drawn bool, err error) {
	err = s.read("board.json", &b)
	if errors.Is(err, fs.ErrNotExist) {
		b = boardRecord{ID: hw.BoardID(), Fingerprints: hw.Fingerprints, Life: newLife()}
		return b, true, s.write("board.json", b)
	}
	if err == nil && (b.ID == "" || b.Life == "") {
		err = errors.New("board.json: no ID or no life in it")
	}
	return b.on(hw), false, err
}

// on is the record of a board that turns out to be on this hardware. On its own it
// learns fingerprints that it did not know yet: a board that was born before its
// network card was there could not be told from its clone. If it is bound to nothing
// it takes the card's ID too, because its clone began with the same one.
func (b boardRecord) on(hw discovery.Hardware) boardRecord {
	if hw.Matches(b.Fingerprints) != discovery.MatchSame {
		return b
	}
	if b.free() && hw.Outgrows(b.Fingerprints) {
		b.ID = hw.BoardID()
	}
	known := slices.Clone(b.Fingerprints)
	for _, f := range hw.Fingerprints {
		if !slices.Contains(known, f) {
			known = append(known, f)
		}
	}
	b.Fingerprints = known
	return b
}

// free says that nothing was ever promised, started or begun under this record.
func (b boardRecord) free() bool {
	return b.Fleet == nil && !b.Born && b.Intent == (bootstrap.Intent{}) && b.Aside == nil
}

func (s *store) read(name string, into any) error {
	b, err := os.ReadFile(s.path(name))
	if err != nil {
		return err
	}
	if err := json.Unmarshal(b, into); err != nil {
		return fmt.Errorf("%s is damaged: %w", s.path(name), err)
	}
	return nil
}

func (s *store) write(name string, v any) error {
	return s.writeFor(reader{gid: -1, mode: 0o600}, name, v)
}

func (s *store) writeFor(r reader, name string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("encode %s: %w", name, err)
	}
	return writeWholeFor(r, s.path(name), append(b, '\n'))
}

// ownerMatch compares owner.json of the data directory with this board and
// life. What cannot be read stays unknown.
func (s *store) ownerMatch(b boardRecord) bootstrap.Match {
	var o owner
	switch err := s.read(filepath.Join("etcd", "owner.json"), &o); {
	case err != nil:
		return bootstrap.MatchUnknown
	case o.Board == b.ID && o.Life == b.Life:
		return bootstrap.MatchSame
	}
	return bootstrap.MatchOther
}

// claim makes the data directory and signs it, before etcd writes into it.
func (s *store) claim(b boardRecord) error {
	// Synced before etcd writes a log in it: a power cut must not take away the
	// directory of a member that has voted.
	if err := errors.Join(os.MkdirAll(s.path("etcd"), 0o700), syncDir(s.dir)); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	return s.write(filepath.Join("etcd", "owner.json"), owner{Board: b.ID, Life: b.Life, Fingerprints: b.Fingerprints})
}

// maxUnfinished bounds the unfinished starts that are set aside: one that is cut
// off each time would fill the card.
const maxUnfinished = 5

// clearUnfinished sets aside what is left of a start that never got as far as a
// log. It holds nobody's data, but what it is was only concluded.
func (s *store) clearUnfinished(b boardRecord) (string, error) {
	list, err := s.listArchive()
	if err != nil {
		return "", err
	}
	n := 0
	for _, e := range list {
		if strings.Contains(e.Name(), "-unborn-") {
			n++
		}
	}
	if n >= maxUnfinished {
		return "", fmt.Errorf("%d unfinished starts lie in %s already; look at why they end, and remove them", n, s.path("archive"))
	}
	name, err := s.asideName("unborn", b.Life)
	if err != nil {
		return "", err
	}
	return name, s.moveAside(aside{Name: name, Reason: reason{Why: "unborn", Say: "a first start was cut off before there was a log", Board: b.ID, Life: b.Life}})
}

// readdress corrects addresses in the database of a stopped member.
func (s *store) readdress(urls map[string]string) (changed int, err error) {
	return etcd.Readdress(s.path("etcd"), urls)
}

// databaseSize is how many bytes etcd's database has; 0: not known.
func (s *store) databaseSize() int64 {
	info, err := os.Stat(etcd.DatabasePath(s.path("etcd")))
	if err != nil {
		return 0
	}
	return info.Size()
}

func newLife() string { return randomHex(8) }

// randomHex draws n random bytes. crypto/rand.Read never fails (Go 1.24).
func randomHex(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return hex.EncodeToString(b)
}
