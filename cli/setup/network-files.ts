/** How each of the programs that run a network interface is told a fixed address. Pure. */
import type { Ipv4 } from '../../config/values.ts';
import type { Choice } from './choice.ts';

export type Manager = 'NetworkManager' | 'systemd-networkd' | 'dhcpcd';

export type NetworkFile = {
  readonly path: string;
  readonly text: string;
  readonly mode: number;
  /** Programs that have it take effect, in order; the same once it is taken back. */
  readonly apply: readonly (readonly string[])[];
};

export type Fixed = Pick<Choice, 'interface' | 'address' | 'gateway' | 'dns'>;

/** `found` is what the file holds now; '' where there is none. */
export function networkFile(manager: Manager, fixed: Fixed, found: (path: string) => string): NetworkFile {
  switch (manager) {
    case 'NetworkManager':
      return networkManager(fixed);
    case 'systemd-networkd':
      return networkd(fixed);
    case 'dhcpcd':
      return dhcpcd(fixed, found(dhcpcdConf));
  }
}

const cidr = ({ address: { address, prefix } }: Fixed): string => `${address}/${prefix}`;
const lines = (...all: readonly (string | false)[]): string =>
  all
    .filter((line) => line !== false)
    .map((line) => `${line}\n`)
    .join('');
const written = '# Written by bramble setup.';

/** nm-settings-keyfile(5). Not readable by others, or NetworkManager passes it over. */
function networkManager(fixed: Fixed): NetworkFile {
  const { interface: name, gateway, dns } = fixed;
  const id = `bramble-${name}`;
  const text = lines(
    written,
    '[connection]',
    `id=${id}`,
    'type=ethernet',
    `interface-name=${name}`,
    // Before what made it ask for an address until now.
    'autoconnect-priority=100',
    '',
    '[ipv4]',
    'method=manual',
    `address1=${cidr(fixed)}${gateway === undefined ? '' : `,${gateway}`}`,
    dns.length > 0 && `dns=${dns.map((one) => `${one};`).join('')}`,
    gateway === undefined && 'never-default=true',
    '',
    '[ipv6]',
    `method=${gateway === undefined ? 'link-local' : 'auto'}`,
  );
  return {
    ...{ path: `/etc/NetworkManager/system-connections/${id}.nmconnection`, text, mode: 0o600 },
    apply: [
      ['nmcli', 'connection', 'reload'],
      ['nmcli', 'device', 'connect', name],
    ],
  };
}

/** systemd.network(5). Sorted before what the distribution brings. */
function networkd(fixed: Fixed): NetworkFile {
  const { interface: name, gateway, dns } = fixed;
  const text = lines(
    written,
    '[Match]',
    `Name=${name}`,
    '',
    '[Network]',
    `Address=${cidr(fixed)}`,
    gateway !== undefined && `Gateway=${gateway}`,
    ...dns.map((one: Ipv4) => `DNS=${one}`),
    // The boards' switch may be off when the master starts.
    'ConfigureWithoutCarrier=yes',
  );
  return {
    ...{ path: `/etc/systemd/network/05-bramble-${name}.network`, text, mode: 0o644 },
    apply: [
      ['networkctl', 'reload'],
      ['networkctl', 'reconfigure', name],
    ],
  };
}

const dhcpcdConf = '/etc/dhcpcd.conf';
const [begin, end] = ['# bramble setup: begin', '# bramble setup: end'];

/** dhcpcd.conf(5): the last block of an interface counts; what follows an `interface` line belongs to it. */
function dhcpcd(fixed: Fixed, found: string): NetworkFile {
  const { interface: name, gateway, dns } = fixed;
  const block = lines(
    begin,
    `interface ${name}`,
    `static ip_address=${cidr(fixed)}`,
    gateway === undefined ? 'nogateway' : `static routers=${gateway}`,
    dns.length > 0 && `static domain_name_servers=${dns.join(' ')}`,
    end,
  );
  const others = found.replace(new RegExp(`\\n?${begin}\\n[^]*?${end}\\n`, 'g'), '');
  const gap = others === '' ? '' : others.endsWith('\n') ? '\n' : '\n\n';
  return {
    ...{ path: dhcpcdConf, text: `${others}${gap}${block}`, mode: 0o644 },
    apply: [['dhcpcd', '--rebind', name]],
  };
}
