#!/bin/sh
# kernel.sh DIR: Debian's arm64 kernel as DIR/vmlinuz and a small DIR/initrd: busybox and the modules for the machine
# that qemu makes. The host's apt and dpkg take no notice.
set -eu
mkdir -p "$1"
D=$(readlink -f "$1")
W=$D/work
mkdir -p "$W/lists/partial" "$W/cache/archives/partial" "$W/initrd/bin" "$W/initrd/proc" "$W/initrd/sys" "$W/initrd/dev" "$W/initrd/root" "$W/initrd/mod"
: >"$W/status"
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian bookworm main" >"$W/sources.list"
apt="-q -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o Dir::State::Lists=$W/lists -o Dir::State::status=$W/status
  -o Dir::Cache=$W/cache -o Dir::Etc::SourceList=$W/sources.list -o Dir::Etc::SourceParts=/dev/null -o APT::Sandbox::User=root"
apt-get $apt update
package=$(apt-cache $apt depends linux-image-cloud-arm64 | awk '/Depends:/ {print $2; exit}')
cd "$W"
apt-get $apt download "$package" busybox-static
dpkg-deb -x linux-image-*.deb kernel
dpkg-deb -x busybox-static_*.deb busybox
version=$(ls kernel/lib/modules)
depmod -b kernel "$version"
cp "kernel/boot/vmlinuz-$version" "$D/vmlinuz"
cp busybox/bin/busybox initrd/bin/busybox
# vfat is for the boot partition; ext4 is built in.
for m in virtio_pci virtio_blk virtio_net virtio_rng virtio_console vfat nls_cp437 nls_ascii; do
  modprobe -d kernel -S "$version" --show-depends "$m" | awk '$1 == "insmod" {print $2}'
done | awk '!seen[$0]++' | while read -r file; do
  cp "$file" initrd/mod/
  basename "$file" >>initrd/mod/order
done
cat >initrd/init <<'I'
#!/bin/busybox sh
b=/bin/busybox
$b mount -t proc proc /proc; $b mount -t sysfs sys /sys; $b mount -t devtmpfs dev /dev
while read m; do $b insmod /mod/$m; done </mod/order
n=0; while [ ! -b /dev/vda ] && [ $n -lt 200 ]; do $b usleep 50000; n=$((n+1)); done
$b mount -t ext4 /dev/vda /root
$b mount --move /dev /root/dev; $b umount /proc /sys
exec $b switch_root /root /sbin/init
I
chmod +x initrd/init
(cd initrd && find . | cpio -o -H newc --quiet | gzip -1) >"$D/initrd"
cd /
rm -rf "$W"
