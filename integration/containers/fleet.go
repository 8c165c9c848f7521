package containers

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"muster/integration/boards"
)

const journalLimit = 15 * time.Second

// Needed lists the programs that the boards cannot do without beyond those of package boards, and the Debian package
// that brings each.
func Needed() map[string]string {
	return map[string]string{"systemd-nspawn": "systemd-container", "mmdebstrap": "mmdebstrap", "nsenter": "util-linux"}
}

// Fleet is a network with boards on it that have a systemd of their own.
type Fleet struct {
	*boards.Lab
	t      testing.TB
	boards []*Board
}

// New makes n boards, off and freshly flashed with the image, each with a machine-id and a host name ("board1") of its
// own. The test is skipped, with the reason, where there can be none. All is gone when the test ends, also by SIGINT or
// SIGTERM.
func New(t testing.TB, n int, image Image) *Fleet {
	t.Helper()
	boards.Require(t, Needed())
	lab := boards.New(t, n, boards.Unpowered())
	f := &Fleet{Lab: lab, t: t}
	for i := 1; i <= n; i++ {
		dir, err := lab.Dir(fmt.Sprintf("board%d", i))
		if err != nil {
			t.Fatal(err)
		}
		b := &Board{Index: i, t: t, dir: dir, wired: lab.Board(i)}
		b.Flash(image)
		f.boards = append(f.boards, b)
	}
	lab.OnDemolition(func() error { return f.each((*Board).scrap) })
	t.Cleanup(f.showJournals)
	return f
}

// Board returns board i, counted from 1.
func (f *Fleet) Board(i int) *Board {
	f.t.Helper()
	if i < 1 || i > len(f.boards) {
		f.t.Fatalf("no board %d in a fleet of %d", i, len(f.boards))
	}
	return f.boards[i-1]
}

// Boards returns all boards, the first first.
func (f *Fleet) Boards() []*Board { return append([]*Board(nil), f.boards...) }

// On powers all boards on at about the same moment and returns when they have booted.
func (f *Fleet) On() {
	f.t.Helper()
	if err := f.each((*Board).on); err != nil {
		f.t.Fatal(err)
	}
}

// each does one thing on all boards at once and joins the errors.
func (f *Fleet) each(do func(*Board) error) error {
	errs := make([]error, len(f.boards))
	var wg sync.WaitGroup
	for i, b := range f.boards {
		wg.Go(func() { errs[i] = do(b) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// showJournals prints what each board has to say of the service if the test failed.
func (f *Fleet) showJournals() {
	if !f.t.Failed() {
		return
	}
	for _, b := range f.boards {
		console, _ := os.ReadFile(filepath.Join(b.dir, consoleLog))
		// The test's own context has ended by now.
		ctx, cancel := context.WithTimeout(context.Background(), journalLimit)
		text, errs, _ := b.Run(ctx, "journalctl", "--no-pager", "--output=short-precise", "--lines=60", "--unit=muster*")
		cancel()
		f.t.Logf("board %d, the end of the service's journal:\n%s%s\nand of its console:\n%s", b.Index, text, errs, lastLines(string(console), 5))
	}
}
