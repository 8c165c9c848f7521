package containers

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"muster/integration/boards"
)

// Board is one machine. Its methods may be called from several goroutines, except those that change its power or its
// disk.
type Board struct {
	Index int // from 1

	t     testing.TB
	image Image         // what it was flashed with
	base  string        // the image's layers, which its disk lies over
	dir   string        // upper and work: its disk; root, network: mount points; console
	wired *boards.Board // its place on the switch

	mu       sync.Mutex
	power    *power // nil: off
	scrapped bool
}

func (b *Board) upper(name string) string { return filepath.Join(b.dir, "upper", name) }

// Hostname is the board's name.
func (b *Board) Hostname() string { return fmt.Sprintf("board%d", b.Index) }

// Address is the IPv4 address of its eth0.
func (b *Board) Address() string { return b.wired.Address() }

// Flash gives the board, which must be off, a disk with this image.
func (b *Board) Flash(image Image) {
	b.t.Helper()
	if b.isOn() {
		b.t.Fatalf("board %d is on; cut its power before its disk is changed", b.Index)
	}
	base, err := image.layers(b.t.Context())
	b.must(err)
	b.image, b.base = image, base
	b.must(b.empty())
}

// Wipe gives the board, which must be off, its image anew.
func (b *Board) Wipe() { b.t.Helper(); b.Flash(b.image) }

// empty takes all off the disk that was written since it was flashed, and makes it this board's.
func (b *Board) empty() error {
	var errs []error
	for _, name := range []string{"upper", "work"} {
		errs = append(errs, os.RemoveAll(filepath.Join(b.dir, name)))
	}
	for _, name := range []string{"upper", "upper/etc", "work", "root"} {
		errs = append(errs, os.MkdirAll(filepath.Join(b.dir, name), 0o755))
	}
	return errors.Join(append(errs,
		os.WriteFile(filepath.Join(b.dir, "network"), nil, 0o644),
		os.WriteFile(b.upper("etc/machine-id"), fmt.Appendf(nil, "77%030x\n", b.Index), 0o444),
		os.WriteFile(b.upper("etc/hostname"), []byte(b.Hostname()+"\n"), 0o644),
		os.WriteFile(b.upper("etc/hosts"), []byte("127.0.0.1 localhost\n127.0.1.1 "+b.Hostname()+"\n"), 0o644),
		// Nobody answers there: no query leaves the lab.
		os.WriteFile(b.upper("etc/resolv.conf"), []byte("nameserver 127.0.0.1\noptions timeout:1 attempts:1\n"), 0o644))...)
}

// TakeImage moves what is on the disk of the board, which must be off and was flashed with Debian alone, to dir, which
// must not be there, without what makes it this board. The board is then as freshly flashed.
func (b *Board) TakeImage(dir string) Image {
	b.t.Helper()
	if b.isOn() {
		b.t.Fatalf("board %d is on; shut it down before its disk is copied", b.Index)
	}
	if b.image.layer != "" {
		b.t.Fatalf("board %d: its disk is not all there is over Debian: %s is below", b.Index, b.image.layer)
	}
	b.must(errors.Join(os.Rename(filepath.Join(b.dir, "upper"), dir), b.empty()))
	for _, name := range []string{"machine-id", "hostname", "hosts", "resolv.conf"} {
		b.must(os.Remove(filepath.Join(dir, "etc", name)))
	}
	return Image{over: b.image.over, layer: dir}
}

// On boots the board, if it is off, and returns when systemd has started all there is to start.
func (b *Board) On() { b.t.Helper(); b.must(b.on()) }

// Off shuts the board down in order.
func (b *Board) Off() { b.t.Helper(); b.must(b.shutDown()) }

// Reboot shuts the board down in order and boots it again.
func (b *Board) Reboot() { b.t.Helper(); b.must(b.reboot()) }

// Cut ends everything on the board at once. What was written stays.
func (b *Board) Cut() { b.t.Helper(); b.must(b.cut()) }

func (b *Board) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatalf("board %d: %v", b.Index, err)
	}
}

func (b *Board) isOn() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.power != nil
}
