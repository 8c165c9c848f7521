// Package agent is the daemon of one board: it observes, folds, decides and
// acts, and it is the only package that knows all the others.
//
//	facts := observe()               bounded reads; what failed stays unknown
//	state  = bootstrap.Fold(state, facts)
//	action := bootstrap.Decide(state)
//	act(action)                      one effect, idempotent, intent on disk first
//
// Gossip, the kernel's address events, the etcd child and founding messages
// only wake the loop; they never act by themselves. Everything that takes time
// (reading the member list, waiting at the start barrier, sending a message)
// runs beside the loop and comes back as a fact.
package agent
