// Package containers makes boards with a real systemd as their PID 1: each is a container of systemd-nspawn on an
// overlay over a Debian root file system, on the network of a lab of package boards. What a package, a unit and a
// maintainer script do is what they do on a machine.
//
// It needs root and the programs in Needed; a root file system is made once per machine and Debian release, from
// Debian's archive. Boards of several releases may be in one fleet. They share the host's kernel and clock, which they
// cannot set. Limits of memory and processor are those of the host's cgroups: where it has none of v2, what a unit says
// of them is not enforced. A power cut loses no byte that was written, because the page cache is the host's.
//
// The boards belong to the process that made them and end with it, however it ends.
package containers
