package agent

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"
)

func put(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// files is the content of all files of the state directory but the lock, by
// path; links are not followed.
func (s *store) files(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(s.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() || e.Name() == "lock" {
			return err
		}
		b, err := os.ReadFile(path)
		found[strings.TrimPrefix(path, s.dir+"/")] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func removedAside() aside {
	return aside{Name: "0001-removed-a1a1a1a1", Reason: reason{Why: "removed", Say: "the quorum does not list it",
		At: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), Board: "b", Life: "a1a1a1a1a1a1a1a1", Cluster: "c1", Member: "m1"}}
}

func explained(t *testing.T, r reason) string {
	t.Helper()
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b) + "\n"
}

// Each state is what a kill between two steps leaves, or could leave if not all
// was on the disk.
func TestMoveAsideFinishesWhatWasBegun(t *testing.T) {
	a := removedAside()
	why, to := explained(t, a.Reason), "archive/"+a.Name+"/"
	left := map[string]map[string]string{
		"nothing done":    {"etcd/owner.json": "{}", "etcd/member/wal/0.wal": "log"},
		"half a reason":   {"etcd/owner.json": "{}", "etcd/member/wal/0.wal": "log", "etcd/reason.json.tmp": `{"wh`},
		"reason written":  {"etcd/owner.json": "{}", "etcd/member/wal/0.wal": "log", "etcd/reason.json": why},
		"older reason":    {"etcd/owner.json": "{}", "etcd/member/wal/0.wal": "log", "etcd/reason.json": `{"cluster":"c0"}`},
		"renamed":         {to + "owner.json": "{}", to + "member/wal/0.wal": "log", to + "reason.json": why},
		"reason was lost": {to + "owner.json": "{}", to + "member/wal/0.wal": "log"},
	}
	want := map[string]string{to + "owner.json": "{}", to + "member/wal/0.wal": "log", to + "reason.json": why}
	for name, files := range left {
		for _, again := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, again %v", name, again), func(t *testing.T) {
				s := newStore(t)
				for path, content := range files {
					put(t, s.path(path), content)
				}
				if err := s.moveAside(a); err != nil {
					t.Fatal(err)
				}
				if again {
					// By the next start: the intent comes from the disk, and the directory
					// may have been claimed for the next life already.
					b, err := json.Marshal(a)
					if err != nil {
						t.Fatal(err)
					}
					var from aside
					if err := json.Unmarshal(b, &from); err != nil {
						t.Fatal(err)
					}
					put(t, s.path("etcd", "owner.json"), "next")
					if err := s.moveAside(from); err != nil {
						t.Fatal(err)
					}
					if err := os.RemoveAll(s.path("etcd")); err != nil {
						t.Fatal(err)
					}
				}
				if got := s.files(t); fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("got %q\nwant %q", got, want)
				}
				if exists(s.path("etcd")) {
					t.Error("the directory is still in the way")
				}
			})
		}
	}
}

func TestMoveAsideWithNothingToMove(t *testing.T) {
	for name, path := range map[string]string{"no directory": "board.json", "claimed": "etcd/owner.json", "reason only": "etcd/reason.json"} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t)
			put(t, s.path(path), "{}")
			if err := os.MkdirAll(s.path("etcd", "member", "wal"), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := s.moveAside(removedAside()); err != nil {
				t.Fatal(err)
			}
			if got := s.files(t); len(got) != 1 || got[path] != "{}" || exists(s.path("archive")) {
				t.Errorf("left %q", got)
			}
		})
	}
}

func TestMoveAsideRefuses(t *testing.T) {
	link := func(t *testing.T, s *store, name ...string) {
		elsewhere := filepath.Join(t.TempDir(), "elsewhere")
		put(t, filepath.Join(elsewhere, "member", "snap", "db"), "keys")
		if err := os.MkdirAll(filepath.Dir(s.path(name...)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(elsewhere, s.path(name...)); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if list, err := os.ReadDir(elsewhere); err != nil || len(list) != 1 {
				t.Errorf("behind the link: %v, %v", list, err)
			}
		})
	}
	data := func(t *testing.T, s *store) { put(t, s.path("etcd", "member", "wal", "0.wal"), "log") }
	name := removedAside().Name
	for why, tt := range map[string]struct {
		name string
		have func(*testing.T, *store)
	}{
		"an entry beside data":       {name, func(t *testing.T, s *store) { data(t, s); put(t, s.path("archive", name, "owner.json"), "{}") }},
		"an empty entry beside data": {name, func(t *testing.T, s *store) { data(t, s); os.MkdirAll(s.path("archive", name), 0o700) }},
		"an entry beside a deep file": {name, func(t *testing.T, s *store) {
			put(t, s.path("etcd", "member", "reason.json"), "{}")
			put(t, s.path("archive", name, "owner.json"), "{}")
		}},
		"a file of that name":          {name, func(t *testing.T, s *store) { data(t, s); put(t, s.path("archive", name), "") }},
		"a link of that name":          {name, func(t *testing.T, s *store) { data(t, s); link(t, s, "archive", name) }},
		"a link of that name, no data": {name, func(t *testing.T, s *store) { link(t, s, "archive", name) }},
		"the directory is a link":      {name, func(t *testing.T, s *store) { link(t, s, "etcd") }},
		"the directory is a file":      {name, func(t *testing.T, s *store) { put(t, s.path("etcd"), "") }},
		"no name":                      {"", data},
		"above":                        {"../x", data},
		"beside":                       {"x/../../y", func(t *testing.T, s *store) { data(t, s); put(t, s.path("archive", "x", "owner.json"), "{}") }},
		"the archive":                  {".", data},
		"hidden":                       {".going-0001-x", data},
	} {
		t.Run(why, func(t *testing.T) {
			s := newStore(t)
			tt.have(t, s)
			before := s.files(t)
			a := removedAside()
			a.Name = tt.name
			if err := s.moveAside(a); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q", a.Name)) {
				t.Errorf("got %v, want an error that names %q", err, a.Name)
			}
			if after := s.files(t); fmt.Sprint(after) != fmt.Sprint(before) {
				t.Errorf("touched: %q, was %q", after, before)
			}
		})
	}
}

