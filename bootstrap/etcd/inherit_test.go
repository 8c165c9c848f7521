package etcd

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/rs/zerolog"
)

// lock opens a file and takes its lock, if that is free.
func lock(t *testing.T, path string) (f *os.File, free bool) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err != nil && !errors.Is(err, syscall.EWOULDBLOCK) {
		t.Fatal(err)
	}
	return f, err == nil
}

func isFree(t *testing.T, path string) bool {
	t.Helper()
	f, free := lock(t, path)
	defer f.Close()
	return free
}

// TestInherit: a lock that the parent has closed is held until the child is gone.
func TestInherit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	f, free := lock(t, path)
	defer f.Close()
	if !free {
		t.Fatal("a new file is locked")
	}
	// It reads until its input ends, and knows nothing of the lock.
	ch, err := Spawn([]string{"/bin/cat"}, Config{}, zerolog.Nop(), f)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
	if isFree(t, path) {
		t.Error("the lock is free while the child lives")
	}
	kill(t, ch)
	eventually(t, "the lock is free", func() bool { return isFree(t, path) })
}

// TestInheritFromAKilledAgent: the same with etcd, and an agent that is killed.
func TestInheritFromAKilledAgent(t *testing.T) {
	path := filepath.Join(t.TempDir(), "lock")
	agent, pid := startAgent(t, path)
	// A stopped child does not see the end of its input.
	err := syscall.Kill(pid, syscall.SIGSTOP)
	killAgent(t, agent)
	if err != nil {
		t.Fatal(err)
	}
	if isFree(t, path) {
		t.Error("the lock is free while the child of the killed agent lives")
	}
	if err := syscall.Kill(pid, syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the lock is free", func() bool { return isFree(t, path) })
	eventually(t, "the child is gone", func() bool { return gone(pid) })
}
