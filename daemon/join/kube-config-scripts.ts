/**
 * What is run on a HypriotOS board for Kubernetes on ARM 0.8.0 (facts 1.1; luxas/kubernetes-on-arm 6a28b9e, `kube-config`;
 * kubernetes/kube-deploy e4c1bccc, `docker-multinode`). Its exit codes mean nothing: it ends with 0 where it gave up, and goes
 * on where a step failed. So each script here ends with a look at what is there. Pure.
 */

/** Of release 0.8.0, as the article fetches it. */
const package_ = 'https://github.com/luxas/kubernetes-on-arm/releases/download/v0.8.0/docker-multinode.deb';

/** kubectl is downloaded without a look at the answer's status: what a server says instead is kept, and made executable. */
const complete = `deploy=/etc/kubernetes/kube-deploy
complete() {
  command -v kube-config > /dev/null && [ -s "$deploy/docker-multinode/worker.sh" ] &&
    [ "$(head -c 4 /usr/local/bin/kubectl 2> /dev/null | od -An -tx1 | tr -d ' \\n')" = 7f454c46 ]
}`;

/**
 * $1 the master's address. One word: absent, clean, partial, worker, master, or rising (a master that is enabled, and does not
 * have all of its pods yet). After a boot docker starts the kubelet again, and
 * its Node gets Ready: but not the second docker, which has flannel and on the master etcd in it, and pods reach nobody.
 */
export const probeScript = `${complete}
complete || { echo absent; exit; }
main=$(docker ps --no-trunc --format '{{.Names}} {{.Command}}' 2> /dev/null)
second=$(docker -H unix:///var/run/docker-bootstrap.sock ps --format '{{.Names}}' 2> /dev/null)
runs() { echo "$main" | grep -q "hyperkube $1"; }
beside() { echo "$second" | grep -q "^kube_$1"; }
if [ -z "$second" ] && ! echo "$main" | grep -qE '^(kube_|k8s_)'; then echo clean; exit; fi
case $(echo "$main" | grep 'hyperkube kubelet') in
  *--api-servers=http://localhost:8080*)
    beside flannel && beside etcd || { echo partial; exit; }
    runs apiserver && runs scheduler && runs controller-manager && runs proxy && echo master || echo rising ;;
  *--api-servers="http://$1:8080"*) beside flannel && runs proxy && echo worker || echo partial ;;
  *) echo partial ;;
esac`;

/** BOARD, OS and the five others stand in the environment: one that is missing brings its question back. */
export const installScript = `${complete}
complete && exit 0
if ! command -v kube-config > /dev/null; then
  file=/var/tmp/docker-multinode.deb
  curl -fsSL --retry 3 -o "$file" ${package_} && dpkg -i "$file"
  rm -f "$file"
  command -v kube-config > /dev/null || { echo 'docker-multinode 0.8.0 could not be installed' >&2; exit 1; }
fi
# What was cut off would be taken for the whole, and is not fetched again.
[ -s "$deploy/docker-multinode/worker.sh" ] || rm -rf "$deploy"
kube-config install < /dev/null
complete && exit 0
echo 'kube-deploy or kubectl is not there after kube-config install: does the board reach the internet?' >&2
exit 1`;

/**
 * Makes sure of what the kernel has to be told, which \`kube-config install\` puts after \`console=tty1\` and nowhere else. One word:
 * counts (it does), restart, or vain (it was restarted for this, and does not).
 */
export const kernelScript = `file=/boot/cmdline.txt mark=/var/lib/bramble/restarted-for-cgroups
add=
for flag in cgroup_enable=memory swapaccount=1 cgroup_enable=cpuset; do
  grep -qw -- "$flag" "$file" || add="$add $flag"
done
if [ -n "$add" ]; then
  { head -n 1 "$file" | sed -e "s/[[:space:]]*$/$add/"; tail -n +2 "$file"; } > "$file.new" && sync && mv "$file.new" "$file" && sync
fi
if grep -qw cgroup_enable=memory /proc/cmdline; then rm -f "$mark"; echo counts; exit; fi
boot=$(cat /proc/sys/kernel/random/boot_id)
if [ -s "$mark" ] && [ "$(cat "$mark")" != "$boot" ]; then rm -f "$mark"; echo vain; exit; fi
mkdir -p /var/lib/bramble && echo "$boot" > "$mark" && sync
echo restart`;

/** Stays until the connection, or this shell, goes with the system. */
export const restartScript = `(sleep 1; systemctl reboot || reboot) > /dev/null 2>&1 < /dev/null &
exec sleep 100`;

/** The big part of a first start, where there is time for it. What it comes to shows when the board is enabled. */
export const pullScript = `arch=arm
case $(uname -m) in aarch64* | arm64*) arch=arm64 ;; esac
image=gcr.io/google_containers/hyperkube-$arch:v1.3.6
[ -n "$(docker images -q "$image")" ] || docker pull "$image"`;

/**
 * $1 what is to be done, $2 a master's address. Each of these asks whether /var/lib/kubelet is to be cleaned, and takes no
 * answer for yes: on the master that is where etcd is. One that lost its connection goes on, and the next one waits for it; the
 * docker daemon that it leaves behind must not hold the lock (-o).
 */
export const kubeConfigScript = 'echo n | flock -o -w 120 /run/bramble-kube-config.lock kube-config "$@"';
