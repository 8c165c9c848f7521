package systemd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// ownDir is where kardianos/service v1.3.0 writes units, and nowhere else.
const ownDir = "/etc/systemd/system"

func ownPath(name string) string { return filepath.Join(ownDir, name+".service") }

// RefusedError says why an installation is left as it is, and what to do about
// it. Nothing was touched.
type RefusedError struct{ Why, Hint string }

func (e *RefusedError) Error() string { return e.Why }

// unitFile is what is on this host under the name of a unit.
type unitFile struct {
	name     string
	load     string // systemd's LoadState
	fragment string // the file that systemd has it from; "" for none
	vendor   string // a package's file; "" for none
	there    bool   // something is in ownDir
	plain    bool   // it is a plain file
	text     string // of that
}

// lookAll tells which units are installed, the agent's first. The error is a
// *RefusedError if one of them is not Install's.
func lookAll(ctx context.Context) (installed []string, err error) {
	for _, name := range []string{Unit, ProfileUnit} {
		f, err := look(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("look for service %s: %w", name, err)
		}
		if err := f.refuse(); err != nil {
			return nil, err
		}
		if f.there {
			installed = append(installed, name)
		}
	}
	return installed, nil
}

func look(ctx context.Context, name string) (unitFile, error) {
	f := unitFile{name: name}
	known, err := properties(ctx, name, "LoadState", "FragmentPath")
	if err != nil {
		return f, err
	}
	f.load, f.fragment = known["LoadState"], known["FragmentPath"]
	// systemd tells of one file only, and one in ownDir shadows a package's.
	for _, dir := range []string{"/usr/lib/systemd/system", "/lib/systemd/system"} {
		path := filepath.Join(dir, name+".service")
		if _, err := os.Lstat(path); err == nil {
			f.vendor = path
			break
		} else if !errors.Is(err, fs.ErrNotExist) {
			return f, err
		}
	}
	info, err := os.Lstat(ownPath(name))
	if errors.Is(err, fs.ErrNotExist) {
		return f, nil
	}
	if err != nil {
		return f, err
	}
	f.there, f.plain = true, info.Mode().IsRegular()
	if f.plain {
		text, err := os.ReadFile(ownPath(name))
		if err != nil {
			return f, err
		}
		f.text = string(text)
	}
	return f, nil
}

// refuse is a *RefusedError where a unit is not ours to install or to remove.
func (f unitFile) refuse() error {
	own := ownPath(f.name)
	switch {
	case f.load == "masked":
		return &RefusedError{fmt.Sprintf("the service %s is masked", f.name), fmt.Sprintf("\"systemctl unmask %s\" ends that", f.name)}
	case f.vendor != "":
		return &RefusedError{f.vendor + " was installed by the package", `use apt: "apt install muster" or "apt remove muster"`}
	case f.fragment != "" && f.fragment != own:
		return &RefusedError{f.fragment + " is in use, which this program did not write", "remove it the way it was installed"}
	case f.there && (!f.plain || !ours(f.text)):
		return &RefusedError{own + " is there, which this program did not write", "move it away if it is not needed"}
	}
	return nil
}
