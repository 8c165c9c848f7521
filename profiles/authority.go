package profiles

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// scalarTries bounds the search for a P-256 scalar; each try fails with a
// probability of about 2^-32, unless the source of random bytes is broken.
const scalarTries = 8

// commonNameLimit is ub-common-name of RFC 5280, appendix A.1.
const commonNameLimit = 64

// notBefore is fixed and early: boards without a clock battery start in the
// past, at the epoch itself if nothing has set their clock.
func notBefore() time.Time { return time.Unix(0, 0).UTC() }

// notAfter is the date that RFC 5280, 4.1.2.5 gives to certificates without an end.
func notAfter() time.Time { return time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC) }

// Authority is the certificate authority of a fleet. Every board that has the
// secret computes the same one, byte for byte.
type Authority struct {
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
}

// Format writes the name and never the key, for every verb.
func (a Authority) Format(f fmt.State, _ rune) {
	name := "none"
	if a.cert != nil {
		name = a.cert.Subject.CommonName
	}
	_, _ = fmt.Fprintf(f, "certificate authority of %s (key masked)", name)
}

// Authority computes the fleet's authority. It takes some milliseconds on a small board.
func (p *Profile) Authority() (*Authority, error) {
	if p.Secret.IsZero() {
		return nil, errors.New("certificate authority: the profile has no secret")
	}
	key, err := scalarKey(func(i int) ([]byte, error) { return p.authorityScalar(i), nil })
	if err != nil {
		return nil, fmt.Errorf("certificate authority of %s: %w", p.Cluster, err)
	}
	id, err := keyID(&key.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("certificate authority of %s: %w", p.Cluster, err)
	}
	// All that package x509 would fill in by itself stands here: its choices
	// change between releases of Go, and the bytes must not.
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{Organization: []string{"Muster"}, CommonName: p.Cluster},
		NotBefore:             notBefore(),
		NotAfter:              notAfter(),
		KeyUsage:              x509.KeyUsageCertSign,
		BasicConstraintsValid: true,
		IsCA:                  true,
		MaxPathLenZero:        true,
		SubjectKeyId:          id,
		SignatureAlgorithm:    x509.ECDSAWithSHA256,
	}
	// Without a random source the signature is the deterministic one of RFC 6979.
	der, err := x509.CreateCertificate(nil, template, template, &key.PublicKey, key)
	if err != nil {
		return nil, fmt.Errorf("certificate authority of %s: %w", p.Cluster, err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("certificate authority of %s: %w", p.Cluster, err)
	}
	return &Authority{key: key, cert: cert}, nil
}

// scalarKey makes a P-256 key of the first candidate that is a valid scalar.
func scalarKey(candidate func(i int) ([]byte, error)) (*ecdsa.PrivateKey, error) {
	var last error
	for i := range scalarTries {
		scalar, err := candidate(i)
		if err != nil {
			return nil, err
		}
		key, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), scalar)
		if err == nil {
			return key, nil
		}
		last = err
	}
	return nil, fmt.Errorf("no P-256 key in %d tries: %w", scalarTries, last)
}

// keyID is method 1 of RFC 7093: the leftmost 160 bits of the SHA-256 of the key.
func keyID(key *ecdsa.PublicKey) ([]byte, error) {
	point, err := key.Bytes()
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(point)
	return sum[:20], nil
}

// Cert is the certificate of the authority in PEM.
func (a *Authority) Cert() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.cert.Raw})
}

// Pool trusts this authority and nothing else.
func (a *Authority) Pool() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	return pool
}

// Request says what a board's certificate is for. Loopback (127.0.0.1, ::1,
// localhost) is part of every certificate: the board's own agent connects there.
type Request struct {
	CommonName string       // name of the board; cut after 64 bytes, nothing verifies it
	IPs        []netip.Addr // present addresses; etcd refuses a peer that calls from another one
	DNS        []string
	Rand       io.Reader // for key and serial number; nil: crypto/rand
}

// Pair is a certificate and its key in PEM. Formatting one shows no key.
type Pair struct{ Cert, Key []byte }

// Format writes nothing of the pair, for every verb.
func (p Pair) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "certificate and key (masked)") }

// MarshalJSON writes nothing of the pair.
func (p Pair) MarshalJSON() ([]byte, error) { return []byte(`"certificate and key (masked)"`), nil }

