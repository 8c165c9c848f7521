package discovery

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/rs/zerolog"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

const (
	// quietTime is how long the kernel must be silent before a change is believed:
	// an address that moves is first gone and then there.
	quietTime = 300 * time.Millisecond
	// maxUnrest ends the wait for silence on a machine that is never silent.
	maxUnrest = 2 * time.Second
	rereadGap = 30 * time.Second
)

// ReadView asks the kernel by netlink for links, addresses and default routes of
// the main table.
func ReadView() (View, error) {
	var v View
	links, err := netlink.LinkList()
	if err != nil {
		return View{}, fmt.Errorf("list links: %w", err)
	}
	for _, l := range links {
		a := l.Attrs()
		v.Links = append(v.Links, Link{
			Index: a.Index, Name: a.Name, Loopback: a.Flags&net.FlagLoopback != 0,
			Up: a.Flags&net.FlagUp != 0 && a.OperState != netlink.OperDown &&
				a.OperState != netlink.OperLowerLayerDown && a.OperState != netlink.OperNotPresent,
		})
	}
	addrs, err := netlink.AddrList(nil, netlink.FAMILY_ALL)
	if err != nil {
		return View{}, fmt.Errorf("list addresses: %w", err)
	}
	for _, a := range addrs {
		if addr, ok := viewAddr(a); ok {
			v.Addrs = append(v.Addrs, addr)
		}
	}
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		routes, err := netlink.RouteListFiltered(family, &netlink.Route{Table: unix.RT_TABLE_MAIN}, netlink.RT_FILTER_TABLE)
		if err != nil {
			return View{}, fmt.Errorf("list routes: %w", err)
		}
		for _, r := range routes {
			if route, ok := defaultRoute(r, family == netlink.FAMILY_V6); ok {
				v.Defaults = append(v.Defaults, route)
			}
		}
	}
	return v, nil
}

func viewAddr(a netlink.Addr) (Addr, bool) {
	if a.IPNet == nil {
		return Addr{}, false
	}
	ip, ok := netip.AddrFromSlice(a.IP)
	if !ok {
		return Addr{}, false
	}
	ip = ip.Unmap()
	bits, _ := a.Mask.Size()
	six := ip.Is6()
	// IFA_F_SECONDARY and IFA_F_TEMPORARY are one bit (linux/if_addr.h); the family tells which is meant.
	return Addr{
		Link: a.LinkIndex, Prefix: netip.PrefixFrom(ip, bits),
		Secondary:  !six && a.Flags&unix.IFA_F_SECONDARY != 0,
		Temporary:  six && a.Flags&unix.IFA_F_TEMPORARY != 0,
		Deprecated: a.Flags&unix.IFA_F_DEPRECATED != 0,
		Tentative: a.Flags&unix.IFA_F_DADFAILED != 0 ||
			(a.Flags&unix.IFA_F_TENTATIVE != 0 && a.Flags&unix.IFA_F_OPTIMISTIC == 0),
	}, true
}

func defaultRoute(r netlink.Route, six bool) (Route, bool) {
	if r.Dst != nil {
		if ones, _ := r.Dst.Mask.Size(); ones != 0 || !r.Dst.IP.IsUnspecified() {
			return Route{}, false
		}
	}
	if r.Type != unix.RTN_UNICAST || r.Flags&(unix.RTNH_F_DEAD|unix.RTNH_F_LINKDOWN) != 0 {
		return Route{}, false
	}
	out := Route{Link: r.LinkIndex, Metric: r.Priority, V6: six}
	if len(r.MultiPath) > 0 {
		out.Link = r.MultiPath[0].LinkIndex
	}
	if src, ok := netip.AddrFromSlice(r.Src); ok {
		out.Source = src.Unmap()
	}
	return out, true
}

// WatchAddress emits the address to advertise as soon as there is one, and every
// later change. It follows the kernel's own notices; a slow re-read is the net
// below. Losing the address emits nothing: what should be advertised instead is
// not known yet. The channel holds the newest address only, and is closed when ctx
// ends.
func WatchAddress(ctx context.Context, s Selector, log zerolog.Logger) (<-chan netip.Addr, error) {
	out := make(chan netip.Addr, 1)
	if s.Fixed.IsValid() {
		out <- s.Fixed
		go func() {
			defer close(out)
			<-ctx.Done()
		}()
		return out, nil
	}
	socket, err := nl.Subscribe(unix.NETLINK_ROUTE, unix.RTNLGRP_LINK,
		unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV6_IFADDR, unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_IPV6_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("subscribe to address changes by netlink: %w", err)
	}
	events := make(chan struct{}, 1)
	received := make(chan struct{})
	go func() {
		defer close(received)
		receiveEvents(ctx, socket, events)
	}()
	go func() {
		defer close(out)
		w := addressWatch{selector: s, read: ReadView, log: log, out: out}
		w.run(ctx, events)
		socket.Close()
		<-received
	}()
	return out, nil
}

func receiveEvents(ctx context.Context, socket *nl.NetlinkSocket, events chan<- struct{}) {
	for {
		_, _, err := socket.Receive()
		if ctx.Err() != nil {
			return
		}
		// An overrun (ENOBUFS) means that notices were lost: all the more reason to look.
		poke(events)
		if err != nil {
			select {
			case <-ctx.Done():
				return
			case <-time.After(quietTime):
			}
		}
	}
}

// addressWatch turns "something changed" into addresses.
type addressWatch struct {
	selector Selector
	read     func() (View, error)
	log      zerolog.Logger
	out      chan netip.Addr
	current  netip.Addr
	trouble  string
}

func (w *addressWatch) run(ctx context.Context, events <-chan struct{}) {
	for {
		w.look()
		select {
		case <-ctx.Done():
			return
		case <-events:
			settle(ctx, events)
		case <-time.After(rereadGap):
		}
	}
}

// settle returns when there was no event for quietTime.
func settle(ctx context.Context, events <-chan struct{}) {
	limit := time.After(maxUnrest)
	for {
		select {
		case <-ctx.Done():
			return
		case <-limit:
			return
		case <-time.After(quietTime):
			return
		case <-events:
		}
	}
}

func (w *addressWatch) look() {
	v, err := w.read()
	address := netip.Addr{}
	if err == nil {
		address, err = w.selector.Pick(v)
	}
	if err != nil {
		if w.trouble != err.Error() {
			w.trouble = err.Error()
			e := w.log.Warn().Err(err)
			if w.current.IsValid() {
				e = e.Stringer("last", w.current)
			}
			e.Msg("waiting for an address")
		}
		return
	}
	w.trouble = ""
	if address == w.current {
		return
	}
	w.log.Debug().Stringer("address", address).Msg("address found")
	w.current = address
	select {
	case <-w.out: // nobody fetched the one before; it is not true any more
	default:
	}
	w.out <- address
}
