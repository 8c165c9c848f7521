package profiles

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
	"unique"
)

const (
	secretBytes   = 32
	checksumBytes = 4
	secretPrefix  = "mst1-"
	// secretLength is that of the text form: 36 bytes are exactly 48 characters,
	// so that base64 has neither padding nor unused bits.
	secretLength   = len(secretPrefix) + (secretBytes+checksumBytes)/3*4
	secretMasked   = secretPrefix + "…(masked)"
	secretAccepted = `a secret as "agent profile new" writes it: ` + secretPrefix + " and 48 characters"
)

// Secret is the secret of a fleet. Whatever formats, logs or encodes it gets
// the masked form; only Reveal gives the secret. Secrets can be compared with ==.
// The zero value is no secret.
type Secret struct {
	// Package fmt cannot call our methods on an unexported field of somebody's
	// struct. It would print an array in full, and what one pointer leads to as
	// well if the verb does not suit it (%s); the second handle keeps it out.
	b unique.Handle[unique.Handle[[secretBytes]byte]]
}

func secretOf(b [secretBytes]byte) Secret { return Secret{b: unique.Make(unique.Make(b))} }

// NewSecret draws a secret from r; nil means crypto/rand.
func NewSecret(r io.Reader) (Secret, error) {
	if r == nil {
		r = rand.Reader
	}
	var b [secretBytes]byte
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return Secret{}, fmt.Errorf("draw a secret: %w", err)
	}
	return secretOf(b), nil
}

// ParseSecret reads the text form. The error says whether it is the prefix, the
// length, a character or the checksum, and never repeats the text.
func ParseSecret(s string) (Secret, error) {
	switch {
	case s == "":
		return Secret{}, errors.New("is empty")
	case s == secretMasked || strings.Contains(s, "**"):
		return Secret{}, errors.New("is the masked form, which holds no secret")
	case !strings.HasPrefix(s, secretPrefix):
		return Secret{}, fmt.Errorf("does not begin with %q", secretPrefix)
	case len(s) != secretLength:
		return Secret{}, fmt.Errorf("is %d characters long instead of %d", len(s), secretLength)
	}
	text := s[len(secretPrefix):]
	// The decoder skips line breaks, which would let two texts mean one secret.
	if strings.ContainsFunc(text, func(r rune) bool { return !isBase64URL(r) }) {
		return Secret{}, errors.New("holds a character that is not a letter, a digit, '-' or '_'")
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil {
		return Secret{}, errors.New("is not base64url")
	}
	var b [secretBytes]byte
	copy(b[:], raw)
	if !bytes.Equal(raw[secretBytes:], secretChecksum(b)) {
		return Secret{}, errors.New("checksum does not match: a character is missing or wrong")
	}
	return secretOf(b), nil
}

// secretChecksum finds typing mistakes. It tells nothing of use about the
// secret: 32 bits of a hash of 256 random ones.
func secretChecksum(b [secretBytes]byte) []byte {
	sum := sha256.Sum256(append([]byte(secretPrefix), b[:]...))
	return sum[:checksumBytes]
}

// IsZero reports whether there is no secret.
func (s Secret) IsZero() bool { return s == Secret{} }

// Reveal is the text form that ParseSecret reads, "" for no secret. Its result
// belongs into a file of mode 0600 and nowhere else.
func (s Secret) Reveal() string {
	if s.IsZero() {
		return ""
	}
	b := s.b.Value().Value()
	return secretPrefix + base64.RawURLEncoding.EncodeToString(append(b[:], secretChecksum(b)...))
}

// bytes panics on the zero value: keys derived from nothing would be known to all.
func (s Secret) bytes() []byte {
	if s.IsZero() {
		panic("profiles: keys are asked of a profile without a secret")
	}
	b := s.b.Value().Value()
	return b[:]
}

// String is the masked form.
func (s Secret) String() string {
	if s.IsZero() {
		return "(none)"
	}
	return secretMasked
}

// GoString is the masked form.
func (s Secret) GoString() string { return s.String() }

// Format writes the masked form for every verb; %d and %x would show the bytes.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// MarshalText is the masked form. Encoders of JSON, YAML and logs use it.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// MarshalJSON is the masked form.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + s.String() + `"`), nil }
