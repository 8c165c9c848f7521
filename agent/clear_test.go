package agent

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"
)

func TestSurplus(t *testing.T) {
	live := func(name string, size int64) archived { return archived{Name: name, Cluster: "c1", Size: size} }
	other := func(name string, size int64) archived { return archived{Name: name, Cluster: "c2", Size: size} }
	unknown := func(name string, size int64) archived { return archived{Name: name, Size: size} }
	four := []archived{live("4", 10), live("3", 10), live("2", 10), live("1", 10)}
	for name, tt := range map[string]struct {
		entries []archived
		keep    int
		share   int64
		live    string
		want    []string
	}{
		"nothing there":                  {nil, 0, 1, "c1", nil},
		"room for all":                   {four, 4, 40, "c1", nil},
		"the oldest go":                  {four, 3, 40, "c1", []string{"1"}},
		"none is kept":                   {four, 0, 40, "c1", []string{"4", "3", "2", "1"}},
		"share of the disk":              {four, 4, 20, "c1", []string{"2", "1"}},
		"both bounds":                    {four, 1, 30, "c1", []string{"3", "2", "1"}},
		"share not known":                {four, 3, 0, "c1", []string{"1"}},
		"too large alone":                {four, 4, 9, "c1", []string{"4", "3", "2", "1"}},
		"no quorum read":                 {four, 0, 1, "", nil},
		"no quorum read, unknown":        {[]archived{unknown("2", 10), unknown("1", 10)}, 0, 1, "", nil},
		"another cluster alive":          {four, 0, 1, "c9", nil},
		"the newest of another":          {[]archived{other("2", 10), live("1", 10)}, 0, 1, "c1", []string{"1"}},
		"an older one of another":        {[]archived{other("2", 10), other("1", 10)}, 0, 1, "c1", nil},
		"unknown beside unknown":         {[]archived{unknown("2", 10), unknown("1", 10)}, 0, 1, "c1", nil},
		"what stays takes its place":     {[]archived{other("3", 10), live("2", 10), live("1", 10)}, 2, 90, "c1", []string{"1"}},
		"what stays takes its bytes":     {[]archived{unknown("3", 90), live("2", 10), live("1", 10)}, 3, 100, "c1", []string{"1"}},
		"older ones of others no matter": {[]archived{live("3", 10), other("2", 90), other("1", 90)}, 1, 10, "c1", nil},
	} {
		t.Run(name, func(t *testing.T) {
			if got := surplus(tt.entries, tt.keep, tt.share, tt.live); !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestSurplusNeverTakesALastCopy(t *testing.T) {
	const seed = 1
	r := rand.New(rand.NewPCG(seed, seed))
	removed := 0
	for n := range 20_000 {
		entries := make([]archived, r.IntN(8))
		for i := range entries {
			entries[i] = archived{Name: fmt.Sprint(i), Size: r.Int64N(5), Cluster: []string{"", "c1", "c2", "c3"}[r.IntN(4)]}
		}
		keep, share, live := r.IntN(6), r.Int64N(20), []string{"", "c1", "c2"}[r.IntN(3)]
		gone := surplus(entries, keep, share, live)
		removed += len(gone)
		left := map[string]int{}
		size, count := int64(0), 0
		for i, e := range entries {
			if slices.Contains(gone, e.Name) {
				continue
			}
			left[e.Cluster]++
			if e.Cluster == live && live != "" {
				count = i + 1
				size = 0
				for _, e := range entries[:i+1] {
					size += e.Size
				}
			}
		}
		for _, e := range entries {
			if (e.Cluster != live || live == "") && left[e.Cluster] == 0 {
				t.Fatalf("world %d of seed %d: no copy of cluster %q is left: %v", n, seed, e.Cluster, entries)
			}
		}
		if count > keep || share > 0 && size > share {
			t.Fatalf("world %d of seed %d: %d entries of %d bytes are left, for %d and %d: %v", n, seed, count, size, keep, share, entries)
		}
		roomier := [][]string{surplus(entries, keep+1, share, live), surplus(entries, keep, 0, live)}
		if share > 0 {
			roomier = append(roomier, surplus(entries, keep, share+1, live))
		}
		for _, more := range roomier {
			for _, name := range more {
				if !slices.Contains(gone, name) {
					t.Fatalf("world %d of seed %d: with more room %s goes too: %v", n, seed, name, entries)
				}
			}
		}
	}
	if removed == 0 {
		t.Error("nothing was ever removed")
	}
}

// entry makes one that takes some 100 kB.
func (s *store) entry(t *testing.T, name, cluster string) {
	t.Helper()
	put(t, s.path("archive", name, "reason.json"), fmt.Sprintf(`{"why":"removed","cluster":%q}`, cluster))
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
		s.entry(t, name, cluster)
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
	if err := s.clearArchive(1, "c1", zerolog.New(&log)); err != nil {
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
	if err := s.clearArchive(1, "c1", zerolog.New(&log)); err != nil || log.Len() > 0 {
		t.Errorf("with nothing to do: %v, %s", err, log.String())
	}
}

func TestClearArchiveByShareOfTheDisk(t *testing.T) {
	s := newStore(t)
	for _, name := range []string{"0001-a-x", "0002-b-x", "0003-c-x"} {
		s.entry(t, name, "c1")
	}
	if err := s.clear(3, 250_000, "c1", zerolog.Nop()); err != nil {
		t.Fatal(err)
	}
	if got, want := s.archiveNames(t), []string{"0002-b-x", "0003-c-x"}; !slices.Equal(got, want) {
		t.Errorf("left %q, want %q", got, want)
	}
	if err := s.clear(0, 250_000, "", zerolog.Nop()); err != nil || len(s.archiveNames(t)) != 2 {
		t.Errorf("without a live cluster: %v, left %q", err, s.archiveNames(t))
	}
}

// A removal that fails half way leaves no entry that looks like a copy, and is
// finished later.
func TestClearArchiveCutOff(t *testing.T) {
	s := newStore(t)
	s.entry(t, "0001-a-x", "c1")
	s.entry(t, "0002-b-x", "c1")
	// In the way of the rename of the first, and not what this agent made.
	put(t, s.path("archive", going+"0001-a-x"), "a file")
	err := s.clear(0, 0, "c1", zerolog.Nop())
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
	if err := s.clear(3, 0, "c1", zerolog.Nop()); err != nil || len(s.archiveNames(t)) > 0 {
		t.Errorf("%v, left %q", err, s.archiveNames(t))
	}
}
