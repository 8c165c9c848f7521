package discovery

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"slices"
	"testing"

	"github.com/hashicorp/memberlist"
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
