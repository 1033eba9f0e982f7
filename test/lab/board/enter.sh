#!/bin/bash
# One power-on of a virtual board: its own mounts, host name and processes in the network namespace of its cable.
# usage: enter.sh NETNS NAME STATE REPOSITORY NODE CACHE PROGRAM [ARGUMENT...]
#   STATE       what survives a power cycle: the disk (disk.img) and the changes to its root file system (os/)
#   CACHE       compiled JavaScript, shared by all boards of a run
#   PROGRAM     relative to REPOSITORY; run with NODE
# Killing this process switches the board off: everything it started dies with it.
set -eu
if [ "$1" != --inside ]; then
  netns=$1; shift
  # Goes with whoever switched it on, also when that one is killed.
  exec setpriv --pdeathsig KILL ip netns exec "$netns" unshare --mount --uts --pid --fork --kill-child=SIGKILL --mount-proc \
    --propagation private bash "$0" --inside "$@"
fi
shift
name=$1 state=$2 repository=$3 node=$4 cache=$5; shift 5
hostname "$name"
mkdir -p "$state/os"
# Before anything is hidden below: the lab's own directories may lie under /tmp, /var or /root.
mount -t tmpfs board /mnt
mkdir /mnt/board /mnt/bramble /mnt/cache
touch /mnt/node
mount --bind "$state" /mnt/board
mount --bind "$repository" /mnt/bramble
mount --bind "$node" /mnt/node
mkdir -p "$cache"
mount --bind "$cache" /mnt/cache
for directory in etc var; do
  mkdir -p "/mnt/board/os/$directory" "/mnt/board/os/.$directory"
  mount -t overlay board -o "lowerdir=/$directory,upperdir=/mnt/board/os/$directory,workdir=/mnt/board/os/.$directory" "/$directory"
done
for directory in root home; do
  mkdir -p "/mnt/board/os/$directory"
  mount --bind "/mnt/board/os/$directory" "/$directory"
done
umount /etc/resolv.conf 2>/dev/null || true
mount -t tmpfs board /run
mount -t tmpfs board /tmp
chmod 1777 /tmp
# The kubelet stand-in keeps what it compiled there: once for all boards.
mkdir -p /run/sshd /run/lock /run/board /tmp/kubeadm-stand-in-0 /mnt/cache/kubelet
mount --bind /mnt/cache/kubelet /tmp/kubeadm-stand-in-0
cd /
export NODE_COMPILE_CACHE=/mnt/cache/board NODE_COMPILE_CACHE_PORTABLE=1 HOME=/root PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
program=$1; shift
# Not exec: this shell is process 1 here and takes in orphans.
/mnt/node --disable-warning=ExperimentalWarning "/mnt/bramble/$program" "$@"
exit $?
