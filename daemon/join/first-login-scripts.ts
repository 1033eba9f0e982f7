/**
 * What is run on a board that somebody flashed, as root. First our keys, with every way in still open; only once they have
 * let us in are the others closed. Each is done again if it was cut. Pure.
 */
import { placeHostKey } from './place-host-key.ts';

/** The sshd that our session's hangs under reads its files again. One that is started for each connection needs no telling. */
const reload = `pid=$$ listener= sshds=0
while [ "$pid" -gt 0 ]; do
  case $(cat "/proc/$pid/comm") in sshd*) listener=$pid sshds=$((sshds + 1)) ;; esac
  pid=$(sed 's/.*) [A-Za-z] \\([0-9]*\\) .*/\\1/' "/proc/$pid/stat")
done
[ "$sshds" -lt 2 ] || kill -HUP "$listener"`;

/** sshd takes the first value it finds: ours stand on top. One that it would not start with is not put there. */
const configure = `configure() {
  [ -f sshd_config ] || { echo 'there is no /etc/ssh/sshd_config' >&2; return 1; }
  without=
  for line in "$@"; do
    echo "$line"
    without="$without;/^[[:space:]]*\${line%% *}[[:space:]=]/Id"
  done > sshd_config.bramble
  sed -e "$without" sshd_config >> sshd_config.bramble
  chmod 644 sshd_config.bramble
  PATH=$PATH:/usr/sbin:/sbin sshd -t -f sshd_config.bramble || { rm -f sshd_config.bramble; return 1; }
  sync
  mv -f sshd_config.bramble sshd_config
}`;

/** stdin: the private host key. $1 our authorised key, $2 the public host key, $3 the private one's length in bytes. */
export const keysScript = `set -e
umask 077
${configure}
mkdir -p /root/.ssh
chmod 700 /root/.ssh
keys=/root/.ssh/authorized_keys
if ! grep -qxF -- "$1" "$keys" 2> /dev/null; then
  { [ ! -s "$keys" ] || [ -z "$(tail -c 1 "$keys")" ] || echo; echo "$1"; } >> "$keys"
fi
chmod 600 "$keys"
cd /etc/ssh
key=ssh_host_ed25519_key
new=$key.bramble-$$
cat > "$new"
[ "$(wc -c < "$new")" -eq "$3" ] || { echo 'the key was cut off' >&2; exit 1; }
[ "$(ssh-keygen -y -f "$new" | cut -d ' ' -f 1,2)" = "$(echo "$2" | cut -d ' ' -f 1,2)" ] ||
  { echo 'its sshd cannot use an ed25519 key: it is too old' >&2; exit 1; }
public=$2
${placeHostKey}
configure "HostKey /etc/ssh/$key" 'PermitRootLogin without-password'
sync
${reload}`;

/**
 * $1 the user whose password everybody can read up, $2 the board's name. Fits no password, and other than \`!\` does not lock the account:
 * the owner's own keys go on letting him in. Other accounts have passwords of the owner's own, for the screen. The name is
 * changed only where it is the image's; its network is never touched.
 */
export const closeScript = `set -e
umask 077
${configure}
cd /etc/ssh
configure 'PasswordAuthentication no' 'ChallengeResponseAuthentication no' 'KbdInteractiveAuthentication no'
cp -p /etc/shadow /etc/shadow.bramble
sed -e "s/^$1:[^:]*:/$1:*:/" /etc/shadow > /etc/shadow.bramble
sync
mv /etc/shadow.bramble /etc/shadow
case $(cat /etc/hostname) in
  black-pearl | hypriot | raspberrypi | ubuntu | debian | localhost | alarmpi | dietpi)
    umask 022
    old=$(cat /etc/hostname)
    echo "$2" > /etc/hostname
    hostname "$2" || true
    sed -i -e "s/\\b$old\\b/$2/g" /etc/hosts || true
    # These set the name at each boot.
    [ ! -f /boot/device-init.yaml ] || sed -i -e "s/^hostname:.*/hostname: $2/" /boot/device-init.yaml || true
    [ ! -d /etc/cloud/cloud.cfg.d ] || echo 'preserve_hostname: true' > /etc/cloud/cloud.cfg.d/99-bramble.cfg
    ;;
esac
sync
${reload}`;
