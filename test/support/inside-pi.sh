#!/bin/bash
# usage: inside-pi.sh NAME NETNS COMMAND [ARGUMENT...]
# Runs COMMAND like on a machine of its own: host name NAME, the network of NETNS, and private /etc, /var (overlays: reads
# fall through, writes stay here and vanish with it), /run and /mnt. DHCP clients, avahi and sshd write to all of these.
# The process keeps its id, so whoever started it can kill it by that.
set -eu
name=$1 netns=$2
shift 2
# Variables are for the inner shell.
# shellcheck disable=SC2016
exec ip netns exec "$netns" unshare -m -u --propagation private bash -euc '
  hostname "$0"
  mount -t tmpfs -o size=64m,mode=0755 private /mnt
  for dir in etc var; do
    mkdir "/mnt/$dir.upper" "/mnt/$dir.work"
    mount -t overlay overlay -o "lowerdir=/$dir,upperdir=/mnt/$dir.upper,workdir=/mnt/$dir.work" "/$dir"
  done
  # ip netns exec and containers mount a file over it
  umount /etc/resolv.conf 2>/dev/null || true
  mount -t tmpfs -o mode=0755 private /run
  mkdir -p /run/lock /run/sshd /run/dhcpcd
  echo "$0" >/etc/hostname
  exec "$@"' "$name" "$@"
