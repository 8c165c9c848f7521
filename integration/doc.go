// Package integration runs the built agent on boards made of network namespaces (package boards) and looks at it
// from outside, as an owner does: the command line, the JSON of `agent status`, the stock etcdctl, a client. What is
// awaited is asked at the agent's socket, which costs less than a process each time.
//
// Each test bears the name of the row of the design table that it shows. The tests need root; without it, or where
// no namespaces can be made, they are skipped with the reason, unless MUSTER_REQUIRE_BOARDS is set.
//
// Through most scenarios of a board's later life a client writes all the time (writer); an acknowledged write that is
// missing at the end fails the test, and `member list` by stock etcdctl is what is compared. MUSTER_LONG turns on the
// variants that take minutes.
//
// Two things measure and judge nothing: BenchmarkFound (make bench-found) and TestSize (make size), both next to
// upstream's etcd, which this module can build too.
//
// The agent and etcdctl are built once per run from this module. MUSTER_AGENT names a binary to be tested instead.
package integration
