package etcd

import (
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
)

// door passes connections on to a member and remembers them.
type door struct {
	url string

	mu     sync.Mutex
	passed []net.Conn
}

func newDoor(t *testing.T, clientURL string) *door {
	t.Helper()
	u, err := url.Parse(clientURL)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", net.JoinHostPort(u.Hostname(), "0"))
	if err != nil {
		t.Fatal(err)
	}
	d := &door{url: u.Scheme + "://" + l.Addr().String()}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			in, err := l.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", u.Host)
			if err != nil {
				in.Close()
				continue
			}
			d.mu.Lock()
			d.passed = append(d.passed, in)
			d.mu.Unlock()
			serving.Go(func() { _, _ = io.Copy(out, in); out.Close() })
			serving.Go(func() { _, _ = io.Copy(in, out); in.Close() })
		}
	})
	t.Cleanup(func() {
		l.Close()
		d.slam()
		serving.Wait()
	})
	return d
}

func (d *door) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.passed)
}

// slam closes what has passed.
func (d *door) slam() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.passed {
		c.Close()
	}
}

// TestStatusKeepsItsConnection: whoever asks again and again pays for one
// handshake, and what happens to a connection does not outlast it.
func TestStatusKeepsItsConnection(t *testing.T) {
	cs := members(t, 1, certificates(t))
	spawnAll(t, cs)
	c, d := dial(t, cs...), newDoor(t, cs[0].ClientURL)
	ask := func() error {
		_, err := c.Status(t.Context(), d.url)
		return err
	}
	for range 5 {
		if err := ask(); err != nil {
			t.Fatal(err)
		}
	}
	if n := d.count(); n != 1 {
		t.Errorf("%d connections for five questions", n)
	}
	d.slam()
	// The first may still be asked over the dead one.
	if err := ask(); err != nil {
		if err = ask(); err != nil {
			t.Errorf("over a new connection: %v", err)
		}
	}
	if n := d.count(); n < 2 {
		t.Errorf("answers over %d connections, of which one was cut", n)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := ask(); err == nil {
		t.Error("a client that is closed answers")
	}
}
