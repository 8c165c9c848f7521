package agent

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// writeWhole replaces a file so that after a power cut either the old or the
// new content is there, and never less: temporary file, fsync, rename, fsync of
// the directory.
func writeWhole(path string, data []byte, mode os.FileMode) error {
	return writeWholeFor(reader{gid: -1, mode: mode}, path, data)
}

// reader is who may read a file: its owner by the mode, and a group.
type reader struct {
	gid  int // -1: the group of this process
	mode os.FileMode
}

// give lets the reader read an open file.
func (r reader) give(f *os.File) error {
	if r.gid < 0 {
		return nil
	}
	// The mode may have been cut by the umask.
	return errors.Join(f.Chown(0, r.gid), f.Chmod(r.mode))
}

// writeWholeFor is writeWhole of a file that its reader can read from the first
// moment on.
func writeWholeFor(r reader, path string, data []byte) error {
	if err := replace(r, path, data); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	// The new file is in place; a failed sync is an error all the same, because
	// a power cut could bring the old one back.
	if err := syncDir(filepath.Dir(path)); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

func replace(r reader, path string, data []byte) (err error) {
	tmp := path + ".tmp"
	// Left over by a power cut, perhaps with another mode.
	if err := os.Remove(tmp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, r.mode)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(tmp))
		}
	}()
	_, werr := f.Write(data)
	if err := errors.Join(werr, r.give(f), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
