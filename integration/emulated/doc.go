// Package emulated makes arm64 machines out of qemu: Debian's own arm64 kernel and systemd, 512 MB of memory, a disk
// whose unsynced writes are lost in a power cut, a FAT boot partition, and a clock that need not be right. Where
// package boards shows how the agent behaves on a network, this one shows that the package an owner installs works on
// the kind of machine he has.
//
// Each machine hangs on one board of a boards.Lab, which is its power supply and its cable: what cuts, splits or
// unplugs the board does it to the machine. Commands reach it by qemu's guest agent, without any network.
//
// The system is made by mmdebstrap, qemu-user and apt from Debian's mirror when it is needed first (some two minutes)
// and kept in CacheDir. Nothing on the host is changed: its dpkg and apt do not see the other architecture, and arm64
// programs can be executed only in the user namespace that Emulate makes.
package emulated

// CacheDir keeps what was made from Debian's packages, some 200 MB. It can be removed at any time.
const CacheDir = "/var/cache/muster-tests/arm64"

// NeededToEmulate lists the programs that Emulate cannot do without, and the Debian package that brings each.
func NeededToEmulate() map[string]string {
	return map[string]string{"qemu-aarch64-static": "qemu-user-static", "mount": "mount"}
}

// Needed lists what machines need besides.
func Needed() map[string]string {
	return map[string]string{
		"qemu-system-aarch64": "qemu-system-arm", "qemu-img": "qemu-utils", "mkfs.vfat": "dosfstools", "mcopy": "mtools",
		"mmdebstrap": "mmdebstrap", "fakeroot": "fakeroot", "arch-test": "arch-test", "cpio": "cpio", "modprobe": "kmod",
		"mke2fs": "e2fsprogs", "apt-get": "apt", "dpkg-deb": "dpkg",
	}
}
