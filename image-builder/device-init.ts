/**
 * First boot with device-init: HypriotOS up to 1.1 (2016). Pure.
 *
 * device-init has no done-mark: it runs at every boot, `runcmd` with it, and only prints what fails (hypriot/device-init
 * 0bd7380, cmd/runcommand.go). So all of it is one script on the boot partition that knows what is done.
 */
import { type Document, isMap, isScalar, isSeq, parseDocument } from 'yaml';
import { subnetMask } from '../config/values.ts';
import { type BoardWish, type StaticAddress, type TextFile, withNewline } from './wish.ts';

const FOLDER = 'bramble';
const SCRIPT = 'first-boot.sh';
/** HypriotOS 1.1.0 mounts the boot partition at /boot (its fstab). */
const RUNCMD = `sh /boot/${FOLDER}/${SCRIPT}`;

export function deviceInitFiles(wish: BoardWish, existing: string | undefined): readonly TextFile[] {
  return [
    { path: 'device-init.yaml', text: deviceInitYaml(wish, existing) },
    { path: `${FOLDER}/${SCRIPT}`, text: firstBootScript(wish) },
    { path: `${FOLDER}/host_key`, text: withNewline(wish.sshHostKey.privateOpenssh), secret: true },
    { path: `${FOLDER}/host_key.pub`, text: withNewline(wish.sshHostKey.publicLine) },
    { path: `${FOLDER}/authorized_keys`, text: withNewline(wish.authorizedKey) },
  ];
}

/** The base's other keys (wifi, docker images) stay, with their comments; a file that is no YAML mapping is replaced. */
function deviceInitYaml(wish: BoardWish, existing: string | undefined): string {
  return edited(parseDocument(existing ?? ''), wish) ?? `hostname: ${wish.hostname}\nruncmd:\n  - ${RUNCMD}\n`;
}

function edited(document: Document.Parsed, wish: BoardWish): string | undefined {
  if (document.errors.length > 0 || !isMap(document.contents)) return undefined;
  // Nodes only, no `toJS`: that would unfold aliases, and a few lines of those are gigabytes.
  const commands = document.get('runcmd', true);
  const others = isSeq(commands) ? commands.items.filter((item) => !(isScalar(item) && item.value === RUNCMD)) : [];
  document.set('hostname', wish.hostname);
  document.set('runcmd', document.createNode([RUNCMD, ...others]));
  try {
    return document.toString({ lineWidth: 0 });
  } catch {
    // An alias elsewhere pointed at what was replaced.
    return undefined;
  }
}

/** POSIX sh. Every value in it is a single harmless word: `planBoard` checked it. */
function firstBootScript(wish: BoardWish): string {
  return `#!/bin/sh
# Written by bramble. Runs at every boot, does its work once per installation.
boot=\${0%/*}
done=/var/lib/bramble/${wish.mark.arming}

forget() {
  rm -f "$boot/host_key" "$boot/host_key.pub" "$boot/authorized_keys"
  sync
}

# After the mark the keys on this board are newer than ours: never touch them again.
if [ -e "$done" ]; then
  forget
  exit 0
fi
[ -s "$boot/host_key" ] || exit 0
set -e

# Quirk: HypriotOS makes new host keys at its first boot, in no order with device-init (os-rootfs,
# firstboot.d/50-regenerate-sshd-host-keys). Ours would be deleted, so wait until it is through.
waited=0
while [ -x /usr/local/bin/hypriot-firstboot ] && [ ! -e /etc/hypriot-firstboot_not_to_be_run ] && [ "$waited" -lt 300 ]; do
  sleep 1
  waited=$((waited + 1))
done

echo ${wish.hostname} > /etc/hostname
${timezoneLines(wish.timezone)}${networkLines(wish.address)}
umask 077
rm -f /etc/ssh/ssh_host_*
cp "$boot/host_key" /etc/ssh/ssh_host_ed25519_key
cp "$boot/host_key.pub" /etc/ssh/ssh_host_ed25519_key.pub
chmod 600 /etc/ssh/ssh_host_ed25519_key
chmod 644 /etc/ssh/ssh_host_ed25519_key.pub
for home in /root /home/pirate; do
  [ -d "$home" ] || continue
  mkdir -p "$home/.ssh"
  cp "$boot/authorized_keys" "$home/.ssh/authorized_keys"
  chmod 700 "$home/.ssh"
  chmod 600 "$home/.ssh/authorized_keys"
done
[ ! -d /home/pirate ] || chown -R pirate /home/pirate/.ssh

# The image's password is printed in its manual. sshd takes the first value it finds: ours stand on top.
if [ -f /etc/ssh/sshd_config ]; then
  {
    echo 'HostKey /etc/ssh/ssh_host_ed25519_key'
    echo 'PasswordAuthentication no'
    echo 'PermitRootLogin without-password'
    sed -e '/^[[:space:]]*HostKey[[:space:]]/d' -e '/^[[:space:]]*PasswordAuthentication/d' \\
      -e '/^[[:space:]]*PermitRootLogin/d' /etc/ssh/sshd_config
  } > /etc/ssh/sshd_config.bramble
  chmod 644 /etc/ssh/sshd_config.bramble
  mv /etc/ssh/sshd_config.bramble /etc/ssh/sshd_config
fi

sync
mkdir -p /var/lib/bramble
: > "$done"
forget
if command -v systemctl > /dev/null; then
  systemctl enable ssh || true
  systemctl restart ssh || true
fi
`;
}

const timezoneLines = (timezone: string | undefined): string =>
  timezone === undefined
    ? ''
    : `echo ${timezone} > /etc/timezone\nln -sf /usr/share/zoneinfo/${timezone} /etc/localtime\n`;

/** ifupdown's file for eth0 is HypriotOS's own (os-rootfs, chroot-script.sh); in force from the next boot on. */
function networkLines(address: StaticAddress | undefined): string {
  if (address === undefined) return '';
  const { ip, prefix, gateway, dns = [] } = address;
  const stanza = [
    'allow-hotplug eth0',
    'iface eth0 inet static',
    `  address ${ip}`,
    `  netmask ${subnetMask(prefix)}`,
    ...(gateway === undefined ? [] : [`  gateway ${gateway}`]),
    ...(dns.length === 0 ? [] : [`  dns-nameservers ${dns.join(' ')}`]),
  ].join('\n');
  const file = `mkdir -p /etc/network/interfaces.d\ncat > /etc/network/interfaces.d/eth0 <<'END'\n${stanza}\nEND\n`;
  if (dns.length === 0) return file;
  // The resolver there is systemd-resolved, which does not hear of ifupdown's name servers.
  return `${file}if [ -f /etc/systemd/resolved.conf ]; then
  sed -i -e '/^#*DNS=/d' -e 's/^\\[Resolve\\]$/&\\nDNS=${dns.join(' ')}/' /etc/systemd/resolved.conf
fi
`;
}
