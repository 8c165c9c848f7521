package main

import (
	"context"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// inputPoll is how long a read of a file stays deaf to the end of its context,
// in milliseconds.
const inputPoll = 200

// contextReader reads a terminal or pipe until its context ends. A plain read
// of either can't be called back, and its goroutine would stay behind.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (c contextReader) Read(p []byte) (int, error) {
	f, ok := c.r.(*os.File)
	if !ok {
		return c.r.Read(p)
	}
	fds := []unix.PollFd{{Fd: int32(f.Fd()), Events: unix.POLLIN}}
	for c.ctx.Err() == nil {
		n, err := unix.Poll(fds, inputPoll)
		if err != nil && err != unix.EINTR {
			return 0, err
		}
		if n > 0 {
			return f.Read(p)
		}
	}
	return 0, c.ctx.Err()
}

// drain returns when r has ended, or with ctx.
func drain(ctx context.Context, r io.Reader) {
	_, _ = io.Copy(io.Discard, contextReader{ctx, r})
}
