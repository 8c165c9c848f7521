#!/bin/sh
# complete.sh ROOT: installs what does not support DPKG_ROOT, by apt inside ROOT. It must run where arm64 programs can
# be executed, in a mount namespace of its own, which takes all mounts with it.
set -eu
R=$1
mount -t proc proc "$R/proc"
mount -t tmpfs dev "$R/dev"
# Only these. With all of /dev bound in, udev's maintainer script changes owner and mode of the host's devices.
for d in null zero full random urandom tty; do
  : >"$R/dev/$d"
  mount --bind "/dev/$d" "$R/dev/$d"
done
cp --remove-destination /etc/resolv.conf "$R/etc/resolv.conf"
printf '#!/bin/sh\nexit 101\n' >"$R/usr/sbin/policy-rc.d"
chmod +x "$R/usr/sbin/policy-rc.d"
export DEBIAN_FRONTEND=noninteractive
chroot "$R" apt-get update -q
chroot "$R" apt-get install -qy --no-install-recommends udev dbus qemu-guest-agent
chroot "$R" apt-get clean
rm -rf "$R/usr/sbin/policy-rc.d" "$R"/var/lib/apt/lists/*
