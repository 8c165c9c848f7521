// Package etcd contains etcd: the server as a child process, its settings, its
// data directory seen from outside, a client for the membership, and etcdctl.
// No other package of this module imports anything of etcd.
//
// The server is go.etcd.io/etcd/server/v3/embed. It runs in a process of its
// own because it ends its process on several faults (a damaged database, a lost
// tail of the log, a full disk), from goroutines that the embedder does not own,
// and because a server that is wedged can neither be closed nor started again.
// The parent feeds the child with a [Config] on standard input and keeps that
// pipe open: its end means that the parent is gone. The child answers with
// events on standard output and with log lines on standard error, and ends
// with an exit code that tells how it died, see [ExitKind].
//
// IDs are lower-case hexadecimal without padding everywhere, as etcdctl prints
// them; [muster/bootstrap.FormatID] makes one from a number.
package etcd
