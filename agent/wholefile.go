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
	if err := replace(path, data, mode); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	// The new file is in place; a failed sync is an error all the same, because
	// a power cut could bring the old one back.
	if err := syncDir(filepath.Dir(path)); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

func replace(path string, data []byte, mode os.FileMode) (err error) {
	tmp := path + ".tmp"
	// Left over by a power cut, perhaps with another mode.
	if err := os.Remove(tmp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(tmp))
		}
	}()
	_, werr := f.Write(data)
	if err := errors.Join(werr, f.Sync(), f.Close()); err != nil {
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
