package boards

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Card is a copy of all that lies on a board's card: its disk, /etc with machine-id and host name.
type Card struct{ dir, hostname string }

// CopyCard copies the card of the board. What runs there stands still meanwhile, so that the copy is of one instant:
// what the disk would have had if the power had been cut then. A board that has a disk of its own must be off, because
// a mounted file system is not whole in its image.
func (b *Board) CopyCard() Card {
	b.lab.t.Helper()
	if b.disk != "" {
		b.mustBeOff("copied, with a disk of its own,")
	}
	thaw, err := b.freeze()
	defer thaw()
	var dir string
	if err == nil {
		dir, err = os.MkdirTemp(b.lab.dir, "card-")
	}
	if err == nil {
		err = copyParts(b.dir, dir)
	}
	if err != nil {
		b.lab.t.Fatal(err)
	}
	return Card{dir, b.Hostname}
}

// ReadFile reads a file below /var/lib or /etc on the copy, of a board without a disk of its own.
func (c Card) ReadFile(name string) ([]byte, error) {
	path := filepath.Join(c.dir, name)
	if rest, ok := strings.CutPrefix(name, "/var/lib/"); ok {
		path = filepath.Join(c.dir, "lib", rest)
	}
	return os.ReadFile(path)
}

// InsertCard puts a copy of the card into the board, which must be off, instead of what it had. The hardware, i.e.
// the MAC address, stays.
func (b *Board) InsertCard(c Card) {
	b.lab.t.Helper()
	b.mustBeOff("given another card")
	var errs []error
	for _, part := range cardParts {
		errs = append(errs, os.RemoveAll(filepath.Join(b.dir, part)))
	}
	if err := errors.Join(append(errs, copyParts(c.dir, b.dir))...); err != nil {
		b.lab.t.Fatal(err)
	}
	b.Hostname, b.disk = c.hostname, ""
	if disk := filepath.Join(b.dir, "disk"); exists(disk) {
		b.disk = disk
	}
}

// cardParts are what a card consists of, in a board's directory.
var cardParts = [...]string{"etc", "lib", "disk"}

func copyParts(from, to string) error {
	for _, part := range cardParts {
		if !exists(filepath.Join(from, part)) {
			continue
		}
		// -a: whiteouts in /etc are device nodes; holes in the disk's image stay holes.
		if _, err := command("", "cp", "-a", "--sparse=always", filepath.Join(from, part), to+"/"); err != nil {
			return err
		}
	}
	return nil
}

// freeze stops everything on the board in the middle of what it does, and returns when nothing moves any more. What it
// returns lets it go on, also after an error.
func (b *Board) freeze() (thaw func(), err error) {
	frozen := map[int]bool{}
	thaw = func() {
		for pid := range frozen {
			// The nsenter above a program stops itself when that one is stopped.
			parent, err := parentOf(pid)
			_ = syscall.Kill(pid, syscall.SIGCONT)
			if err == nil && !frozen[parent] && parent != b.init() {
				_ = syscall.Kill(parent, syscall.SIGCONT)
			}
		}
	}
	limit := time.After(setupLimit)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	// Again from the start until a look finds nothing new: a process may just have made another one.
	for still := false; !still; {
		still = true
		for pid := range b.Processes() {
			if !frozen[pid] && syscall.Kill(pid, syscall.SIGSTOP) == nil {
				frozen[pid], still = true, false
			}
			still = still && stopped(pid)
		}
		select {
		case <-limit:
			return thaw, fmt.Errorf("board %d does not stand still within %v", b.Index, setupLimit)
		case <-tick.C:
		}
	}
	return thaw, nil
}

// stopped says that no thread of the process runs. One that is gone does not.
func stopped(pid int) bool {
	threads, err := os.ReadDir(filepath.Join("/proc", strconv.Itoa(pid), "task"))
	if err != nil {
		return true
	}
	for _, thread := range threads {
		id, err := strconv.Atoi(thread.Name())
		if err != nil {
			continue
		}
		if fields, err := stat(id); err == nil && fields[0] != "T" {
			return false
		}
	}
	return true
}

func parentOf(pid int) (int, error) {
	fields, err := stat(pid)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(fields[1])
}
