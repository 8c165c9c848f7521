package systemd

import (
	"errors"
	"os"
	"path/filepath"
)

// beside ends the name under which a file is written before it is renamed; systemd
// does not read it.
const beside = ".new"

// replace gives the file at path a text. A power cut at any moment leaves the old
// file or the new one, whole.
func replace(path, text string) error {
	err := os.WriteFile(path+beside, []byte(text), 0o644)
	if err == nil {
		err = flush(path + beside)
	}
	if err == nil {
		err = os.Rename(path+beside, path)
	}
	if err != nil {
		return errors.Join(err, drop(path+beside))
	}
	return flush(filepath.Dir(path))
}

// flush brings a file's text, or a folder's names, to the disk.
func flush(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
