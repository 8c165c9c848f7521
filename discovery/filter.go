package discovery

import (
	"encoding/binary"
	"fmt"
	"strings"
	"unicode"
)

// AnotherSecret is the Why of a Rejection whose sender uses our cluster's name
// and another secret.
const AnotherSecret = "another secret: our key cannot open it"

// memberlist v0.7.0's wire format: label.go (label header), net.go (message types),
// security.go (encryption versions).
const (
	labelMagic        = 244
	encryptMagic      = 10
	encryptionVersion = 1
	// Version, nonce and tag, and at least one byte of content: memberlist v0.7.0
	// (readStream) looks at the first byte of an empty content without asking.
	minCiphertext = 1 + 12 + 16 + 1
)

const (
	whyNoLabel   = "no cluster name: not the gossip of a fleet"
	whyPlain     = "not encrypted"
	whyTruncated = "truncated"
)

// judgePacket says why a datagram is refused; "" lets it pass.
//
// Encryption version 0 must never reach memberlist: its pkcs7decode (security.go)
// trusts the last byte of the content, and one datagram of somebody who holds the
// key ends the process by a panic which nobody can recover.
func judgePacket(b []byte, label string) string {
	rest, why := cutLabel(b, label)
	switch {
	case why != "":
		return why
	case rest == nil:
		return whyTruncated
	case len(rest) > 0 && rest[0] != encryptionVersion:
		return whyVersion(rest[0])
	case len(rest) < minCiphertext:
		return whyTruncated
	}
	return ""
}

// judgeStream looks at the first bytes of a stream. need > 0 asks for that many
// bytes in all before it can say more; need 0 is the final answer: why it is
// refused, "" to let it pass. Streams that come in carry the label, answers on
// streams that we opened do not.
func judgeStream(b []byte, label string, labelled bool) (need int, why string) {
	offset := 0
	if labelled {
		if len(b) > 0 && b[0] != labelMagic {
			return 0, whyNoLabel
		}
		if len(b) < 2 {
			return 2, ""
		}
		if offset = 2 + int(b[1]); len(b) < offset {
			return offset, ""
		}
		if _, why := cutLabel(b, label); why != "" {
			return 0, why
		}
	}
	head := b[offset:]
	if len(head) > 0 && head[0] != encryptMagic {
		return 0, whyPlain
	}
	if len(head) < 6 {
		return offset + 6, ""
	}
	if head[5] != encryptionVersion {
		return 0, whyVersion(head[5])
	}
	if binary.BigEndian.Uint32(head[1:5]) < minCiphertext {
		return 0, whyTruncated
	}
	return 0, ""
}

// cutLabel takes the label header off; rest is nil if it is not complete.
func cutLabel(b []byte, label string) (rest []byte, why string) {
	if len(b) == 0 || b[0] != labelMagic {
		return nil, whyNoLabel
	}
	if len(b) < 2 || len(b) < 2+int(b[1]) {
		return nil, ""
	}
	size := int(b[1])
	if got := string(b[2 : 2+size]); got != label {
		return nil, fmt.Sprintf("another cluster name: %q", printable(got, 63))
	}
	return b[2+size:], ""
}

func whyVersion(v byte) string { return fmt.Sprintf("encryption version %d", v) }

// printable makes text from the network fit to be shown: no control characters, at most n bytes.
func printable(s string, n int) string {
	return cut(strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "")), n)
}
