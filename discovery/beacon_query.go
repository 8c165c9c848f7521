package discovery

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/miekg/dns"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// The client of hashicorp/mdns v1.0.7 joins the multicast group on "the default
// interface" (client.go, newClient), which fails without a default route, so on
// just the lonely switch where beacons matter most; it also goes on writing to the
// entries that it has handed out. Asking takes one socket: by RFC 6762, section
// 6.7, a question from another port than 5353 is answered to that port directly.

const (
	beaconName    = beaconService + ".local."
	maxAnswers    = 1024 // datagrams read per query
	maxAnswerSize = 9000 // RFC 6762, section 17
)

type beaconAnswer struct {
	Sighting
	port int
}

// query asks once on each IP version that the interface has.
func (b *beacons) query(ctx context.Context, ifi *net.Interface, v4, v6 bool) error {
	var wg sync.WaitGroup
	errs := [2]error{errors.New("no address on the interface"), errors.New("no address on the interface")}
	for i, on := range []bool{v4, v6} {
		if on {
			wg.Go(func() { errs[i] = b.queryVersion(ctx, ifi, i == 1) })
		}
	}
	wg.Wait()
	if errs[0] != nil && errs[1] != nil && ctx.Err() == nil {
		return fmt.Errorf("ask for beacons: IPv4: %w; IPv6: %w", errs[0], errs[1])
	}
	return nil
}

func (b *beacons) queryVersion(ctx context.Context, ifi *net.Interface, six bool) error {
	conn, to, err := b.openQuery(ifi, six)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetReadDeadline(time.Now().Add(queryTime)); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	question := new(dns.Msg)
	question.SetQuestion(beaconName, dns.TypePTR)
	question.RecursionDesired = false
	out, err := question.Pack()
	if err != nil {
		return err
	}
	if _, err := conn.WriteToUDP(out, to); err != nil {
		return err
	}
	buffer := make([]byte, maxAnswerSize)
	for range maxAnswers {
		if ctx.Err() != nil {
			return nil
		}
		n, _, err := conn.ReadFromUDP(buffer)
		if isTimeout(err) {
			return nil
		}
		if err != nil {
			return err
		}
		m := new(dns.Msg)
		if m.Unpack(buffer[:n]) != nil || !m.Response {
			continue
		}
		for _, a := range readBeacons(m, b.now()) {
			b.note(a.Sighting, a.port)
		}
	}
	return nil
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

func (b *beacons) openQuery(ifi *net.Interface, six bool) (*net.UDPConn, *net.UDPAddr, error) {
	network, group := "udp4", "224.0.0.251"
	if six {
		network, group = "udp6", "ff02::fb"
	}
	from := &net.UDPAddr{}
	if a := b.config.Address; a.Is6() == six {
		from.IP = a.AsSlice()
	}
	conn, err := net.ListenUDP(network, from)
	if err != nil {
		return nil, nil, err
	}
	if six {
		err = ipv6.NewPacketConn(conn).SetMulticastInterface(ifi)
	} else {
		err = ipv4.NewPacketConn(conn).SetMulticastInterface(ifi)
	}
	if err != nil {
		return nil, nil, errors.Join(err, conn.Close())
	}
	to := &net.UDPAddr{IP: net.ParseIP(group), Port: 5353}
	if six {
		to.Zone = ifi.Name
	}
	return conn, to, nil
}

// readBeacons takes the boards out of an answer; all of it is anybody's word.
func readBeacons(m *dns.Msg, now time.Time) []beaconAnswer {
	hosts := make(map[string]netip.Addr)
	texts := make(map[string]map[string]string)
	var services []*dns.SRV
	for _, rr := range append(m.Answer, m.Extra...) {
		name := rr.Header().Name
		switch rr := rr.(type) {
		case *dns.A:
			if a, ok := netip.AddrFromSlice(rr.A); ok {
				hosts[name] = a.Unmap()
			}
		case *dns.AAAA:
			if a, ok := netip.AddrFromSlice(rr.AAAA); ok && !hosts[name].Is4() {
				hosts[name] = a.Unmap()
			}
		case *dns.TXT:
			texts[name] = textFields(rr.Txt)
		case *dns.SRV:
			services = append(services, rr)
		}
	}
	var out []beaconAnswer
	for _, s := range services {
		board, ok := strings.CutSuffix(s.Hdr.Name, "."+beaconName)
		text, address := texts[s.Hdr.Name], hosts[s.Target]
		port, err := strconv.Atoi(text["p"])
		if !ok || !isBoardID(board) || err != nil || port < 1 || port > 65535 ||
			text["v"] != beaconVersion || !plausible(address) {
			continue
		}
		out = append(out, beaconAnswer{port: port, Sighting: Sighting{
			Cluster: text["c"], Fingerprint: text["f"], Board: board, Name: text["n"], Address: address, Seen: now,
		}})
	}
	return out
}

// textFields reads "key=value" strings. dns.TXT escapes what is not printable as
// \DDD, which is left as it is: names of boards are for reading only.
func textFields(fields []string) map[string]string {
	out := make(map[string]string)
	for _, f := range fields {
		key, value, _ := strings.Cut(f, "=")
		out[key] = printable(value, maxBeaconField)
	}
	return out
}
