#!/bin/sh
# base.sh ROOT.TAR: the core of an arm64 Debian system, unpacked and configured by native tools: with emulated ones it
# takes four minutes. Maintainer scripts run on this machine here, with DPKG_ROOT; one that forgets it can do no harm,
# because fakeroot and all below it run as nobody.
set -eu
fakeroot mmdebstrap --quiet --mode=chrootless --skip=check/qemu --arch=arm64 --variant=custom \
  --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr \
  --include='?essential' --include=usr-is-merged,apt,systemd-sysv,systemd,iproute2,procps,kmod \
  bookworm "$1"
