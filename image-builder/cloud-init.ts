/** First boot with cloud-init's NoCloud source: later HypriotOS, Raspberry Pi OS, Ubuntu. Pure. */
import { stringify } from 'yaml';
import { type BoardWish, type StaticAddress, type TextFile, withNewline } from './wish.ts';

export function cloudInitFiles(wish: BoardWish): readonly TextFile[] {
  return [
    { path: 'user-data', text: userData(wish, { armed: true }), secret: true },
    { path: KEPT_PATH, text: userData(wish, { armed: false }) },
    // A new instance-id makes cloud-init run everything again: one per installation.
    { path: 'meta-data', text: render({ 'instance-id': instanceId(wish), 'local-hostname': wish.hostname }) },
    { path: 'network-config', text: render(networkConfig(wish.address)) },
  ];
}

/** What user-data becomes once it has been carried out: the same without keys. */
const KEPT_PATH = 'bramble/user-data.kept';

const instanceId = (wish: BoardWish): string => `${wish.hostname}-${wish.mark.arming}`;

const render = (document: unknown): string => stringify(document, { lineWidth: 0 });

function userData(wish: BoardWish, { armed }: { armed: boolean }): string {
  const { sshHostKey } = wish;
  const config = {
    hostname: wish.hostname,
    manage_etc_hosts: true,
    // A list without `default`: no user of the image's own is made, nobody but the daemon can log in. Root's password
    // stays as the image has it; locking it would make an sshd without PAM refuse root's key as well.
    users: [{ name: 'root', lock_passwd: false, ssh_authorized_keys: [wish.authorizedKey] }],
    disable_root: false,
    ssh_pwauth: false,
    // Without the keys below this would leave the board without any.
    ssh_deletekeys: armed,
    ...(wish.timezone === undefined ? {} : { timezone: wish.timezone }),
    ...(armed
      ? {
          ssh_keys: {
            ed25519_private: withNewline(sshHostKey.privateOpenssh),
            ed25519_public: sshHostKey.publicLine,
          },
          runcmd: [
            // Raspberry Pi OS ships sshd disabled, and one that runs already still has the image's keys.
            ['sh', '-c', 'systemctl enable ssh; systemctl restart ssh'],
            ['sh', '-c', forget],
          ],
        }
      : {}),
  };
  return `#cloud-config\n${render(config)}`;
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
