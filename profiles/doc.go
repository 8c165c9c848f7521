// Package profiles says what the owner of a fleet wants: the YAML profile that
// is the same on every board, read strictly, with every default made visible;
// the fleet's secret and the keys derived from it; and the certificates that a
// board issues to itself.
//
// Parse reports every mistake at once, each with the file, the line, the key
// and what would be accepted. A typing mistake in a profile is found before a
// board acts on it, because the board stands somewhere without a keyboard.
//
// One secret of 256 bits is all that the boards share. HKDF-SHA256 (RFC 5869)
// derives from it, bound to the name of the cluster and each under a label of
// its own: the gossip key, the fingerprint shown in beacons, and the key of the
// certificate authority. Every board therefore computes the same authority, byte
// for byte, and nothing has to be handed out. Whoever holds the secret is the
// authority.
//
// No text that leaves this package holds the secret, except what
// [Secret.Reveal] and [Profile.YAML] with reveal give on request, and the new
// profile of [New]. This includes errors about a secret at the wrong place.
package profiles
