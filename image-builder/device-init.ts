/**
 * First boot with device-init: HypriotOS up to 1.1 (2016). Pure.
 *
 * device-init has no done-mark: it runs at every boot, `runcmd` with it, and only prints what fails (hypriot/device-init
 * 0bd7380, cmd/runcommand.go). So all of it is one script on the boot partition that knows what is done.
 */
import { type Document, isMap, isScalar, isSeq, parseDocument, stringify } from 'yaml';
import { subnetMask } from '../config/values.ts';
import { quoted, removePasswords } from './board-shell.ts';
import {
  type Additions,
  type BoardWish,
  type DraftFile,
  noAdditions,
  type StaticAddress,
  withNewline,
} from './wish.ts';

const FOLDER = 'bramble';
const SCRIPT = 'first-boot.sh';
const COMMANDS = 'commands.sh';
/** HypriotOS 1.1.0 mounts the boot partition at /boot (its fstab). */
const RUNCMD = `sh /boot/${FOLDER}/${SCRIPT}`;

export function deviceInitFiles(wish: BoardWish, existing: string | undefined): readonly DraftFile[] {
  const { additions = noAdditions } = wish;
  const commands = commandsOf(additions);
  return [
    { path: 'device-init.yaml', content: deviceInitYaml(wish, existing) },
    { path: `${FOLDER}/${SCRIPT}`, content: firstBootScript(wish) },
    { path: `${FOLDER}/host_key`, content: withNewline(wish.sshHostKey.privateOpenssh), secret: true },
    { path: `${FOLDER}/host_key.pub`, content: withNewline(wish.sshHostKey.publicLine) },
    { path: `${FOLDER}/authorized_keys`, content: withNewline(wish.authorizedKey) },
    ...additions.files.map(({ content, secret }, index) => ({ path: `${FOLDER}/files/${index}`, content, secret })),
    ...(commands.length === 0 ? [] : [{ path: `${FOLDER}/${COMMANDS}`, content: commandsScript(commands) }]),
  ];
}

/** device-init loads archives by itself; a name in a registry is docker's business. */
const isArchive = (image: string): boolean => image.startsWith('/');
const commandsOf = ({ containerImages, runcmd }: Additions): readonly string[] => [
  ...containerImages.filter((image) => !isArchive(image)).map((image) => `docker pull ${quoted(image)}`),
  ...runcmd,
];

const commandsScript = (commands: readonly string[]): string => `#!/bin/sh
# Written by bramble: the owner's commands, each by itself. One that fails is told of and passed over.
run() {
  sh -c "$1" || echo "ended with $?: $1"
}
${commands.map((command) => `run ${quoted(command)}\n`).join('')}`;

/** The base's other keys (wifi, docker images) stay, with their comments; a file that is no YAML mapping is replaced. */
function deviceInitYaml(wish: BoardWish, existing: string | undefined): string {
  const archives = (wish.additions ?? noAdditions).containerImages.filter(isArchive);
  const made = {
    hostname: wish.hostname,
    ...(archives.length > 0 && { docker: { images: archives } }),
    runcmd: [RUNCMD],
  };
  return edited(parseDocument(existing ?? ''), wish.hostname, archives) ?? stringify(made, { lineWidth: 0 });
}

function edited(document: Document.Parsed, hostname: string, archives: readonly string[]): string | undefined {
  if (document.errors.length > 0 || !isMap(document.contents)) return undefined;
  // Nodes only, no `toJS`: that would unfold aliases, and a few lines of those are gigabytes.
  const docker = document.get('docker', true);
  const images = isMap(docker) ? docker.get('images', true) : undefined;
  document.set('hostname', hostname);
  document.set('runcmd', document.createNode([RUNCMD, ...othersIn(document.get('runcmd', true), [RUNCMD])]));
  if (archives.length > 0) {
    const all = document.createNode([...othersIn(images, archives), ...archives]);
    if (isMap(docker)) docker.set('images', all);
    else document.set('docker', document.createNode({ images: all }));
  }
  try {
    return document.toString({ lineWidth: 0 });
  } catch {
    // An alias elsewhere pointed at what was replaced.
    return undefined;
  }
}

/** What a list of the base holds beside ours. */
const othersIn = (list: unknown, ours: readonly string[]): readonly unknown[] =>
  isSeq(list) ? list.items.filter((item) => !(isScalar(item) && ours.some((value) => value === item.value))) : [];

/** POSIX sh. Every value in it is a single harmless word: `planBoard` checked it. */
function firstBootScript(wish: BoardWish): string {
  const { files } = wish.additions ?? noAdditions;
  return `#!/bin/sh
# Written by bramble. Runs at every boot, does its work once per installation.
boot=\${0%/*}
done=/var/lib/bramble/${wish.mark.arming}
# device-init throws away what its commands say.
log=/var/log/bramble-first-boot.log

forget() {
  rm -rf "$boot/host_key" "$boot/host_key.pub" "$boot/authorized_keys" "$boot/files"
  sync
}

# Again, if the power went before all were through.
commands() {
  [ -f "$boot/${COMMANDS}" ] || return 0
  [ -e "$done.commands" ] || (umask 022 && sh "$boot/${COMMANDS}") >> "$log" 2>&1 || true
  : > "$done.commands"
  rm -f "$boot/${COMMANDS}"
  sync
}

# Under another name first: what starts in between finds the whole file or none. A file that cannot be written is told of
# and passed over: the keys below matter more.
place() {
  mkdir -p "\${2%/*}/" && (umask 077 && cp "$boot/files/$1" "$2.bramble") &&
    { chmod "$3" "$2.bramble" && chown "$4" "$2.bramble" || true; } && mv "$2.bramble" "$2" || echo "no $2"
}

# After the mark the keys on this board are newer than ours: never touch them again.
if [ -e "$done" ]; then
  forget
  commands
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
${files.map(({ path, mode, owner }, index) => `place ${index} ${path} ${mode} ${owner} >> "$log" 2>&1\n`).join('')}
umask 077
rm -f /etc/ssh/ssh_host_*
cp "$boot/host_key" /etc/ssh/ssh_host_ed25519_key
cp "$boot/host_key.pub" /etc/ssh/ssh_host_ed25519_key.pub
chmod 600 /etc/ssh/ssh_host_ed25519_key
chmod 644 /etc/ssh/ssh_host_ed25519_key.pub
for home in /root /home/pirate; do
  [ -d "$home" ] || continue
  mkdir -p "$home/.ssh"
  keys="$home/.ssh/authorized_keys"
  # The owner may have added keys of his own, and the last line may have no end.
  grep -qxF -f "$boot/authorized_keys" "$keys" 2> /dev/null || { [ ! -s "$keys" ] || echo; cat "$boot/authorized_keys"; } >> "$keys"
  chmod 700 "$home/.ssh"
  chmod 600 "$keys"
done
[ ! -d /home/pirate ] || chown -R pirate /home/pirate/.ssh

# Nobody logs in by a password that everybody can read up.
${removePasswords}

# sshd takes the first value it finds: ours stand on top.
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
commands
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