// names are the alternative names of the certificate, sorted and each once.
func (r Request) names() (ips []netip.Addr, dns []string, err error) {
	ips = []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}
	for _, ip := range r.IPs {
		if !ip.IsValid() || ip.IsUnspecified() {
			return nil, nil, fmt.Errorf("%v is not an address of a board", ip)
		}
		ips = append(ips, ip.Unmap().WithZone("")) // a certificate has no place for a zone
	}
	slices.SortFunc(ips, netip.Addr.Compare)
	if slices.Contains(r.DNS, "") {
		return nil, nil, errors.New("a name is empty")
	}
	dns = append([]string{"localhost"}, r.DNS...)
	slices.Sort(dns)
	return slices.Compact(ips), slices.Compact(dns), nil
}

func (r Request) commonName() string {
	name := strings.ToValidUTF8(r.CommonName, "")
	for len(name) > commonNameLimit {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	return name
}

// Issue makes a fresh key and a certificate for it that serves both ends of a
// TLS connection, as peers of etcd use the same one to call and to answer.
func (a *Authority) Issue(req Request) (Pair, error) {
	pair, err := a.issue(req)
	if err != nil {
		return Pair{}, fmt.Errorf("certificate for %s: %w", shown(req.CommonName), err)
	}
	return pair, nil
}

func (a *Authority) issue(req Request) (Pair, error) {
	random := req.Rand
	if random == nil {
		random = rand.Reader
	}
	if req.commonName() == "" {
		return Pair{}, errors.New("a common name is needed")
	}
	ips, dns, err := req.names()
	if err != nil {
		return Pair{}, err
	}
	// ecdsa.GenerateKey ignores the source that it is given since Go 1.26.
	key, err := scalarKey(func(int) ([]byte, error) { return draw(random, 32) })
	if err != nil {
		return Pair{}, err
	}
	serial, err := draw(random, 16)
	if err != nil {
		return Pair{}, err
	}
	serial[0] = serial[0]&0x7f | 0x40 // positive and of one length
	template := &x509.Certificate{
		SerialNumber:          new(big.Int).SetBytes(serial),
		Subject:               pkix.Name{Organization: []string{"Muster"}, CommonName: req.commonName()},
		NotBefore:             notBefore(),
		NotAfter:              notAfter(),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		BasicConstraintsValid: true,
		DNSNames:              dns,
		SignatureAlgorithm:    x509.ECDSAWithSHA256,
	}
	for _, ip := range ips {
		template.IPAddresses = append(template.IPAddresses, net.IP(ip.AsSlice()))
	}
	return a.sign(template, key)
}

func (a *Authority) sign(template *x509.Certificate, key *ecdsa.PrivateKey) (Pair, error) {
	der, err := x509.CreateCertificate(nil, template, a.cert, &key.PublicKey, a.key)
	if err != nil {
		return Pair{}, err
	}
	// Package x509 writes names that it does not read back.
	if _, err := x509.ParseCertificate(der); err != nil {
		return Pair{}, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Pair{}, err
	}
	return Pair{
		Cert: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}),
		Key:  pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}),
	}, nil
}

func draw(r io.Reader, n int) ([]byte, error) {
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, fmt.Errorf("draw random bytes: %w", err)
	}
	return b, nil
}

// covers reports whether the certificate is one that Issue would make for the
// request now, but for key and serial number.
func (a *Authority) covers(cert *x509.Certificate, req Request) bool {
	ips, dns, err := req.names()
	if err != nil || cert.CheckSignatureFrom(a.cert) != nil {
		return false
	}
	var have []netip.Addr
	for _, ip := range cert.IPAddresses {
		addr, _ := netip.AddrFromSlice(ip)
		have = append(have, addr.Unmap())
	}
	slices.SortFunc(have, netip.Addr.Compare)
	return slices.Equal(have, ips) && slices.Equal(slices.Sorted(slices.Values(cert.DNSNames)), dns) &&
		cert.Subject.CommonName == req.commonName() &&
		cert.NotBefore.Equal(notBefore()) && cert.NotAfter.Equal(notAfter()) &&
		cert.KeyUsage == x509.KeyUsageDigitalSignature &&
		slices.Equal(cert.ExtKeyUsage, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}) &&
		bytes.Equal(cert.AuthorityKeyId, a.cert.SubjectKeyId)
}
