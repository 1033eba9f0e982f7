#!/bin/bash
# usage: board.sh NAME KUBERNETES CONTAINERD RUNC CNI LIBRARIES
# Makes of a machine with systemd what a board's image brings: kubeadm and the kubelet (from the folder KUBERNETES) with their
# unit, containerd (a folder too) with the program RUNC and the plugins in CNI, sshd with its keys from /srv. Nothing of a
# cluster.
set -eu
PATH=/usr/local/bin:$PATH
name=$1 kubernetes=$2 containerd=$3 runc=$4 cni=$5 libraries=$6

hostname "$name"
echo "$name" >/etc/hostname
printf '127.0.0.1 localhost\n127.0.1.1 %s\n' "$name" >/etc/hosts
echo 1 >/proc/sys/net/ipv4/ip_forward

# The kubelet wants these to be so and otherwise sets them, for the whole machine that the lab runs on: it gets files where they
# are so already.
mkdir -p /run/tunables
while read -r tunable value; do
  file=/run/tunables/${tunable//\//-}
  echo "$value" >"$file"
  mount --bind "$file" "/proc/sys/$tunable"
done <<'LIST'
vm/overcommit_memory 1
vm/panic_on_oom 0
kernel/panic 10
kernel/panic_on_oops 1
kernel/keys/root_maxkeys 1000000
kernel/keys/root_maxbytes 25000000
LIST
# systemd asks for these two as one hierarchy, and goes without where they are two.
if [ ! -e /sys/fs/cgroup/cgroup.controllers ]; then
  mount -o remount,rw /sys/fs/cgroup
  for controller in cpu cpuacct; do
    folder=/sys/fs/cgroup/$controller
    [ -e "$folder/cgroup.procs" ] && continue
    rm -f "$folder"
    mkdir -p "$folder"
    mount -t cgroup -o "$controller" cgroup "$folder"
  done
fi
# It reads there whether the kernel killed somebody.
mknod /dev/kmsg c 1 11

for program in kubeadm kubelet; do ln -s "$kubernetes/$program" "/usr/local/bin/$program"; done
for program in containerd containerd-shim-runc-v2 ctr; do ln -s "$containerd/$program" "/usr/local/bin/$program"; done
ln -s "$runc" /usr/local/bin/runc

# An overlay does not lie on an overlay: containers get a disk of their own.
mkdir -p /var/lib/containerd
mount -t tmpfs -o size=512m,mode=0711 containers /var/lib/containerd

mkdir -p /etc/containerd /etc/cni/net.d /etc/kubernetes/manifests
cat >/etc/containerd/config.toml <<CONF
version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "bramble.invalid/busybox:lab"
  # The machine that the lab runs on may not let anybody have a better score than it has itself.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "$cni"
    conf_dir = "/etc/cni/net.d"
CONF
cat >/etc/cni/net.d/10-lab.conflist <<'CONF'
{
  "cniVersion": "1.0.0",
  "name": "lab",
  "plugins": [
    {
      "type": "bridge",
      "bridge": "cni0",
      "isGateway": true,
      "ipam": { "type": "host-local", "ranges": [[{ "subnet": "10.42.0.0/24" }]] }
    }
  ]
}
CONF
cat >/etc/systemd/system/containerd.service <<CONF
[Service]
Type=notify
ExecStart=/usr/local/bin/containerd
Environment=PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LD_LIBRARY_PATH=$libraries
Delegate=yes
KillMode=process
CONF
# As the unit and its drop-in of the packages of Kubernetes: until the join it has no configuration, and dies.
cat >/etc/systemd/system/kubelet.service <<'CONF'
[Unit]
Wants=containerd.service
After=containerd.service
StartLimitIntervalSec=0
[Service]
Environment="KUBELET_KUBECONFIG_ARGS=--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf --kubeconfig=/etc/kubernetes/kubelet.conf"
Environment="KUBELET_CONFIG_ARGS=--config=/var/lib/kubelet/config.yaml"
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
ExecStart=/usr/local/bin/kubelet $KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS $KUBELET_KUBEADM_ARGS
Restart=always
RestartSec=1
[Install]
WantedBy=lab.target
CONF

# bash would run what the machine's owner has there before each command that comes over SSH.
rm -f /root/.bashrc
mkdir -p /run/sshd /root/.ssh
install -m 600 /srv/host_key /run/host_key
install -m 600 /srv/authorized_keys /root/.ssh/authorized_keys
cat >/etc/systemd/system/sshd-lab.service <<'CONF'
[Service]
ExecStart=/usr/sbin/sshd -D -e -f /dev/null -o HostKey=/run/host_key -o UsePAM=no -o PasswordAuthentication=no \
  -o StrictModes=no -o PidFile=none -o SetEnv=PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
KillMode=process
CONF
systemctl daemon-reload
systemctl enable --quiet kubelet
systemctl start containerd sshd-lab

# The one image of the lab, for the pause container of each Pod and for what runs in it: nothing is pulled from anywhere.
image=/run/image
mkdir -p "$image/root/bin"
cp "$(command -v busybox)" "$image/root/bin/busybox"
ln -s busybox "$image/root/bin/sh"
tar -C "$image/root" -cf "$image/layer.tar" .
digest=$(sha256sum "$image/layer.tar" | cut -d' ' -f1)
arch=$(dpkg --print-architecture)
cat >"$image/config.json" <<CONF
{"architecture":"$arch","os":"linux","config":{"Entrypoint":["/bin/busybox"],"Cmd":["sleep","2147483647"]},
"rootfs":{"type":"layers","diff_ids":["sha256:$digest"]}}
CONF
echo '[{"Config":"config.json","RepoTags":["bramble.invalid/busybox:lab"],"Layers":["layer.tar"]}]' >"$image/manifest.json"
tar -C "$image" -cf "$image/image.tar" manifest.json config.json layer.tar
ctr --namespace k8s.io images import --no-unpack "$image/image.tar" >/dev/null
rm -r "$image"
