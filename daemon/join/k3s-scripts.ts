/** What the k3s driver has a board's shell do: POSIX sh, the commands of busybox. Each prints its finding in a word. */
import { k3sPaths } from './k3s-config.ts';

const agent = '/var/lib/rancher/k3s/agent';
/** Written in this order; with them the agent needs its token no more (k3s `pkg/agent/config/config.go`). */
const [certificate, kubeconfig] = [`${agent}/client-kubelet.crt`, `${agent}/kubelet.kubeconfig`];

/** The state of `BoardState`. */
export const probeScript = `[ -x ${k3sPaths.binary} ] || { echo absent; exit; }
[ -s ${k3sPaths.config} ] && [ -s ${k3sPaths.unit} ] && [ -s ${certificate} ] && [ -s ${kubeconfig} ] && { echo joined; exit; }
for left in ${k3sPaths.config} ${k3sPaths.token} ${k3sPaths.unit} ${agent}/*.crt ${agent}/*.key ${agent}/*.kubeconfig; do
  [ ! -e "$left" ] || { echo partial; exit; }
done
echo clean`;

/**
 * $1 path, $2 length in bytes, $3 SHA-256, $4 mode, $5 URL, or empty to look only. Goes on where an earlier transfer was
 * cut. Prints \`there\`, \`missing\`, or: \`full FREE NEEDED\` (KiB), \`wrong\` (removed), \`cut LENGTH\`, \`nothing\` (no program
 * that could fetch). What k3s imports images from ignores the name of the part.
 */
export const fetchScript = `path=$1 bytes=$2 sha=$3 mode=$4 url=$5
part=$path.$(echo "$sha" | cut -c 1-12).part
size() { if [ -f "$1" ]; then wc -c < "$1"; else echo 0; fi; }
is_it() { [ "$(($(size "$1")))" -eq "$bytes" ] && sum=$(sha256sum "$1") && [ "\${sum%% *}" = "$sha" ]; }
umask 077
if is_it "$path"; then rm -f "$path".*.part "$part.by"; chmod "$mode" "$path" && echo there; exit; fi
[ -n "$url" ] || { echo missing; exit; }
mkdir -p "\${path%/*}" || exit
for old in "$path".*.part; do [ "$old" = "$part" ] || rm -f "$old"; done
# An attempt whose session was cut may still be at it, and two would write over each other.
if read -r shell fetcher < "$part.by"; then
  for pid in $shell $fetcher; do
    tr '\\0' ' ' < "/proc/$pid/cmdline" | grep -qF "$sha" || continue
    kill -9 "$pid"
    for _ in 1 2 3 4 5 6 7 8 9 10; do [ ! -e "/proc/$pid" ] || sleep 1; done
  done
fi 2> /dev/null
have=$(($(size "$part")))
[ "$have" -le "$bytes" ] || { rm -f "$part"; have=0; }
if [ "$have" -lt "$bytes" ]; then
  free=$(df -Pk "\${path%/*}" | { read -r _; read -r _ _ _ free _; echo "$free"; })
  need=$(((bytes - have) / 1024 + 65536))
  [ "$free" -ge "$need" ] || { rm -f "$part"; echo "full $free $need"; exit; }
  unset http_proxy HTTP_PROXY all_proxy ALL_PROXY
  if command -v curl > /dev/null; then set -- curl -q -sS -f --connect-timeout 10 --speed-limit 1024 --speed-time 60
  elif command -v wget > /dev/null; then
    # Quirk: with -T busybox's wget 1.35 of Debian crashes. The time that is given to this script bounds it, too.
    case $(wget --version 2>&1) in *GNU*) set -- wget -q -T 60 -t 1 -O - ;; *) set -- wget -q -O - ;; esac
  elif command -v python3 > /dev/null; then set -- python3 -c 'import shutil, sys, urllib.request
shutil.copyfileobj(urllib.request.urlopen(sys.argv[1], timeout=60), sys.stdout.buffer)'
  else echo nothing; exit; fi
  "$@" "$url?offset=$have" >> "$part" &
  echo $$ $! > "$part.by"
  wait $!
  rm -f "$part.by"
  have=$(($(size "$part")))
  [ "$have" -ge "$bytes" ] || { echo "cut $have"; exit; }
fi
is_it "$part" || { rm -f "$part"; echo wrong; exit; }
# Once it has its name it counts as whole, also after a power cut.
chmod "$mode" "$part" && sync && mv -f "$part" "$path" && echo there`;

/** The name under which \`fetchScript\` looks for what has come so far. */
export const partOf = (path: string, sha256: string): string => `${path}.${sha256.slice(0, 12)}.part`;

/** Prints the journal's place, behind which this start's words are. Does not wait: it would for ever, should the join fail. */
export const startScript = `mark=$(journalctl -u k3s-agent -n 1 --show-cursor -o cat 2> /dev/null | sed -n 's/^-- cursor: //p')
systemctl daemon-reload && systemctl -q enable k3s-agent || exit
systemctl reset-failed k3s-agent 2> /dev/null
systemctl restart --no-block k3s-agent && echo "$mark"`;

