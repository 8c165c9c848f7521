package profiles

import (
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
)

// The labels of the derived keys. A label belongs to one use for ever: changing
// what a label gives cuts every board that is upgraded off from its fleet.
const (
	labelGossip      = "gossip/aes-256"
	labelFingerprint = "fingerprint"
	labelAuthority   = "ca/p256"
)

const (
	gossipKeyBytes   = 32 // AES-256
	fingerprintBytes = 8
)

// derive gives a key by HKDF-SHA256 (RFC 5869), bound to the cluster's name:
// two clusters that share a secret share no key. The name stands last and holds
// no slash, so that no two pairs of label and name give the same info.
func (p *Profile) derive(label string, length int) []byte {
	key, err := hkdf.Key(sha256.New, p.Secret.bytes(), nil, "muster/v1/"+label+"/"+p.Cluster, length)
	if err != nil {
		// RFC 5869 limits only the length, to 255 hashes.
		panic("profiles: derive " + label + ": " + err.Error())
	}
	return key
}

// GossipKey is the AES-256 key of the gossip, 32 bytes.
func (p *Profile) GossipKey() []byte { return p.derive(labelGossip, gossipKeyBytes) }

// Fingerprint is 16 hex digits that tell two secrets apart in public. They are
// the output of HKDF and lead to neither the secret nor any other key.
func (p *Profile) Fingerprint() string {
	return hex.EncodeToString(p.derive(labelFingerprint, fingerprintBytes))
}

// authorityScalar is the i-th candidate for the key of the authority. About one in 2^32
// is no scalar of P-256, and the next one is taken.
func (p *Profile) authorityScalar(i int) []byte {
	return p.derive(labelAuthority+"/"+strconv.Itoa(i), 32)
}
