package discovery

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"
	"github.com/rs/zerolog"
)

func labelled(label string, rest ...byte) []byte {
	return append(append([]byte{labelMagic, byte(len(label))}, label...), rest...)
}

func seal(t *testing.T, version byte, plain, data []byte) []byte {
	t.Helper()
	block, err := aes.NewCipher(testKey(7))
	if err != nil {
		t.Fatal(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		t.Fatal(err)
	}
	nonce := make([]byte, 12)
	return gcm.Seal(append([]byte{version}, nonce...), nonce, plain, data)
}

// sealedPacket is what somebody with the key can send.
func sealedPacket(t *testing.T, version byte, plain []byte) []byte {
	return labelled("lab", seal(t, version, plain, []byte("lab"))...)
}

func sealedMessage(t *testing.T, version byte, plain []byte) []byte {
	head := binary.BigEndian.AppendUint32([]byte{encryptMagic}, uint32(1+12+len(plain)+16))
	return append(head, seal(t, version, plain, append(slices.Clone(head), "lab"...))...)
}

func sealedStream(t *testing.T, version byte, plain []byte) []byte {
	return labelled("lab", sealedMessage(t, version, plain)...)
}

// poison is a content whose last byte claims more padding than there is content.
func poison() []byte { return bytes.Repeat([]byte{255}, 20) }

func TestJudgePacket(t *testing.T) {
	for name, c := range map[string]struct {
		b    []byte
		want string
	}{
		"ours":             {sealedPacket(t, 1, []byte{8}), ""},
		"version 0":        {sealedPacket(t, 0, poison()), "encryption version 0"},
		"version 2":        {sealedPacket(t, 2, poison()), "encryption version 2"},
		"nothing":          {nil, whyNoLabel},
		"no label":         {seal(t, 1, poison(), nil), whyNoLabel},
		"other label":      {labelled("home", 1), `another cluster name: "home"`},
		"longer label":     {labelled("labor", 1), `another cluster name: "labor"`},
		"unprintable":      {labelled("a\x1b[2J\n", 1), `another cluster name: "a[2J"`},
		"magic only":       {[]byte{labelMagic}, whyTruncated},
		"label cut off":    {[]byte{labelMagic, 3, 'l', 'a'}, whyTruncated},
		"nothing follows":  {labelled("lab"), whyTruncated},
		"short ciphertext": {labelled("lab", 1, 2, 3), whyTruncated},
		"empty content":    {sealedPacket(t, 1, nil), whyTruncated},
		"plain":            {labelled("lab", 8, 'x'), "encryption version 8"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := judgePacket(c.b, "lab"); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestJudgeStream(t *testing.T) {
	whole := sealedStream(t, 1, []byte{8})
	for name, c := range map[string]struct {
		b       []byte
		inbound bool
		need    int
		want    string
	}{
		"ours":              {whole, true, 0, ""},
		"header is enough":  {whole[:11], true, 0, ""},
		"one byte missing":  {whole[:10], true, 11, ""},
		"nothing yet":       {nil, true, 2, ""},
		"magic only":        {whole[:1], true, 2, ""},
		"label not through": {whole[:3], true, 5, ""},
		"version 0":         {sealedStream(t, 0, poison()), true, 0, "encryption version 0"},
		"plain":             {labelled("lab", 6), true, 0, whyPlain},
		"no label":          {sealedMessage(t, 1, poison()), true, 0, whyNoLabel},
		"other label":       {labelled("home"), true, 0, `another cluster name: "home"`},
		"empty content":     {sealedStream(t, 1, nil), true, 0, whyTruncated},
		"answer":            {sealedMessage(t, 1, []byte{8}), false, 0, ""},
		"answer, version 0": {sealedMessage(t, 0, poison()), false, 0, "encryption version 0"},
		"answer, plain":     {[]byte{6}, false, 0, whyPlain},
		"answer, not yet":   {[]byte{encryptMagic}, false, 6, ""},
		"labelled answer":   {whole, false, 0, whyPlain},
	} {
		t.Run(name, func(t *testing.T) {
			need, why := judgeStream(c.b, "lab", c.inbound)
			if need != c.need || why != c.want {
				t.Errorf("got %d %q, want %d %q", need, why, c.need, c.want)
			}
		})
	}
}

func FuzzFilter(f *testing.F) {
	f.Add(labelled("lab", 1), "lab", true)
	f.Add(labelled("lab", encryptMagic, 0, 0, 0, 60, 1), "lab", true)
	f.Add([]byte{encryptMagic, 0, 0, 0, 60, 0}, "lab", false)
	f.Fuzz(func(t *testing.T, b []byte, label string, inbound bool) {
		if judgePacket(b, label) == "" {
			rest, got, err := memberlist.RemoveLabelHeaderFromPacket(b)
			if err != nil || got != label || rest[0] != 1 {
				t.Fatalf("let through: label %q, %v", got, err)
			}
		}
		need, why := judgeStream(b, label, inbound)
		switch {
		case need < 0 || (need > 0 && need <= len(b)):
			t.Fatalf("%d bytes are there, asked for %d", len(b), need)
		case need == 0 && why == "":
			if inbound {
				b = b[2+len(label):]
			}
			if b[0] != encryptMagic || b[5] != 1 {
				t.Fatalf("let through: % x", b[:6])
			}
		}
	})
}

// victimVariable holds "KIND ADDRESS" for the subprocess that is expected to die.
const victimVariable = "DISCOVERY_TEST_VICTIM"

// TestVictim is the subprocess of TestVersionZeroEndsBareMemberlist.
func TestVictim(t *testing.T) {
	kind, address, ok := strings.Cut(os.Getenv(victimVariable), " ")
	if !ok {
		t.Skip("only runs as the subprocess of TestVersionZeroEndsBareMemberlist")
	}
	c := memberlist.DefaultLANConfig()
	c.Name, c.Label, c.SecretKey, c.LogOutput = "victim", "lab", testKey(7), io.Discard
	c.BindAddr, c.BindPort, c.AdvertiseAddr, c.AdvertisePort = address, testPort, address, testPort
	if _, err := memberlist.Create(c); err != nil {
		t.Fatal(err)
	}
	at := netip.AddrPortFrom(netip.MustParseAddr(address), testPort)
	switch kind {
	case "packet":
		sendPacket(t, at, sealedPacket(t, 0, poison()))
	case "stream":
		sendStream(t, at, sealedStream(t, 0, poison()))
	case "empty":
		sendStream(t, at, sealedStream(t, 1, nil))
	}
	<-time.After(20 * time.Second) // the panic comes long before
}

func sendPacket(t *testing.T, to netip.AddrPort, b []byte) {
	t.Helper()
	c, err := net.Dial("udp", to.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write(b); err != nil {
		t.Fatal(err)
	}
}

func sendStream(t *testing.T, to netip.AddrPort, b []byte) {
	t.Helper()
	c, err := net.Dial("tcp", to.String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write(b); err != nil {
		t.Fatal(err)
	}
	_ = c.SetReadDeadline(time.Now().Add(10 * time.Second))
	// Until the other side closes, or dies.
	_, _ = io.Copy(io.Discard, c)
}

// Why there is a filter: should this fail one day, memberlist has learned better.
func TestVersionZeroEndsBareMemberlist(t *testing.T) {
	for kind, words := range map[string]string{
		"packet": "slice bounds out of range",
		"stream": "slice bounds out of range",
		"empty":  "index out of range",
	} {
		t.Run(kind, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestVictim$", "-test.v")
			cmd.Env = append(os.Environ(), victimVariable+"="+kind+" "+freshAddress().String())
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), words) {
				t.Errorf("no crash (%v):\n%s", err, out)
			}
		})
	}
}

func TestVersionZeroIsSurvived(t *testing.T) {
	g := start(t, config(t, 1))
	at := netip.AddrPortFrom(g.config.Address, testPort)
	count := func(why string) int {
		n := 0
		for _, r := range g.Rejected() {
			if r.Why == why {
				n += r.Count
			}
		}
		return n
	}
	sendPacket(t, at, sealedPacket(t, 0, poison()))
	eventually(t, 5*time.Second, "the packet is refused", func() bool { return count("encryption version 0") == 1 })
	sendStream(t, at, sealedStream(t, 0, poison()))
	eventually(t, 5*time.Second, "the stream is refused", func() bool { return count("encryption version 0") == 2 })
	sendStream(t, at, sealedStream(t, 1, nil))
	eventually(t, 5*time.Second, "the empty stream is refused", func() bool { return count(whyTruncated) == 1 })
	other := start(t, config(t, 2, g.config.Address))
	eventually(t, 5*time.Second, "gossip goes on", sees(other, 1))
}

// A board that we contact can answer with version 0 as well.
func TestVersionZeroInAnAnswerIsSurvived(t *testing.T) {
	seed := netip.AddrPortFrom(freshAddress(), testPort)
	listener, err := net.Listen("tcp", seed.String())
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write(sealedMessage(t, 0, poison()))
			_ = c.Close()
		}
	}()
	defer func() { _ = listener.Close(); <-done }()
	g := start(t, config(t, 1, seed.Addr()))
	eventually(t, 8*time.Second, "the answer is refused", func() bool {
		return slices.ContainsFunc(g.Rejected(), func(r Rejection) bool {
			return r.Address == seed.Addr() && r.Why == "encryption version 0"
		})
	})
}

func TestSilentStreamIsClosed(t *testing.T) {
	g := start(t, config(t, 1))
	c, err := net.Dial("tcp", netip.AddrPortFrom(g.config.Address, testPort).String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetReadDeadline(time.Now().Add(4 * streamTimeout)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); !errors.Is(err, io.EOF) && !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the other side said %v", err)
	}
}

func TestStreamsAreBounded(t *testing.T) {
	at := netip.AddrPortFrom(freshAddress(), testPort)
	tr, err := newTransport(at, "lab", newLogBridge(zerolog.Nop(), func(netip.Addr, string) {}).logger(), func(net.Addr, string) {})
	if err != nil {
		t.Fatal(err)
	}
	for range maxStreams {
		a, b := net.Pipe()
		defer b.Close()
		if _, err := tr.guard(a, true); err != nil {
			t.Fatal(err)
		}
	}
	a, b := net.Pipe()
	defer b.Close()
	if _, err := tr.guard(a, true); err == nil {
		t.Error("one stream too many was let in")
	}
	if err := tr.Shutdown(); err != nil {
		t.Error(err)
	}
	if _, err := tr.DialTimeout(at.String(), time.Second); err == nil {
		t.Error("dialled after the end")
	}
}
