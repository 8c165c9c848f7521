package emulated

import (
	"context"
	"crypto/sha256"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

//go:embed image
var recipe embed.FS

// system is what machines boot from. All of them share it and none writes to it.
type system struct {
	kernel, initrd string
	image          string // ext4, raw
}

const (
	nobody = 65534
	// makeLimit is for downloads too.
	makeLimit = 15 * time.Minute
)

// debian returns the system, and makes it if this recipe has not been followed on this machine yet. Another process
// that is at it is waited for.
func debian(t testing.TB) system {
	t.Helper()
	s, err := makeDebian(t.Context(), t.Logf)
	if err != nil {
		t.Fatalf("arm64 system: %v", err)
	}
	return s
}

func makeDebian(ctx context.Context, logf func(string, ...any)) (system, error) {
	key, err := recipeKey()
	if err != nil {
		return system{}, err
	}
	dir := filepath.Join(CacheDir, key)
	s := system{kernel: filepath.Join(dir, "vmlinuz"), initrd: filepath.Join(dir, "initrd"), image: filepath.Join(dir, "board.ext4")}
	if err := os.MkdirAll(CacheDir, 0o755); err != nil {
		return s, err
	}
	unlock, err := lock(filepath.Join(CacheDir, "lock"))
	if err != nil {
		return s, err
	}
	defer unlock()
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return s, err
	}
	ctx, cancel := context.WithTimeout(ctx, makeLimit)
	defer cancel()
	work := dir + ".work" // of a run that was killed, perhaps
	if err := os.RemoveAll(work); err != nil {
		return s, err
	}
	defer os.RemoveAll(work)
	if err := follow(ctx, work, logf); err != nil {
		return s, err
	}
	return s, os.Rename(filepath.Join(work, "done"), dir)
}

// recipeKey names the recipe: systems made by another one are not used.
func recipeKey() (string, error) {
	hash := sha256.New()
	err := fs.WalkDir(recipe, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := recipe.ReadFile(path)
		fmt.Fprintf(hash, "%s %d\n%s", path, len(text), text)
		return err
	})
	return fmt.Sprintf("%x", hash.Sum(nil))[:12], err
}

// lock waits until this process is the only one that holds the lock of that name.
func lock(path string) (unlock func(), err error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, err
	}
	for {
		if err = unix.Flock(int(file.Fd()), unix.LOCK_EX); !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return func() { _ = file.Close() }, nil
}

// follow makes the system in work/done.
func follow(ctx context.Context, work string, logf func(string, ...any)) error {
	root, done, plain := filepath.Join(work, "root"), filepath.Join(work, "done"), filepath.Join(work, "nobody")
	for _, dir := range []string{work, root, done, plain} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
	}
	if err := os.Chown(plain, nobody, nobody); err != nil {
		return err
	}
	if err := os.CopyFS(work, recipe); err != nil {
		return err
	}
	script := func(name string) string { return filepath.Join(work, "image", name) }

	base := exec.CommandContext(ctx, "sh", script("base.sh"), filepath.Join(plain, "root.tar"))
	base.Dir = plain
	base.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + plain, "TMPDIR=" + plain}
	base.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	steps := []struct {
		what string
		cmd  *exec.Cmd
	}{
		{"the core of the system", base},
		{"unpack it", exec.CommandContext(ctx, "tar", "-C", root, "--numeric-owner", "-xf", filepath.Join(plain, "root.tar"))},
		{"the rest of the system", Emulate(ctx, "sh", script("complete.sh"), root)},
		{"the kernel", exec.CommandContext(ctx, "sh", script("kernel.sh"), done)},
		{"the disk", exec.CommandContext(ctx, "sh", script("disk.sh"), root, filepath.Join(done, "board.ext4"))},
	}
	for _, step := range steps {
		begin := time.Now()
		step.cmd.WaitDelay = 5 * time.Second
		if out, err := step.cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%s: %w\n%s", step.what, err, tail(out))
		}
		logf("%-24s %5.1f s", step.what, time.Since(begin).Seconds())
	}
	return nil
}

// tail is the end of a long output.
func tail(out []byte) []byte {
	const most = 4000
	return out[max(0, len(out)-most):]
}
