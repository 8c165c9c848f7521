package profiles

import (
	"bytes"
	"regexp"
)

// secretText is how a secret stands in a text: whole, or what is left of one of
// which a part was lost or masked.
const secretText = secretPrefix + `[A-Za-z0-9_*-]{20,}`

// MaskSecrets gives a copy of a text in which each secret is masked, also in
// comments and where a character is missing. Nothing moves: the copy is as long
// as the text, so that it can be written over it. begun says that a secret was
// masked before, at least in part.
func MaskSecrets(text []byte) (masked []byte, begun bool) {
	masked = bytes.Clone(text)
	for _, at := range regexp.MustCompile(secretText).FindAllIndex(masked, -1) {
		secret := masked[at[0]+len(secretPrefix) : at[1]]
		begun = begun || bytes.IndexByte(secret, '*') >= 0
		copy(secret, bytes.Repeat([]byte{'*'}, len(secret)))
	}
	return masked, begun
}
