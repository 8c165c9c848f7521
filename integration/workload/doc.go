// Package workload is a client that writes all the time and remembers what became of every put, so that a test can say
// what an event in a cluster's life costs those who use it. What may fail and for how long is for the test to judge.
package workload
