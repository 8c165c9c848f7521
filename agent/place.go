package agent

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"

	"muster/profiles"
)

// ForeignFleetError says that this board belongs to another fleet than a
// profile is of: it has a plan or data of that fleet.
type ForeignFleetError struct{ Has, Wants profiles.Fleet }

func (e *ForeignFleetError) Error() string {
	if e.Has.Cluster == e.Wants.Cluster {
		return fmt.Sprintf("this board belongs to cluster %q with another secret (fingerprint %s, the profile's is %s)",
			e.Has.Cluster, e.Has.Fingerprint, e.Wants.Fingerprint)
	}
	return fmt.Sprintf("this board belongs to cluster %q, the profile is of cluster %q", e.Has.Cluster, e.Wants.Cluster)
}

// ProfilePath is where the profile of a board lies.
func ProfilePath(configDir string) string { return filepath.Join(configDir, "profile.yaml") }

// SocketPath is the control socket of the agent with that run directory.
func SocketPath(runDir string) string { return filepath.Join(runDir, "agent.sock") }

// ProfileID tells two profiles apart that do not want the same. It holds no
// secret.
func ProfileID(p *profiles.Profile) string { return digest(p.YAML(true))[:16] }

// PlaceProfile validates the profile in file and puts it in place in configDir;
// changed is false if it is there already. It returns profiles.Problems for a
// bad profile, *ForeignFleetError if the board with that state directory
// belongs to another fleet; then nothing was touched.
func PlaceProfile(configDir, stateDir, file string) (changed bool, err error) {
	data, err := profiles.Read(file)
	if err != nil {
		return false, err
	}
	p, err := profiles.Parse(file, data)
	if err != nil {
		return false, err
	}
	if p.SecretFile != "" && !filepath.IsAbs(p.SecretFile) {
		// The path is meant from where the file lies now.
		data = p.YAML(true)
	}
	return placeText(configDir, stateDir, p, data)
}

// placeText puts a valid profile in place in the text that its owner wrote.
func placeText(configDir, stateDir string, p *profiles.Profile, data []byte) (changed bool, err error) {
	var b boardRecord
	if err := (&store{dir: stateDir}).read("board.json", &b); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, fmt.Errorf("which fleet does this board belong to: %w", err)
	}
	if b.Fleet != nil && *b.Fleet != p.Fleet() {
		return false, &ForeignFleetError{Has: *b.Fleet, Wants: p.Fleet()}
	}
	target := ProfilePath(configDir)
	service, err := serviceReader()
	if err != nil {
		return false, fmt.Errorf("place profile: %w", err)
	}
	if old, err := os.ReadFile(target); err == nil && bytes.Equal(old, data) {
		return false, letRead(service, target)
	}
	if err := makeConfigDir(configDir); err != nil {
		return false, fmt.Errorf("place profile: %w", err)
	}
	if err := writeWholeFor(service, target, data); err != nil {
		return false, fmt.Errorf("place profile: %w", err)
	}
	return true, nil
}

// makeConfigDir makes the directory, if need be, one that the service may look
// into, whatever the umask of the caller is.
func makeConfigDir(dir string) error {
	if exists(dir) {
		return nil
	}
	return errors.Join(os.MkdirAll(dir, 0o755), os.Chmod(dir, 0o755))
}

// serviceReader is the service's group, where there is one: a board without the
// package has no such group.
func serviceReader() (reader, error) {
	group, err := user.LookupGroup("_muster")
	if err != nil || os.Geteuid() != 0 {
		return reader{gid: -1, mode: 0o600}, nil
	}
	gid, err := strconv.Atoi(group.Gid)
	if err != nil {
		return reader{}, fmt.Errorf("group _muster: %w", err)
	}
	return reader{gid: gid, mode: 0o640}, nil
}

// letRead opens a file that is there to its reader.
func letRead(r reader, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("let the service read: %w", err)
	}
	if err := errors.Join(r.give(f), f.Close()); err != nil {
		return fmt.Errorf("let the service read: %w", err)
	}
	return nil
}
