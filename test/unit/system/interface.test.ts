import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { must } from '../../../config/result.ts';
import { parseIpv4, parseMac } from '../../../config/values.ts';
import { readInterfaces } from '../../../daemon/system/interface.ts';
import { chooseInterface, type NetworkInterface } from '../../../daemon/system/interface-choice.ts';

function iface(name: string, changes: Partial<NetworkInterface> & { address?: string } = {}): NetworkInterface {
  const { address = '192.168.1.2', ...rest } = changes;
  const addresses = address === '' ? [] : [{ address: must(parseIpv4(address)), prefix: 24 }];
  return { name, mac: must(parseMac('dc:a6:32:00:00:01')), kind: 'wired', carrier: true, addresses, ...rest };
}
const lo = iface('lo', { kind: 'loopback', address: '127.0.0.1' });
const wlan0 = iface('wlan0', { kind: 'wireless' });

const cases: Readonly<
  Record<string, { wanted?: string; among: NetworkInterface[]; name?: string; code?: string; line?: string }>
> = {
  'the only wired one': { among: [lo, iface('eth0'), wlan0], name: 'eth0' },
  'a wired one without a cable does not count': {
    among: [iface('eth0', { carrier: false }), iface('eth1')],
    name: 'eth1',
  },
  'one without an address does not count beside one that has one': {
    among: [iface('eth0', { address: '' }), iface('eth1')],
    name: 'eth1',
  },
  'what container networks make does not count': {
    among: [
      iface('eth0'),
      iface('cni0', { kind: 'bridged', address: '10.42.0.1' }),
      iface('flannel.1', { kind: 'virtual', address: '10.42.0.0' }),
    ],
    name: 'eth0',
  },
  'nor when the cable is out': {
    among: [iface('eth0', { carrier: false, address: '' }), iface('veth1', { kind: 'virtual' })],
    code: 'INTERFACE_NO_CARRIER',
  },
  'in a network namespace there is nothing else': { among: [lo, iface('eth0', { kind: 'virtual' })], name: 'eth0' },
  'two with a cable are unclear': {
    among: [iface('eth0'), iface('eth1')],
    code: 'INTERFACE_UNCLEAR',
    line: 'interface: eth0   # or eth1',
  },
  'a cable but no address': {
    among: [iface('eth0', { address: '' })],
    code: 'INTERFACE_NO_ADDRESS',
    line: '',
  },
  'an address that it gave itself is none': {
    among: [iface('eth0', { address: '169.254.3.4' })],
    code: 'INTERFACE_NO_ADDRESS',
    line: '',
  },
  'only wireless': { among: [lo, wlan0], code: 'INTERFACE_NONE', line: 'interface: wlan0' },
  'nothing at all': { among: [lo], code: 'INTERFACE_NONE', line: '' },
  'a name is taken, whatever it is': { wanted: 'wlan0', among: [iface('eth0'), wlan0], name: 'wlan0' },
  'a name is taken without a carrier': { wanted: 'eth0', among: [iface('eth0', { carrier: false })], name: 'eth0' },
  'a name without an address': {
    wanted: 'eth0',
    among: [iface('eth0', { address: '' })],
    code: 'INTERFACE_NO_ADDRESS',
  },
  'a name that is not there': {
    wanted: 'eth7',
    among: [lo, iface('eth0'), wlan0],
    code: 'INTERFACE_UNKNOWN',
    line: 'interface: eth0   # or wlan0',
  },
};

for (const [name, { wanted = 'auto', among, ...want }] of Object.entries(cases)) {
  test(`choose: ${name}`, (t) => {
    const chosen = chooseInterface(wanted, among);
    if (want.name !== undefined) t.is(chosen.ok && chosen.value.name, want.name);
    else t.like(chosen, { ok: false, error: want });
  });
}

test('a usable interface carries the address to use', (t) => {
  const [own, good] = ['169.254.1.1', '10.0.0.5'].map((text) => ({ address: must(parseIpv4(text)), prefix: 8 }));
  if (own === undefined || good === undefined) return t.fail();
  const chosen = chooseInterface('auto', [iface('eth0', { addresses: [own, good] })]);
  t.like(chosen, { ok: true, value: { address: good } });
});

test('this machine: loopback is recognised, addresses have their prefix', async (t) => {
  const found = (await readInterfaces()).find((one) => one.name === 'lo');
  t.like(found, { kind: 'loopback', addresses: [{ address: '127.0.0.1', prefix: 8 }] });
});

test('sysfs tells kind and carrier of those without an address', async (t) => {
  const sysfs = await mkdtemp(join(tmpdir(), 'bramble-sysfs-'));
  t.teardown(() => rm(sysfs, { recursive: true }));
  const make = async (name: string, folders: readonly string[], files: Readonly<Record<string, string>>) => {
    for (const folder of ['', ...folders]) await mkdir(join(sysfs, name, folder), { recursive: true });
    const all = { address: 'dc:a6:32:00:00:02\n', ...files };
    for (const [file, text] of Object.entries(all)) await writeFile(join(sysfs, name, file), text);
  };
  await make('xeth0', ['device'], { carrier: '1\n' });
  await make('xeth1', ['device'], { operstate: 'down\n' });
  await make('xwl0', ['device', 'wireless'], { carrier: '0\n' });
  await make('xbr0', ['bridge'], { carrier: '1\n' });
  await make('xtun0', [], { carrier: '1\n', tun_flags: '0x1\n', address: '\n' });
  const found = (await readInterfaces(sysfs)).filter((one) => one.name.startsWith('x'));
  t.deepEqual(
    found.map(({ name, kind, carrier }) => ({ name, kind, carrier })),
    [
      { name: 'xbr0', kind: 'bridged', carrier: true },
      { name: 'xeth0', kind: 'wired', carrier: true },
      { name: 'xeth1', kind: 'wired', carrier: false },
      { name: 'xwl0', kind: 'wireless', carrier: false },
    ],
  );
});