func TestAsideName(t *testing.T) {
	for _, tt := range []struct {
		have      []string
		row, want string
	}{
		{nil, "removed", "0001-removed-1a2b3c4d"},
		{[]string{"0001-x-y", "0007-removed-1a2b3c4d"}, "moved/all", "0008-moved-all-1a2b3c4d"},
		{[]string{"unborn-1a2b-5", "20260102T150405Z-x"}, "removed", "0001-removed-1a2b3c4d"},
		{[]string{"0002-x-y", ".going-0004-x-y"}, "removed", "0005-removed-1a2b3c4d"},
		{[]string{"9999-x-y"}, "removed", "10000-removed-1a2b3c4d"},
		{[]string{"99999999999999999999-x"}, "removed", "0001-removed-1a2b3c4d"},
	} {
		s := newStore(t)
		for _, name := range tt.have {
			put(t, s.path("archive", name, "owner.json"), "{}")
		}
		got, err := s.asideName(tt.row, "1a2b3c4d5e6f7081")
		if err != nil || got != tt.want {
			t.Errorf("beside %q: got %q, %v; want %q", tt.have, got, err, tt.want)
		}
		if exists(s.path("archive", got)) {
			t.Errorf("%q is taken", got)
		}
	}
	s := newStore(t)
	put(t, s.path("archive"), "")
	if got, err := s.asideName("removed", "1"); err == nil {
		t.Errorf("an archive that cannot be read gives %q", got)
	}
}

func TestArchivedNewestFirst(t *testing.T) {
	s := newStore(t)
	for _, name := range []string{"9999-x-y", "unborn-a-1", "10000-x-y", "0002-x-y", "unborn-a-2", ".going-10001-x-y"} {
		put(t, s.path("archive", name, "reason.json"), `{"cluster":"c1"}`)
	}
	put(t, s.path("archive", "0002-x-y", "reason.json"), `{"cluster":"c2","member":7}`)
	put(t, s.path("archive", "10002-x-y"), "a file")
	if err := os.Symlink(s.path("archive", "0002-x-y"), s.path("archive", "10003-x-y")); err != nil {
		t.Fatal(err)
	}
	entries, err := s.archived()
	var got []string
	for _, e := range entries {
		got = append(got, e.Name+" "+e.Cluster)
	}
	want := []string{"10000-x-y c1", "9999-x-y c1", "0002-x-y ", "unborn-a-2 c1", "unborn-a-1 c1"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("got %q, %v; want %q", got, err, want)
	}
}

func TestNoArchiveIsEmpty(t *testing.T) {
	s := newStore(t)
	if got, err := s.archived(); err != nil || len(got) > 0 {
		t.Errorf("got %v, %v", got, err)
	}
	if _, err := s.clearArchive(0, held(), zerolog.Nop()); err != nil || exists(s.path("archive")) {
		t.Errorf("cleared: %v", err)
	}
}

func TestArchiveIsMeasuredInBlocks(t *testing.T) {
	s := newStore(t)
	sized := func(entry string, make func(*os.File) error) {
		put(t, s.path("archive", entry, "member", "wal", "0.wal"), "log")
		f, err := os.OpenFile(s.path("archive", entry, "member", "wal", "0.wal"), os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := make(f); err != nil {
			t.Fatal(err)
		}
	}
	const length = 8 << 20
	sized("0002-ahead-x", func(f *os.File) error {
		return unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, length)
	})
	sized("0001-holes-x", func(f *os.File) error { return f.Truncate(length) })
	if err := os.Symlink(s.path("archive", "0002-ahead-x"), s.path("archive", "0001-holes-x", "link")); err != nil {
		t.Fatal(err)
	}
	got, err := s.archived()
	if err != nil || len(got) != 2 {
		t.Fatal(got, err)
	}
	if got[0].Size < length || got[0].Size > 2*length {
		t.Errorf("a log allocated ahead takes %d bytes, want about %d", got[0].Size, length)
	}
	if got[1].Size <= 0 || got[1].Size > length/8 {
		t.Errorf("a file of holes takes %d bytes, want a few blocks", got[1].Size)
	}
}
