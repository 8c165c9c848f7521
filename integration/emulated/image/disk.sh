#!/bin/sh
# disk.sh ROOT IMAGE: makes ROOT a board's system and packs it. Host name, machine-id and address are not in it: all
# boards boot from the same image and get them from the kernel's command line.
set -eu
R=$1
S=$R/etc/systemd/system
rm -f "$R/etc/hostname"
: >"$R/etc/machine-id"
echo '127.0.0.1 localhost' >"$R/etc/hosts"
printf '/dev/vda / ext4 defaults,noatime 0 1\n/dev/vdb /boot/firmware vfat defaults 0 0\n' >"$R/etc/fstab"
mkdir -p "$R/boot/firmware" "$S/multi-user.target.wants" "$S/sysinit.target.wants" "$S/systemd-udev-trigger.service.d"
ln -sf /lib/systemd/system/systemd-networkd.service "$S/multi-user.target.wants/"
ln -sf /lib/systemd/system/systemd-network-generator.service "$S/sysinit.target.wants/"
# What a board does not need costs the emulated one the most: in particular the coldplug of all its devices.
cat >"$S/systemd-udev-trigger.service.d/lean.conf" <<'C'
[Service]
ExecStart=
ExecStart=-udevadm trigger --type=devices --action=add --sysname-match=vd* --sysname-match=eth* --sysname-match=vport* --sysname-match=ttyAMA*
C
for unit in apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer dpkg-db-backup.timer \
  getty@tty1.service serial-getty@ttyAMA0.service sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount sys-fs-fuse-connections.mount \
  dev-hugepages.mount modprobe@drm.service modprobe@configfs.service modprobe@fuse.service modprobe@efi_pstore.service \
  modprobe@dm_mod.service modprobe@loop.service kmod-static-nodes.service systemd-update-utmp.service \
  systemd-update-utmp-runlevel.service systemd-pstore.service proc-sys-fs-binfmt_misc.automount systemd-modules-load.service; do
  ln -sf /dev/null "$S/$unit"
done
rm -f "$2"
mke2fs -q -t ext4 -d "$R" -E lazy_itable_init=1,lazy_journal_init=1 "$2" 1500M
