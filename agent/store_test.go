package agent

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"muster/bootstrap"
	"muster/discovery"
	"muster/profiles"
)

func newStore(t *testing.T) *store {
	t.Helper()
	s, err := openStore(filepath.Join(t.TempDir(), "state"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.close() })
	return s
}

func TestSecondAgentIsRefused(t *testing.T) {
	s := newStore(t)
	if _, err := openStore(s.dir); !errors.Is(err, ErrSecondAgent) || !strings.Contains(err.Error(), s.dir) {
		t.Errorf("got %v, want ErrSecondAgent naming %s", err, s.dir)
	}
	s.close()
	again, err := openStore(s.dir)
	if err != nil {
		t.Fatalf("after the first ended: %v", err)
	}
	again.close()
}

func TestBoardIsBornOnce(t *testing.T) {
	s, hw := newStore(t), discovery.Labelled("one")
	first, drawn, err := s.board(hw)
	if err != nil || first.ID != hw.BoardID() || len(first.Life) != 16 {
		t.Fatalf("got %+v, %v", first, err)
	}
	// The identity on disk stays, whatever hardware it is read on: whether it
	// matches is a fact for the decision.
	second, again, err := s.board(discovery.Labelled("two"))
	if err != nil || second.ID != first.ID || second.Life != first.Life {
		t.Errorf("got %+v, %v; want %+v", second, err, first)
	}
	if !drawn || again {
		t.Errorf("a life drawn now: %v, one that was read: %v", drawn, again)
	}
}

func TestDamagedBoardIsAnError(t *testing.T) {
	for name, content := range map[string]string{"half": `{"id": "12`, "empty": "", "no life": `{"id":"12"}`} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t)
			if err := os.WriteFile(s.path("board.json"), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			if b, _, err := s.board(discovery.Labelled("one")); err == nil {
				t.Errorf("a new identity was made over a damaged one: %+v", b)
			}
		})
	}
}

func TestOwnerOfTheData(t *testing.T) {
	s := newStore(t)
	b := boardRecord{ID: "a", Life: "a1"}
	if got := s.ownerMatch(b); got != bootstrap.MatchUnknown {
		t.Errorf("without a data directory: %v", got)
	}
	if err := s.claim(b); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		board boardRecord
		want  bootstrap.Match
	}{{b, bootstrap.MatchSame}, {boardRecord{ID: "a", Life: "a2"}, bootstrap.MatchOther}, {boardRecord{ID: "b", Life: "a1"}, bootstrap.MatchOther}} {
		if got := s.ownerMatch(tt.board); got != tt.want {
			t.Errorf("%+v: got %v, want %v", tt.board, got, tt.want)
		}
	}
}

