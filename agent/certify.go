package agent

import (
	"net/netip"
	"net/url"
	"slices"
	"time"

	"muster/bootstrap/etcd"
	"muster/discovery"
	"muster/profiles"
)

// recertify is how often the certificate is compared with this board's
// addresses. etcd checks the address that a peer calls from against the peer's
// certificate (v3.7.3 client/pkg/transport/listener_tls.go), and the kernel may
// call from any address of the board.
const recertify = 15 * time.Second

// keepCertified is certify, now and then.
func (f *fleet) keepCertified(a *Agent) error {
	if !f.address.IsValid() || a.state.Now.Sub(f.certified) < recertify {
		return nil
	}
	return f.certify(a)
}

// certify makes sure that the certificate on disk is for all present addresses
// of this board, and for the one where its member is listed, if that is another.
// etcd reads it again at each handshake.
func (f *fleet) certify(a *Agent) error {
	if !f.profile.Etcd.TLS {
		return nil
	}
	req := profiles.Request{CommonName: a.board.ID, IPs: f.ownAddresses(a), DNS: []string{a.host}}
	dir := a.store.path("pki")
	files, ok := f.authority.Current(dir, req)
	if !ok {
		pair, err := f.authority.Issue(req)
		if err != nil {
			return err
		}
		if files, err = f.authority.WriteFiles(dir, pair, writeWhole); err != nil {
			return err
		}
	}
	f.files = etcd.TLSFiles{CA: files.CA, Cert: files.Cert, Key: files.Key}
	f.certified = time.Now()
	return nil
}

// ownAddresses are the advertised address, the one where the member is listed,
// and all others that the kernel has. If those cannot be read now, the
// certificate stays narrower until the next look.
func (f *fleet) ownAddresses(a *Agent) []netip.Addr {
	ips := []netip.Addr{f.address}
	if u, err := url.Parse(a.disk.PeerURL); err == nil {
		if listed, err := netip.ParseAddr(u.Hostname()); err == nil {
			ips = append(ips, listed)
		}
	}
	// A board whose address was given does not look for others.
	if !a.config.Address.IsValid() || !f.address.IsLoopback() {
		if view, err := discovery.ReadView(); err == nil {
			ips = append(ips, view.Addresses()...)
		}
	}
	slices.SortFunc(ips, netip.Addr.Compare)
	return slices.Compact(ips)
}
