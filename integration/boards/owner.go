package boards

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// prefix begins the name of everything that a lab leaves on the host: directories, network namespaces and cgroups.
const prefix = "muster-lab-"

// owner is the process which a lab belongs to. The start time tells it from a later process with the same number.
type owner struct {
	pid   int
	start uint64 // clock ticks since boot, /proc/PID/stat field 22 (proc_pid_stat(5))
}

func self() (owner, error) {
	start, err := startTime(os.Getpid())
	return owner{os.Getpid(), start}, err
}

func (o owner) String() string { return fmt.Sprintf("%s%d-%d", prefix, o.pid, o.start) }

// alive is true when the owner lives, and also when that cannot be told.
func (o owner) alive() bool {
	start, err := startTime(o.pid)
	if err != nil {
		return !errors.Is(err, os.ErrNotExist) && !errors.Is(err, syscall.ESRCH)
	}
	return start == o.start
}

// parseOwner reads the owner and the lab out of the name of a directory (PREFIX PID-START-WHAT.N) or a namespace
// (the same with -BOARD behind it).
func parseOwner(name string) (o owner, lab string, ok bool) {
	rest, ok := strings.CutPrefix(name, prefix)
	if !ok {
		return owner{}, "", false
	}
	parts := strings.Split(rest, "-")
	if len(parts) < 3 {
		return owner{}, "", false
	}
	pid, err1 := strconv.Atoi(parts[0])
	start, err2 := strconv.ParseUint(parts[1], 10, 64)
	if err1 != nil || err2 != nil || pid <= 0 || parts[2] == "" {
		return owner{}, "", false
	}
	return owner{pid, start}, prefix + strings.Join(parts[:3], "-"), true
}

// Scratch makes a directory under the system's temporary directory for this process, which a later run removes if
// this one dies before it can. what must not contain a dash.
func Scratch(what string) (string, error) {
	me, err := self()
	if err != nil {
		return "", err
	}
	for n := 1; ; n++ {
		dir := filepath.Join(os.TempDir(), fmt.Sprintf("%s-%s.%d", me, what, n))
		if err := os.Mkdir(dir, 0o755); !errors.Is(err, os.ErrExist) {
			return dir, err
		}
	}
}

// Reap removes the labs and scratch directories whose owners are dead, and returns their names. It is quiet about
// what it cannot remove: another run may be at it, and the next one tries again.
func Reap() []string {
	leftovers := map[string]string{}
	for _, dir := range []string{namespaceDir, os.TempDir()} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			continue
		}
		for _, e := range entries {
			if o, lab, ok := parseOwner(e.Name()); ok && !o.alive() {
				leftovers[lab] = ""
			}
		}
	}
	for _, dir := range labCgroups(prefix) {
		if o, lab, ok := parseOwner(filepath.Base(dir)); ok && !o.alive() {
			leftovers[lab] = ""
		}
	}
	labs := sortedKeys(leftovers)
	for _, lab := range labs {
		_ = removeNamespaces(lab)
		_ = removeCgroups(lab)
		_ = os.RemoveAll(filepath.Join(os.TempDir(), lab))
	}
	return labs
}

func startTime(pid int) (uint64, error) {
	fields, err := stat(pid)
	if err != nil {
		return 0, err
	}
	return strconv.ParseUint(fields[19], 10, 64)
}

// stat returns the fields of /proc/PID/stat from the third (state) on. The second, the command, is in parentheses
// and may itself contain blanks and parentheses, so counting starts behind the last one.
func stat(pid int) ([]string, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil, err
	}
	_, rest, ok := cutLast(string(data), ")")
	fields := strings.Fields(rest)
	if !ok || len(fields) < 20 {
		return nil, fmt.Errorf("process %d: %q is no stat line", pid, data)
	}
	return fields, nil
}

func cutLast(s, sep string) (before, after string, ok bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

// children lists the direct children of a process.
func children(parent int) []int {
	var found []int
	for _, pid := range processes() {
		if fields, err := stat(pid); err == nil && fields[1] == strconv.Itoa(parent) {
			found = append(found, pid)
		}
	}
	return found
}

// Descendants lists the children of a process, their children and so on, each behind its parent.
func Descendants(of int) []int {
	below := map[int][]int{}
	for _, pid := range processes() {
		if fields, err := stat(pid); err == nil {
			if parent, err := strconv.Atoi(fields[1]); err == nil {
				below[parent] = append(below[parent], pid)
			}
		}
	}
	found := append([]int(nil), below[of]...)
	for i := 0; i < len(found); i++ {
		found = append(found, below[found[i]]...)
	}
	return found
}

// processes lists all process numbers of the host.
func processes() []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	var pids []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

func killText(pid string) {
	if n, err := strconv.Atoi(pid); err == nil && n > 1 && n != os.Getpid() {
		_ = syscall.Kill(n, syscall.SIGKILL)
	}
}
