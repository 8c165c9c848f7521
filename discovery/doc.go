// Package discovery answers three questions about the neighbourhood of a board:
// who else is there (gossip by memberlist, seeds, beacons by mDNS), which address
// is ours (netlink), and which hardware this is.
//
// Nothing here decides anything. Gossip is a rumour: a board that is seen alive
// may be gone, one that is not seen may live behind a broken cable. Callers rest
// no destructive act on it.
package discovery
