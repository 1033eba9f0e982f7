#!/bin/sh
# Makes the root of a Debian 12 for arm64 on a machine of another kind. The packages' own scripts are run by qemu's user mode
# emulation, whose registration with the kernel (binfmt_misc) is seen in a user namespace of this run only and is gone with it.
# usage: arm64-root.sh ROOT ARCHIVE QEMU DEBOOTSTRAP DEBS
#   ROOT          the folder to make
#   ARCHIVE       address of the Debian archive
#   QEMU          qemu-aarch64-static
#   DEBOOTSTRAP   its package, unpacked
#   DEBS          folder with the packages of kernel and firmware, which are unpacked and not installed
set -eu
if [ "$1" != --inside ]; then
  # All users are mapped, since the root's files belong to many; the map can only be written from outside.
  go=$(mktemp -d); mkfifo "$go/go"
  trap 'rm -r "$go"' EXIT
  unshare --user --mount --pid --fork --kill-child --propagation private sh -c 'read -r word <"$1"; shift; exec sh "$@"' sh \
    "$go/go" "$0" --inside "$@" &
  inside=$!
  until [ "$(readlink "/proc/$inside/ns/user")" != "$(readlink /proc/self/ns/user)" ]; do sleep 0.05; done
  for map in uid gid; do echo '0 0 4294967295' >"/proc/$inside/${map}_map"; done
  echo go >"$go/go"
  wait "$inside"
  exit
fi
root=$2 archive=$3 qemu=$4 debootstrap=$5 debs=$6
here=$(dirname "$0")
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8 PATH=/usr/sbin:/usr/bin:/sbin:/bin

# --- Programs of arm64 run here (ELF, 64 bit, EM_AARCH64); F: the emulator is opened now, the root needs no copy of it.
mount -t tmpfs register /mnt
mkdir /mnt/binfmt
mount -t binfmt_misc binfmt /mnt/binfmt
magic='\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00'
mask='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'
printf %s ":bramble-arm64:M::$magic:$mask:$qemu:OCF" >/mnt/binfmt/register

# --- The packages: unpacked by this machine's own dpkg, since emulated it would take ten times as long; only what belongs to
# the packages themselves, their scripts, runs emulated.
packages=systemd,systemd-sysv,udev,dbus,kmod,iproute2,iputils-ping,openssh-server,cloud-init,netplan.io,avahi-daemon,openssl
# The resolver of debootstrap does not see what is provided by another name: cffi, for cloud-init.
packages=$packages,python3-cffi-backend,sudo,tzdata,initramfs-tools,busybox,zstd,fdisk,cloud-guest-utils
container=lxc DEBOOTSTRAP_DIR=$debootstrap/usr/share/debootstrap "$debootstrap/usr/sbin/debootstrap" \
  --arch=arm64 --foreign --variant=minbase --components=main --include="$packages" bookworm "$root" "$archive"
mount -t proc proc "$root/proc"
# Not world-writable: in such a folder nobody opens what another user owns (fs.protected_regular).
mount -t tmpfs -o mode=755 devices "$root/dev"
# In a namespace no device node can be made; these are the machine's.
for node in null zero full random urandom tty; do
  : >"$root/dev/$node"
  mount --bind "/dev/$node" "$root/dev/$node"
done
ln -s /proc/self/fd "$root/dev/fd"
printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
chmod 755 "$root/usr/sbin/policy-rc.d"
touch "$root/var/lib/dpkg/status" "$root/var/lib/dpkg/available"
mkdir -p "$root/var/lib/dpkg/info" "$root/var/lib/dpkg/updates"
dpkg --root="$root" --force-all --no-triggers --unpack "$root"/var/cache/apt/archives/*.deb
for first in base-passwd base-files libc6 perl-base mawk dpkg debconf; do
  chroot "$root" dpkg --force-depends --no-triggers --configure "$first"
done
chroot "$root" dpkg --force-confold --configure -a
rm "$root/usr/sbin/policy-rc.d"
# Not dpkg-deb --extract, which would put a folder in the place of the link that /lib is.
for package in "$debs"/linux-image-*-cloud-arm64_*.deb; do
  dpkg-deb --fsys-tarfile "$package" | tar --extract --keep-directory-symlink --directory "$root"
done

# --- The kernel with the few modules that a virtual machine needs.
abi=$(basename "$root"/lib/modules/*)
modules=$root/lib/modules/$abi
for kept in virtio block/virtio_blk.ko net/virtio_net.ko net/net_failover.ko char/hw_random; do
  mkdir -p "$root/kept/drivers/$(dirname "$kept")"
  mv "$modules/kernel/drivers/$kept" "$root/kept/drivers/$kept"
done
for kept in net/core/failover.ko fs/fat fs/nls; do
  mkdir -p "$root/kept/$(dirname "$kept")"
  mv "$modules/kernel/$kept" "$root/kept/$kept"
done
rm -r "$modules/kernel"
mv "$root/kept" "$modules/kernel"
chroot "$root" depmod "$abi"

# --- As Raspberry Pi OS has it; before the initramfs is made, which names the network interfaces too.
cp -R "$here/arm64-root/." "$root/"
echo raspberrypi >"$root/etc/hostname"
printf '127.0.0.1\tlocalhost\n127.0.1.1\traspberrypi\n' >"$root/etc/hosts"
: >"$root/etc/machine-id"
ln -sf /dev/null "$root/etc/systemd/network/99-default.link"
rm -f "$root"/etc/ssh/ssh_host_*
mkdir -p "$root/boot/firmware" "$root/var/lib/cloud/seed"
# Where this cloud-init looks for all four files; the newer one of Raspberry Pi OS takes them from the boot partition itself.
ln -s /boot/firmware "$root/var/lib/cloud/seed/nocloud"
chroot "$root" systemctl --quiet disable ssh.service
chroot "$root" systemctl --quiet enable systemd-networkd.service
chroot "$root" systemctl --quiet mask apt-daily.timer apt-daily-upgrade.timer man-db.timer e2scrub_all.timer fstrim.timer \
  dpkg-db-backup.timer e2scrub_reap.service

# As a list: whatever this kernel has would make it ten times as large.
sed -i 's/^MODULES=.*/MODULES=list/' "$root/etc/initramfs-tools/initramfs.conf"
printf '%s\n' virtio_pci virtio_blk virtio_net vfat >>"$root/etc/initramfs-tools/modules"
chroot "$root" mkinitramfs -o "/boot/initrd.img-$abi" "$abi"

umount "$root/proc"
umount -R "$root/dev"
cd "$root"
rm -rf var/lib/apt/lists/* var/cache/apt/* var/log/* debootstrap usr/share/doc usr/share/man usr/share/info usr/share/locale \
  usr/share/i18n usr/share/lintian usr/share/bash-completion usr/share/common-licenses usr/share/zsh
