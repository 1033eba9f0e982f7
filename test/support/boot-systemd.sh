#!/bin/bash
# usage: boot-systemd.sh NETNS FOLDER SHARED CGROUP...
# systemd as process 1 of a machine of its own: this machine's system under a layer that is thrown away (FOLDER holds it), the
# network of NETNS, private /dev, /run and /tmp, SHARED as /srv, each CGROUP as the root of its hierarchy. Nothing but journal,
# dbus and what a test starts runs there; nsenter(1) with the id of its only child gets in.
# Goes away with SIGKILL to this process; the cgroups, empty by then, have to be removed.
set -eu
netns=$1 folder=$2 shared=$3
shift 3
for cgroup in "$@"; do
  mkdir -p "$cgroup"
  # Nothing may enter a new cpuset before it has a processor and memory.
  for file in cpuset.cpus cpuset.mems; do
    if [ -e "$cgroup/../$file" ]; then cat "$cgroup/../$file" >"$cgroup/$file"; fi
  done
  echo $$ >"$cgroup/cgroup.procs"
done
# Variables are for the inner shell.
# shellcheck disable=SC2016
exec ip netns exec "$netns" unshare --mount --uts --ipc --pid --cgroup --fork --kill-child --propagation private bash -euc '
  root=$0/root
  mount -t tmpfs -o size=1g,mode=0755 private "$0"
  mkdir "$0/upper" "$0/work" "$root"
  mount -t overlay overlay -o "lowerdir=/,upperdir=$0/upper,workdir=$0/work" "$root"
  mount -t proc proc "$root/proc"
  mount -t sysfs -o ro sysfs "$root/sys"
  if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
    mount -t cgroup2 cgroup2 "$root/sys/fs/cgroup"
  else
    mount -t tmpfs -o mode=0755 private "$root/sys/fs/cgroup"
    mkdir "$root/sys/fs/cgroup/systemd"
    mount -t cgroup -o none,name=systemd cgroup "$root/sys/fs/cgroup/systemd"
  fi
  mount -t tmpfs -o mode=0755 private "$root/run"
  mount -t tmpfs private "$root/tmp"
  mount -t tmpfs -o mode=0755 private "$root/dev"
  for node in null zero full random urandom tty ptmx; do
    touch "$root/dev/$node"
    mount --bind "/dev/$node" "$root/dev/$node"
  done
  mount --bind "$1" "$root/srv"
  umount "$root/etc/resolv.conf" 2>/dev/null || true
  rm -f "$root/usr/sbin/policy-rc.d"
  units=$root/etc/systemd/system
  rm -rf "$units"
  mkdir "$units"
  printf "[Unit]\nRequires=basic.target\nAfter=basic.target\n" >"$units/lab.target"
  for unit in systemd-udevd.service systemd-udev-trigger.service systemd-modules-load.service systemd-sysctl.service \
    systemd-remount-fs.service systemd-timesyncd.service systemd-networkd.service; do
    ln -s /dev/null "$units/$unit"
  done
  mkdir "$root/mnt/old"
  cd "$root"
  pivot_root . mnt/old
  umount -l /mnt/old
  exec env -i container=lab PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd --unit=lab.target --log-target=journal
' "$folder" "$shared"