// unborn makes what is left of a first start that was cut off.
func unborn(t *testing.T, s *store) {
	t.Helper()
	if err := s.claim(boardRecord{ID: "a", Life: "a1"}); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(s.path("etcd", "member", "snap"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.path("etcd", "member", "snap", "db.tmp"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestClearUnfinishedKeepsEverything(t *testing.T) {
	s := newStore(t)
	unborn(t, s)
	name, err := s.clearUnfinished(boardRecord{ID: "a", Life: "a1"})
	if err != nil || name != "0001-unborn-a1" {
		t.Fatal(name, err)
	}
	if _, err := os.Stat(s.path("etcd")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the directory is still in the way: %v", err)
	}
	if _, err := os.Stat(s.path("archive", name, "owner.json")); err != nil {
		t.Error(err)
	}
}

func TestClearUnfinishedIsBounded(t *testing.T) {
	s, b := newStore(t), boardRecord{ID: "a", Life: "a1"}
	for range maxUnfinished {
		unborn(t, s)
		if _, err := s.clearUnfinished(b); err != nil {
			t.Fatal(err)
		}
	}
	unborn(t, s)
	if name, err := s.clearUnfinished(b); err == nil {
		t.Errorf("a sixth one was set aside as %s", name)
	}
	if _, err := os.Stat(s.path("etcd", "owner.json")); err != nil {
		t.Errorf("what was not set aside is gone: %v", err)
	}
}

func TestWriteWholeLeavesTheOldFileWhenItFails(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "board.json")
	if err := writeWhole(path, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	// A directory where the temporary file belongs, and not an empty one.
	if err := os.MkdirAll(filepath.Join(path+".tmp", "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := writeWhole(path, []byte("new"), 0o600); err == nil {
		t.Error("the write is said to have worked")
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "old" {
		t.Errorf("left %q, %v; want the old file", b, err)
	}
}

// A kill right after the file is in place must not leave one that the service cannot
// read: nobody would come back to open it.
func TestWriteWholeForGivesBeforeItIsInPlace(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may give a file to another group")
	}
	defer unix.Umask(unix.Umask(0o077))
	path := filepath.Join(t.TempDir(), "profile.yaml")
	seen := make(chan os.FileInfo)
	go func() {
		info, err := os.Stat(path)
		for err != nil {
			info, err = os.Stat(path)
		}
		seen <- info
	}()
	if err := writeWholeFor(reader{gid: 12345, mode: 0o640}, path, []byte("secret")); err != nil {
		t.Fatal(err)
	}
	info := <-seen
	if gid := info.Sys().(*syscall.Stat_t).Gid; gid != 12345 || info.Mode() != 0o640 {
		t.Errorf("it was there with mode %v and group %d", info.Mode(), gid)
	}
}

func TestWriteWholeReplacesALeftOver(t *testing.T) {
	path := filepath.Join(t.TempDir(), "board.json")
	if err := os.WriteFile(path+".tmp", []byte("half of a longer content"), 0o444); err != nil {
		t.Fatal(err)
	}
	if err := writeWhole(path, []byte("new"), 0o600); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 || info.Size() != 3 {
		t.Errorf("got %v, %v", info, err)
	}
	if left, _ := filepath.Glob(path + ".*"); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// Boards of one image that began without a network card have one ID, made of the
// machine-id. The card's comes in its place, unless something rests on the first.
func TestBoardTakesTheIDOfALateNetworkCard(t *testing.T) {
	id, card := discovery.Fingerprint{Kind: discovery.KindMachineID, Value: "1"}, discovery.Fingerprint{Kind: discovery.KindMAC, Value: "2"}
	without, with := discovery.Hardware{Fingerprints: []discovery.Fingerprint{id}}, discovery.Hardware{Fingerprints: []discovery.Fingerprint{card, id}}
	elsewhere := discovery.Hardware{Fingerprints: []discovery.Fingerprint{card, {Kind: discovery.KindMachineID, Value: "3"}}}
	for name, c := range map[string]struct {
		edit func(*boardRecord)
		now  discovery.Hardware
		want string
	}{
		"the card came":        {func(*boardRecord) {}, with, with.BoardID()},
		"it did not yet":       {func(*boardRecord) {}, without, without.BoardID()},
		"another machine":      {func(*boardRecord) {}, elsewhere, without.BoardID()},
		"it has promised":      {func(b *boardRecord) { b.Fleet = &profiles.Fleet{Cluster: "lab"} }, with, without.BoardID()},
		"a member was started": {func(b *boardRecord) { b.Born = true }, with, without.BoardID()},
		"something is begun":   {func(b *boardRecord) { b.Intent.Do = bootstrap.IntentJoin }, with, without.BoardID()},
		"data is set aside":    {func(b *boardRecord) { b.Aside = &setAsideIntent{} }, with, without.BoardID()},
		"another card came more": {func(b *boardRecord) {
			b.Fingerprints = []discovery.Fingerprint{{Kind: discovery.KindMAC, Value: "4"}, id}
		}, with, without.BoardID()},
	} {
		b := boardRecord{ID: without.BoardID(), Life: "a1", Fingerprints: without.Fingerprints}
		c.edit(&b)
		if got := b.on(c.now); got.ID != c.want || got.Life != "a1" {
			t.Errorf("%s: %+v, want ID %s", name, got, c.want)
		}
	}
}

func TestBoardLearnsFingerprintsOfItsOwnHardware(t *testing.T) {
	s := newStore(t)
	id := discovery.Fingerprint{Kind: discovery.KindMachineID, Value: "1"}
	card := discovery.Fingerprint{Kind: discovery.KindMAC, Value: "2"}
	if _, _, err := s.board(discovery.Hardware{Fingerprints: []discovery.Fingerprint{id}}); err != nil {
		t.Fatal(err)
	}
	b, _, err := s.board(discovery.Hardware{Fingerprints: []discovery.Fingerprint{card, id}})
	if err != nil || !slices.Contains(b.Fingerprints, card) {
		t.Errorf("got %v, %v; want the network card too", b.Fingerprints, err)
	}
	if err := s.write("board.json", b); err != nil {
		t.Fatal(err)
	}
	other := discovery.Fingerprint{Kind: discovery.KindMAC, Value: "3"}
	b, _, err = s.board(discovery.Hardware{Fingerprints: []discovery.Fingerprint{other, id}})
	if err != nil || slices.Contains(b.Fingerprints, other) {
		t.Errorf("a clone taught its own fingerprint to the identity it was copied from: %v, %v", b.Fingerprints, err)
	}
}