/** $1 seconds. Prints \`up\` as soon as the agent has its certificates and says so itself, otherwise \`waiting\`. */
export const waitScript = `i=0
while [ "$i" -lt "$1" ]; do
  [ -s ${certificate} ] && [ -s ${kubeconfig} ] && systemctl -q is-active k3s-agent && { echo up; exit; }
  i=$((i + 1)); sleep 1
done
echo waiting`;

/** $1 the place \`startScript\` printed. */
export const journalScript = `journalctl -u k3s-agent -n 50 --no-pager -o cat \${1:+"--after-cursor=$1"} 2>&1`;

/** The end of a join that failed: the agent would go on asking for ever. */
export const giveUpScript = `rm -f ${k3sPaths.token}
systemctl -q disable k3s-agent
systemctl stop k3s-agent`;

/** \`$own\`: whatever runs one of k3s's own programs; \`$doomed\`: these, and all that descends from them, which are the containers. */
const findDoomed = `own=' '
for exe in /proc/[0-9]*/exe; do
  pid=\${exe#/proc/}; pid=\${pid%/exe}
  case $(readlink "$exe" 2> /dev/null) in /var/lib/rancher/k3s/data/*) own="$own$pid " ;; esac
done
doomed=$own
grown=$doomed
while [ "$grown" != ' ' ] && [ -n "$grown" ]; do
  grown=''
  for stat in /proc/[0-9]*/stat; do
    { read -r line < "$stat"; } 2> /dev/null || continue
    pid=\${line%% *}; line=\${line##*) }; line=\${line#* }; parent=\${line%% *}
    case $doomed in *" $pid "*) ;; *" $parent "*) doomed="$doomed$pid "; grown=yes ;; esac
  done
done`;

/**
 * The agent first, so that it starts nothing anew; it leaves its containers running (facts 7.1). They are asked to end, and have
 * 15 s for it: nothing was drained where the whole cluster goes down, and a database wants to close its files.
 */
export const stopScript = `systemctl stop k3s-agent 2> /dev/null
${findDoomed}
asked=
for pid in $doomed; do case $own in *" $pid "*) ;; *) asked="$asked $pid" ;; esac; done
[ -z "$asked" ] || kill -15 $asked 2> /dev/null
i=0
while [ "$i" -lt 15 ] && [ -n "$asked" ]; do
  left=
  for pid in $asked; do ! kill -0 "$pid" 2> /dev/null || left="$left $pid"; done
  asked=$left
  [ -z "$asked" ] || sleep 1
  i=$((i + 1))
done
${findDoomed}
[ "$doomed" = ' ' ] || kill -9 $doomed 2> /dev/null
sync`;

/**
 * Processes and mounts as k3s's own \`k3s-killall.sh\`, files as its \`k3s-agent-uninstall.sh\`, but for what the next join
 * can use again (binary, images), what is the owner's (registries.yaml, local volumes in k3s/storage) and the node password.
 */
export const leaveScript = `if [ -e ${k3sPaths.unit} ]; then
  systemctl -q disable k3s-agent
  systemctl stop k3s-agent
fi 2> /dev/null
${findDoomed}
[ "$doomed" = ' ' ] || kill -9 $doomed 2> /dev/null
mounted() { while read -r _ place _; do case $place in /run/k3s* | /var/lib/kubelet/* | /run/netns/cni-*) echo "$place" ;; esac; done < /proc/self/mounts; }
mounted | sort -r | while read -r place; do umount "$place" || umount -l "$place"; done 2> /dev/null
# Behind a mount that stays there may be somebody's data.
stays=$(mounted)
[ -z "$stays" ] || { echo "still mounted: $stays" >&2; exit 1; }
if command -v ip > /dev/null; then
  ip -o link show 2> /dev/null | grep -o 'veth[^@:]*@[^:]*: .*master cni0' | while IFS=@ read -r port _; do ip link delete "$port"; done
  for link in cni0 flannel.1 flannel-v6.1 flannel-wg kube-ipvs0; do ip link delete "$link"; done
fi 2> /dev/null
for tables in iptables ip6tables; do
  command -v $tables-save > /dev/null && command -v $tables-restore > /dev/null || continue
  rules=$($tables-save 2> /dev/null | grep -v -e KUBE- -e CNI- -e [Ff]lannel -e FLANNEL) && echo "$rules" | $tables-restore
done
for old in /etc/rancher/k3s/* /etc/rancher/k3s/.[!.]*; do
  case $old in */registries.yaml) ;; *) rm -rf "$old" ;; esac
done
rmdir /etc/rancher/k3s 2> /dev/null
for old in ${agent}/*; do
  case $old in */images) ;; *) rm -rf "$old" ;; esac
done
rm -rf /run/k3s /run/flannel /var/lib/kubelet /var/lib/cni /run/netns/cni-*
for sign in ${k3sPaths.unit} ${k3sPaths.unit}.env /etc/systemd/system/multi-user.target.wants/k3s-agent.service; do rm -f "$sign"; done
systemctl daemon-reload
systemctl reset-failed k3s-agent 2> /dev/null
for left in ${k3sPaths.config} ${k3sPaths.token} ${k3sPaths.unit} ${certificate}; do
  [ ! -e "$left" ] || { echo "still there: $left" >&2; exit 1; }
done`;
