package agent

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"
	"time"
)

func TestSpeedOf(t *testing.T) {
	ms := func(all ...float64) (out []time.Duration) {
		for _, n := range all {
			out = append(out, time.Duration(n*1e6))
		}
		return out
	}
	even := make([]float64, 100)
	for i := range even {
		even[i] = float64(100 - i)
	}
	for _, tt := range []struct {
		name   string
		took   []time.Duration
		want   diskSpeed
		onCard int
		slow   bool
	}{
		{"one write", ms(2500), diskSpeed{2500, 2500, 1}, 2500, true},
		{"memory", ms(0.001, 0.001), diskSpeed{0, 0, 2}, 1, false},
		{"a hundred", ms(even...), diskSpeed{50, 99, 100}, 99, false},
		{"a good card", ms(4, 3.014, 3), diskSpeed{3.01, 4, 3}, 4, false},
		{"one late write of thirty", ms(append(make([]float64, 29), 100)...), diskSpeed{0, 100, 30}, 100, true},
		{"beyond what the card tells", ms(12345), diskSpeed{12345, 12345, 1}, 9999, true},
	} {
		got := speedOf(tt.took)
		if got != tt.want || got.onCard() != tt.onCard || (got.warning() != "") != tt.slow {
			t.Errorf("%s: %+v, on the card %d, warning %q; want %+v, %d", tt.name, got, got.onCard(), got.warning(), tt.want, tt.onCard)
		}
	}
	if d := (diskSpeed{}); d.onCard() != 0 || d.warning() != "" {
		t.Errorf("a disk that was not measured: %d, %q", d.onCard(), d.warning())
	}
}

func TestABusyMomentIsNoSlowDisk(t *testing.T) {
	for _, tt := range []struct {
		name   string
		passes []int // one write each, in ms
		want   float64
		n      int
	}{
		{"a fast disk is measured once", []int{1, 2, 3}, 1, 1},
		{"a busy moment", []int{400, 7, 3}, 7, 2},
		{"two of them", []int{400, 300, 7}, 7, 3},
		{"a slow card", []int{400, 250, 300, 1}, 250, 3},
	} {
		n := 0
		d, err := bestOf(func() ([]time.Duration, error) {
			n++
			return []time.Duration{time.Duration(tt.passes[n-1]) * time.Millisecond}, nil
		})
		if err != nil || d.P99 != tt.want || n != tt.n {
			t.Errorf("%s: %+v after %d passes, %v; want %v after %d", tt.name, d, n, err, tt.want, tt.n)
		}
	}
}

func TestDiskIsMeasuredOnce(t *testing.T) {
	s, err := openStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	first, err := s.diskSpeed()
	if err != nil || first.Writes == 0 {
		t.Fatalf("%+v, %v", first, err)
	}
	if err := s.write("disk.json", diskSpeed{P50: 7, P99: 70, Writes: 30}); err != nil {
		t.Fatal(err)
	}
	if d, err := s.diskSpeed(); err != nil || d.P99 != 70 {
		t.Errorf("what was measured is not kept: %+v, %v", d, err)
	}
	for name, text := range map[string]string{"damaged": "{", "empty": "{}"} {
		if err := os.WriteFile(s.path("disk.json"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if d, err := s.diskSpeed(); err != nil || d.Writes == 0 {
			t.Errorf("%s: not measured again: %+v, %v", name, d, err)
		}
	}
	if _, err := os.Stat(s.path("disk.tmp")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the file that was written is still there: %v", err)
	}
}

func TestDiskThatCannotBeMeasured(t *testing.T) {
	s, err := openStore(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.close()
	if err := os.MkdirAll(s.path("disk.tmp", "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	if d, err := s.diskSpeed(); err == nil || d != (diskSpeed{}) || !strings.Contains(err.Error(), "measure the disk") {
		t.Errorf("%+v, %v", d, err)
	}
}
