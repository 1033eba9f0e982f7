import test from 'ava';
import { parseConfig } from '../../../../config/load.ts';
import { must } from '../../../../config/result.ts';
import { type Ipv4, parseIpv4, parseMac } from '../../../../config/values.ts';
import { isSamePlace, siteOf } from '../../../../daemon/app/network/site.ts';
import type { NetworkInterface } from '../../../../daemon/system/interface-choice.ts';
import type { Surroundings } from '../../../../daemon/system/surroundings.ts';

const ip = (text: string): Ipv4 => must(parseIpv4(text));
const eth0: NetworkInterface = {
  name: 'eth0',
  mac: must(parseMac('dc:a6:32:00:00:01')),
  kind: 'wired',
  carrier: true,
  addresses: [{ address: ip('10.77.0.1'), prefix: 24 }],
};
function site(
  yaml: string,
  around: Partial<Surroundings> & { readonly addresses?: NetworkInterface['addresses'] } = {},
) {
  const { addresses = eth0.addresses, ...rest } = around;
  const config = parseConfig(yaml);
  if (!config.ok) throw new Error(JSON.stringify(config.error));
  const interfaces = [{ ...eth0, addresses }];
  return siteOf(config.value, { interfaces, defaultRoutes: [], resolvers: [], ...rest });
}
const wlan0: NetworkInterface = {
  ...eth0,
  name: 'wlan0',
  kind: 'wireless',
  addresses: [{ address: ip('192.168.1.17'), prefix: 24 }],
};
const behind = {
  interfaces: [eth0, wlan0],
  defaultRoutes: [{ interface: 'wlan0', gateway: ip('192.168.1.1') }],
  resolvers: [ip('192.168.1.53')],
};

test('a range over the whole subnet: network, broadcast, master, gateway, resolver and clock are for no board', (t) => {
  const yaml =
    'addresses: 10.77.0.0-255\ndhcp: {mode: full, gateway: 10.77.0.254, dns: [10.77.0.53], ntp: [10.77.0.123]}';
  const { taken } = must(site(yaml));
  for (const last of [0, 255, 1, 254, 53, 123]) t.true(taken.includes(ip(`10.77.0.${last}`)), String(last));
});

test('a subnet of two addresses has no network and no broadcast address, and nothing is left for a board', (t) => {
  const { taken, range } = must(
    site('topology: behind-master', { addresses: [{ address: ip('10.77.0.0'), prefix: 30 }] }),
  );
  t.true(taken.includes(ip('10.77.0.3')));
  t.is(range.last, ip('10.77.0.2'));
});

const refusals = [
  ['RANGE_OUTSIDE', 'addresses: 10.78.0.10-20'],
  ['RANGE_OUTSIDE', 'addresses: 10.77.0.250-10.77.1.10'],
  ['GATEWAY_OUTSIDE', 'dhcp: {mode: full, gateway: 10.78.0.1}'],
  ['SUBNET_OVERLAP', 'cluster: {ranges: [10.0.0.0/8]}'],
  ['SUBNET_OVERLAP', 'cluster: {ranges: [10.42.0.0/16, 10.77.0.128/25]}'],
] as const;
for (const [code, yaml] of refusals) {
  test(`${code}: ${yaml}`, (t) => {
    t.like(site(yaml), { ok: false, error: { code } });
  });
}

test('behind the master: it is gateway and clock, and boards ask the resolvers that it asks', (t) => {
  const told = must(site('topology: behind-master\ninterface: eth0', behind));
  t.like(told, { gateway: ip('10.77.0.1'), dns: [ip('192.168.1.53')], ntp: [ip('10.77.0.1')], uplink: 'wlan0' });
});

test('behind the master options 3, 6 and 42 are always there, whatever is known', (t) => {
  const nothing = must(site('topology: behind-master\ninterface: eth0'));
  t.like(nothing, { gateway: ip('10.77.0.1'), dns: [ip('10.77.0.1')], ntp: [ip('10.77.0.1')], uplink: undefined });
  const itself = must(site('topology: behind-master\ninterface: eth0', { ...behind, resolvers: [ip('10.77.0.1')] }));
  t.deepEqual(itself.dns, [ip('192.168.1.1')], 'not the master, which runs none: what gave it its way out');
  const named = 'topology: behind-master\ninterface: eth0\nuplink: usb0\ndhcp: {dns: [9.9.9.9], ntp: [10.77.0.9]}';
  t.like(must(site(named, behind)), { dns: [ip('9.9.9.9')], ntp: [ip('10.77.0.9')], uplink: 'usb0' });
});

test('beside a router: its gateway, and the resolvers that the master asks', (t) => {
  const defaultRoutes = [
    { interface: 'wlan0', gateway: ip('192.168.1.1') },
    { interface: 'eth0', gateway: ip('10.78.0.1') },
    { interface: 'eth0', gateway: ip('10.77.0.254') },
  ];
  const told = must(site('', { defaultRoutes, resolvers: [ip('9.9.9.9')] }));
  t.like(told, { gateway: ip('10.77.0.254'), dns: [ip('9.9.9.9')], uplink: undefined });
  t.deepEqual(must(site('', { defaultRoutes })).dns, [ip('10.77.0.254')]);
  t.true(told.taken.includes(ip('10.77.0.254')));
  t.is(must(site('')).gateway, undefined);
});

test('the boards’ subnet is another one than the uplink’s, the cluster’s and not on the uplink itself', (t) => {
  const near = { ...wlan0, addresses: [{ address: ip('10.77.3.9'), prefix: 16 }] };
  const around = { ...behind, interfaces: [eth0, near] };
  const yaml = 'topology: behind-master\ninterface: eth0';
  const refused = site(yaml, around);
  t.like(refused, { ok: false, error: { code: 'SUBNET_OVERLAP' } });
  t.regex(
    refused.ok ? '' : refused.error.detail,
    /10\.77\.0\.0\/24.*eth0.*10\.77\.0\.0\/16, the network of the uplink/,
  );
  t.true(site('interface: eth0', around).ok, 'beside a router there is no uplink');
  t.like(site(`${yaml}\nuplink: eth0`), { ok: false, error: { code: 'UPLINK_IS_INTERFACE' } });
  const services = [{ address: ip('10.43.0.1'), prefix: 24 }];
  t.like(site('', { addresses: services }), { ok: false, error: { code: 'SUBNET_OVERLAP' } });
  t.true(site('cluster: {ranges: [10.42.0.0/16]}', { addresses: services }).ok, 'the owner has said where it is');
  t.true(site('cluster: {driver: kubeadm}', { addresses: services }).ok, 'kubeadm has its services elsewhere');
});

test('what ends the services, and what they look up when they need it', (t) => {
  const here = must(site('interface: eth0', behind));
  t.true(isSamePlace(here, must(site('interface: eth0', { ...behind, resolvers: [] })), false));
  t.false(isSamePlace(here, { ...here, address: ip('10.77.0.2') }, true));
  t.false(isSamePlace(here, { ...here, index: 7 }, true));
  t.false(isSamePlace(here, { ...here, interface: 'eth1' }, true));
});
