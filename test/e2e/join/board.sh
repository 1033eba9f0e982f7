#!/bin/sh
# board.sh FOLDER PROGRAM...: PROGRAM on a disk of its own, as the first process of a board. In mounts and processes of its own.
set -eu
own=$1; shift
mount -t tmpfs board "$own/disk"
for directory in etc var usr/local; do
  name=$(echo "$directory" | tr / -)
  mkdir "$own/disk/$name" "$own/disk/$name.work"
  mount -t overlay board -o "lowerdir=/$directory,upperdir=$own/disk/$name,workdir=$own/disk/$name.work" "/$directory"
done
# A login shell's own files would add to PATH.
mount -t tmpfs board /root
mount -t tmpfs board /run
mkdir /run/sshd
printf 'memory 0 1 1\n' > /run/cgroups
mount --bind /run/cgroups /proc/cgroups
rm -rf /etc/kubernetes /etc/rancher /var/lib/kubelet /var/lib/rancher /usr/local/bin/k3s /etc/ssh/ssh_host_*
cp "$own/host-key" /etc/ssh/ssh_host_ed25519_key
chmod 600 /etc/ssh/ssh_host_ed25519_key
exec "$@"
