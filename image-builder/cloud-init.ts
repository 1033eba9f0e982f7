/** First boot with cloud-init's NoCloud source: later HypriotOS, Raspberry Pi OS, Ubuntu. Pure. */
import { stringify } from 'yaml';
import { preload, removePasswords } from './board-shell.ts';
import { securityUpdateFiles } from './security-updates.ts';
import {
  type AddedFile,
  type BoardWish,
  type DraftFile,
  noAdditions,
  type StaticAddress,
  withNewline,
} from './wish.ts';

export function cloudInitFiles(wish: BoardWish): readonly DraftFile[] {
  return [
    { path: 'user-data', content: userData(wish, { armed: true }), secret: true },
    { path: KEPT_PATH, content: userData(wish, { armed: false }) },
    // A new instance-id makes cloud-init run everything again: one per installation.
    { path: 'meta-data', content: render({ 'instance-id': instanceId(wish), 'local-hostname': wish.hostname }) },
    { path: 'network-config', content: render(networkConfig(wish.address)) },
  ];
}

/** What user-data becomes once it has been carried out: the same without keys. */
const KEPT_PATH = 'bramble/user-data.kept';

const instanceId = (wish: BoardWish): string => `${wish.hostname}-${wish.mark.arming}`;

const render = (document: unknown): string => stringify(document, { lineWidth: 0 });

function userData(wish: BoardWish, { armed }: { armed: boolean }): string {
  const { sshHostKey, additions = noAdditions } = wish;
  const files = [...(wish.securityUpdates === true ? securityUpdateFiles : []), ...additions.files];
  const config = {
    hostname: wish.hostname,
    manage_etc_hosts: true,
    // A list without `default`: the image's own user with its published password is not made, nobody but the daemon can
    // log in. Root is not locked: an sshd without PAM would refuse its key as well.
    users: [{ name: 'root', lock_passwd: false, ssh_authorized_keys: [wish.authorizedKey] }],
    disable_root: false,
    ssh_pwauth: false,
    // Without the keys below this would leave the board without any.
    ssh_deletekeys: armed,
    ...(wish.timezone === undefined ? {} : { timezone: wish.timezone }),
    ...(armed
      ? {
          // Before sshd is started, and before users are made: an image may have brought some along.
          bootcmd: [['cloud-init-per', 'instance', 'bramble-passwords', 'sh', '-c', removePasswords]],
          ...(files.length === 0 ? {} : { write_files: files.map(written) }),
          ssh_keys: {
            ed25519_private: withNewline(sshHostKey.privateOpenssh),
            ed25519_public: sshHostKey.publicLine,
          },
          runcmd: [
            // Raspberry Pi OS ships sshd disabled, and one that runs already still has the image's keys.
            ['sh', '-c', 'systemctl enable ssh; systemctl restart ssh'],
            // Raspberry Pi OS would ask whoever is at the keyboard to make up a user and a password.
            ['sh', '-c', 'systemctl disable --now userconfig 2> /dev/null || true'],
            ['sh', '-c', forget],
            ...additions.containerImages.map((image) => ['sh', '-c', preload(image)]),
            ...additions.runcmd.map((command) => ['sh', '-c', command]),
          ],
        }
      : {}),
  };
  return `#cloud-config\n${render(config)}`;
}

/** As text where it is text, for people who read user-data. */
function written({ path, content, mode, owner }: AddedFile): object {
  const text = Buffer.from(content).toString('latin1');
  const place = { path, permissions: mode.padStart(4, '0'), owner };
  return /^[\t\n\x20-\x7e]*$/.test(text)
    ? { ...place, content: text }
    : { ...place, encoding: 'b64', content: Buffer.from(content).toString('base64') };
}

/** The FAT is readable to whoever holds the card: the host key leaves it as soon as it is in /etc/ssh. */
const forget = [
  'for boot in /boot/firmware /boot; do',
  `if [ -f "$boot/${KEPT_PATH}" ] && [ -s /etc/ssh/ssh_host_ed25519_key ]; then`,
  `cp "$boot/${KEPT_PATH}" "$boot/user-data" && rm "$boot/${KEPT_PATH}" && sync;`,
  'fi; done',
].join(' ');

/**
 * Version 2, without the `network:` key around it: cloud-init older than that wrapper reads it too (22.4 strips it).
 * eth0 is what all four images call the Pi's wired interface.
 */
function networkConfig(address: StaticAddress | undefined): unknown {
  const eth0 =
    address === undefined ? { dhcp4: true, optional: true } : { dhcp4: false, optional: true, ...fixed(address) };
  return { version: 2, ethernets: { eth0 } };
}

function fixed({ ip, prefix, gateway, dns = [] }: StaticAddress): object {
  return {
    addresses: [`${ip}/${prefix}`],
    // Not the word `default`: netplan learnt it late.
    ...(gateway === undefined ? {} : { routes: [{ to: '0.0.0.0/0', via: gateway }] }),
    ...(dns.length === 0 ? {} : { nameservers: { addresses: [...dns] } }),
  };
}
