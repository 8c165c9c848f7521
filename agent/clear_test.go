package agent

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"muster/bootstrap"
)

// held is the quorum of c1, further than what entry makes.
func held() bootstrap.Holding {
	return bootstrap.Holding{Cluster: "c1", Log: bootstrap.Mark{Term: 3, Index: 90}}
}

// removed is why data is in the archive that held has.
func removed(cluster string) reason {
	return reason{Why: "removed", Cluster: cluster, Log: bootstrap.Mark{Term: 2, Index: 80}}
}

// entry makes one that takes some 100 kB.
func (s *store) entry(t *testing.T, name string, r reason) {
	t.Helper()
	put(t, s.path("archive", name, "reason.json"), explained(t, r))
	put(t, s.path("archive", name, "member", "snap", "db"), strings.Repeat("k", 100_000))
}

func (s *store) archiveNames(t *testing.T) []string {
	t.Helper()
	list, err := os.ReadDir(s.path("archive"))
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

func TestClearArchive(t *testing.T) {
	s := newStore(t)
	for name, cluster := range map[string]string{"0001-a-x": "c1", "0002-b-x": "c2", "0003-c-x": "", "0004-d-x": "c1", "0005-e-x": "c1", ".going-0000-z-x": "c2"} {
		s.entry(t, name, removed(cluster))
	}
	outside := filepath.Join(t.TempDir(), "outside")
	put(t, outside, "keys")
	for link, to := range map[string]string{s.path("archive", "0000-link-x"): filepath.Dir(outside), s.path("archive", going+"link"): filepath.Dir(outside),
		s.path("archive", "0001-a-x", "link"): filepath.Dir(outside)} {
		if err := os.Symlink(to, link); err != nil {
			t.Fatal(err)
		}
	}
	put(t, s.path("archive", "notes"), "an owner's")
	var log bytes.Buffer
	if _, err := s.clearArchive(1, held(), zerolog.New(&log)); err != nil {
		t.Fatal(err)
	}
	want := []string{going + "link", "0000-link-x", "0002-b-x", "0003-c-x", "0005-e-x", "notes"}
	if got := s.archiveNames(t); !slices.Equal(got, want) {
		t.Errorf("left %q, want %q", got, want)
	}
	if b, err := os.ReadFile(outside); err != nil || string(b) != "keys" {
		t.Errorf("behind the links: %q, %v", b, err)
	}
	var told []string
	for line := range strings.Lines(log.String()) {
		var l struct {
			Archive string
			Bytes   int64
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil || l.Bytes < 100_000 {
			t.Errorf("%s: %v", line, err)
		}
		told = append(told, l.Archive)
	}
	slices.Sort(told)
	if want := []string{"0000-z-x", "0001-a-x", "0004-d-x"}; !slices.Equal(told, want) {
		t.Errorf("told of %q, want %q", told, want)
	}
	log.Reset()
	if _, err := s.clearArchive(1, held(), zerolog.New(&log)); err != nil || log.Len() > 0 {
		t.Errorf("with nothing to do: %v, %s", err, log.String())
	}
}

func TestClearArchiveByShareOfTheDisk(t *testing.T) {
	s := newStore(t)
	for _, name := range []string{"0001-a-x", "0002-b-x", "0003-c-x"} {
		s.entry(t, name, removed("c1"))
	}
	if _, err := s.clear(3, 250_000, held(), zerolog.Nop()); err != nil {
		t.Fatal(err)
	}
	if got, want := s.archiveNames(t), []string{"0002-b-x", "0003-c-x"}; !slices.Equal(got, want) {
		t.Errorf("left %q, want %q", got, want)
	}
	if _, err := s.clear(0, 250_000, bootstrap.Holding{}, zerolog.Nop()); err != nil || len(s.archiveNames(t)) != 2 {
		t.Errorf("without a live cluster: %v, left %q", err, s.archiveNames(t))
	}
}

// A removal that fails half way leaves no entry that looks like a copy, and is
// finished later.
func TestClearArchiveCutOff(t *testing.T) {
	s := newStore(t)
	s.entry(t, "0001-a-x", removed("c1"))
	s.entry(t, "0002-b-x", removed("c1"))
	// In the way of the rename of the first, and not what this agent made.
	put(t, s.path("archive", going+"0001-a-x"), "a file")
	_, err := s.clear(0, 0, held(), zerolog.Nop())
	if err == nil || !strings.Contains(err.Error(), "0001-a-x") {
		t.Errorf("got %v, want an error that names what could not be removed", err)
	}
	if got, want := s.archiveNames(t), []string{going + "0001-a-x", "0001-a-x"}; !slices.Equal(got, want) {
		t.Errorf("left %q, want %q", got, want)
	}
	if entries, err := s.archived(); err != nil || len(entries) != 1 || entries[0].Cluster != "c1" || entries[0].Size < 100_000 {
		t.Errorf("what was not removed is not whole: %+v, %v", entries, err)
	}
	if err := os.Remove(s.path("archive", going+"0001-a-x")); err != nil {
		t.Fatal(err)
	}
	// Killed when some of its files were gone.
	if err := os.Rename(s.path("archive", "0001-a-x"), s.path("archive", going+"0001-a-x")); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(s.path("archive", going+"0001-a-x", "reason.json")); err != nil {
		t.Fatal(err)
	}
	if entries, err := s.archived(); err != nil || len(entries) > 0 {
		t.Errorf("half of a directory is taken for a copy: %+v, %v", entries, err)
	}
	if _, err := s.clear(3, 0, held(), zerolog.Nop()); err != nil || len(s.archiveNames(t)) > 0 {
		t.Errorf("%v, left %q", err, s.archiveNames(t))
	}
}

// What stands alone stays, however large: it may be what is right. An entry of an
// older version does not say how far its log was.
func TestClearArchiveKeepsWhatIsNotProven(t *testing.T) {
	s := newStore(t)
	order, doubted, damaged, ahead, older := removed("c1"), removed("c1"), removed("c1"), removed("c1"), removed("c1")
	order.Order, doubted.Doubted, damaged.Why, ahead.Log.Index, older.Log = true, true, "damaged", 91, bootstrap.Mark{}
	left := removed("c1")
	left.Why, left.Cause = "leave", "damaged"
	want := []string{}
	for name, r := range map[string]reason{"0001-a-x": order, "0002-b-x": doubted, "0003-c-x": damaged, "0004-d-x": ahead, "0005-e-x": older, "0006-f-x": left} {
		s.entry(t, name, r)
		want = append(want, name)
	}
	slices.Sort(want)
	goes := removed("c1")
	goes.Why, goes.Cause = "leave", "removed"
	s.entry(t, "0007-g-x", goes)
	put(t, s.path("archive", "0008-h-x", "member", "snap", "db"), "no reason")
	put(t, s.path("archive", "0009-i-x", "reason.json"), `{"why":"removed","cluster":"c1","log":{"term":1,"index":1},"order":7}`)
	want = append(want, "0008-h-x", "0009-i-x")
	warning, err := s.clear(0, 1000, held(), zerolog.Nop())
	if got := s.archiveNames(t); err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, left %q, want %q", err, got, want)
	}
	if !strings.Contains(warning, "holds 1 MB") || !strings.Contains(warning, s.path("archive")+" (0009-i-x, 0008-h-x, 0006-f-x and 5 more)") {
		t.Errorf("the owner reads %q", warning)
	}
	if warning, err = s.clear(0, 10_000_000, held(), zerolog.Nop()); err != nil || warning != "" {
		t.Errorf("with room for all the owner reads %q, %v", warning, err)
	}
}

func TestOwnerIsToldOfTheArchiveOnce(t *testing.T) {
	said := &lines{}
	a := &Agent{cleaner: newOperator(), log: zerolog.New(said)}
	for range 2 {
		a.cleaner.busy = true
		a.cleared(outcome{warning: "the archive holds much"})
	}
	if got := a.warnings(); a.cleaner.busy || !slices.Contains(got, "the archive holds much") || strings.Count(said.String(), "holds much") != 1 {
		t.Errorf("warnings %q, said %s", got, said)
	}
	a.cleared(outcome{})
	if got := a.warnings(); len(got) > 0 {
		t.Errorf("afterwards: %q", got)
	}
}
