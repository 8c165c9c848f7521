package profiles

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Files are the paths of a board's certificate, its key and the authority's
// certificate, all in PEM.
type Files struct{ CA, Cert, Key string }

// FilesIn names the files that WriteFiles writes into dir, whether they exist or not.
func FilesIn(dir string) Files {
	return Files{
		CA:   filepath.Join(dir, "ca.pem"),
		Cert: filepath.Join(dir, "node.pem"),
		Key:  filepath.Join(dir, "node-key.pem"),
	}
}

// Write replaces a file as a whole: after a power cut either the old or the
// new content is there. The caller brings it, since one such function serves
// all of the state directory.
type Write func(path string, data []byte, mode os.FileMode) error

// WriteFiles puts the pair and the authority's certificate into dir, which is
// made if need be and gets mode 0700; files get 0600. etcd reads node.pem and
// node-key.pem at each handshake, so that a new pair works without a restart; a
// new authority needs one.
func (a *Authority) WriteFiles(dir string, pair Pair, write Write) (Files, error) {
	files := FilesIn(dir)
	if err := errors.Join(os.MkdirAll(dir, 0o700), os.Chmod(dir, 0o700)); err != nil {
		return Files{}, fmt.Errorf("write certificates: %w", err)
	}
	// A power cut in between leaves a key without its certificate, which Current
	// refuses, so that the board issues again.
	for _, f := range []struct {
		path string
		data []byte
	}{{files.Key, pair.Key}, {files.Cert, pair.Cert}, {files.CA, a.Cert()}} {
		if err := write(f.path, f.data, 0o600); err != nil {
			return Files{}, fmt.Errorf("write certificates: %w", err)
		}
	}
	return files, nil
}

// Current reports whether dir holds, complete and readable by nobody else, what
// Issue and WriteFiles would make of the request: this authority, a key that fits,
// exactly these names and addresses. It reads no clock. Anything that cannot be
// read counts as not current, which costs a new certificate and nothing else.
func (a *Authority) Current(dir string, req Request) (Files, bool) {
	files := FilesIn(dir)
	ca, err := os.ReadFile(files.CA)
	if err != nil || !bytes.Equal(ca, a.Cert()) {
		return Files{}, false
	}
	info, err := os.Lstat(files.Key)
	if err != nil || info.Mode() != 0o600 {
		return Files{}, false
	}
	pair, err := tls.LoadX509KeyPair(files.Cert, files.Key)
	if err != nil || len(pair.Certificate) != 1 || !a.covers(pair.Leaf, req) {
		return Files{}, false
	}
	return files, true
}
