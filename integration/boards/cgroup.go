package boards

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Where the kernel's cgroups are mounted.
const cgroupRoot = "/sys/fs/cgroup"

// cgroupTrees lists the hierarchies in which a machine inside a board needs a place of its own: the one of cgroup v2,
// or, where the host has v1 as well, those that systemd and its limits know.
func cgroupTrees() []string {
	if _, err := os.Stat(filepath.Join(cgroupRoot, "cgroup.controllers")); err == nil {
		return []string{cgroupRoot}
	}
	var trees []string
	for _, name := range []string{"unified", "systemd", "memory", "cpu", "pids", "blkio"} {
		tree := filepath.Join(cgroupRoot, name)
		if _, err := os.Stat(filepath.Join(tree, "cgroup.procs")); err == nil {
			trees = append(trees, tree)
		}
	}
	return trees
}

// Cgroups makes a cgroup for the board in each hierarchy and returns their directories. They go with the lab. What
// runs as a board's own systemd must be in them: two in one cgroup see each other's units.
func (b *Board) Cgroups() ([]string, error) {
	var dirs []string
	for _, tree := range cgroupTrees() {
		dir := filepath.Join(tree, b.lab.namespace(b.Index))
		if err := os.Mkdir(dir, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		dirs = append(dirs, dir)
	}
	return dirs, nil
}

// labCgroups lists the cgroups of all labs of this machine, or of one.
func labCgroups(lab string) []string {
	var dirs []string
	for _, tree := range cgroupTrees() {
		entries, _ := os.ReadDir(tree)
		for _, e := range entries {
			if e.IsDir() && strings.HasPrefix(e.Name(), lab) {
				dirs = append(dirs, filepath.Join(tree, e.Name()))
			}
		}
	}
	return dirs
}

// removeCgroups removes the cgroups of a lab, in which nothing runs any more.
func removeCgroups(lab string) error {
	var errs []error
	for _, dir := range labCgroups(lab + "-") {
		var below []string
		_ = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.IsDir() {
				below = append(below, path)
			}
			return nil
		})
		for i := len(below) - 1; i >= 0; i-- {
			if err := os.Remove(below[i]); err != nil && !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}
