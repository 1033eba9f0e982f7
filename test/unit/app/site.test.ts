import test from 'ava';
import { parseConfig } from '../../../config/load.ts';
import { must } from '../../../config/result.ts';
import { type Ipv4, parseIpv4, parseMac } from '../../../config/values.ts';
import { siteOf } from '../../../daemon/app/site.ts';
import type { NetworkInterface } from '../../../daemon/system/interface-choice.ts';

const ip = (text: string): Ipv4 => must(parseIpv4(text));
const eth0: NetworkInterface = {
  name: 'eth0',
  mac: must(parseMac('dc:a6:32:00:00:01')),
  kind: 'wired',
  carrier: true,
  addresses: [{ address: ip('10.77.0.1'), prefix: 24 }],
};
function site(yaml: string, address = eth0.addresses) {
  const config = parseConfig(yaml);
  if (!config.ok) throw new Error(JSON.stringify(config.error));
  return siteOf(config.value, [{ ...eth0, addresses: address }]);
}

test('a range over the whole subnet: network, broadcast, master, gateway, resolver and clock are for no board', (t) => {
  const yaml =
    'addresses: 10.77.0.0-255\ndhcp: {mode: full, gateway: 10.77.0.254, dns: [10.77.0.53], ntp: [10.77.0.123]}';
  const { taken } = must(site(yaml));
  for (const last of [0, 255, 1, 254, 53, 123]) t.true(taken.includes(ip(`10.77.0.${last}`)), String(last));
});

test('a subnet of two addresses has no network and no broadcast address, and nothing is left for a board', (t) => {
  const { taken, range } = must(site('topology: behind-master', [{ address: ip('10.77.0.0'), prefix: 30 }]));
  t.true(taken.includes(ip('10.77.0.3')));
  t.is(range.last, ip('10.77.0.2'));
});

const refusals = [
  ['RANGE_OUTSIDE', 'addresses: 10.78.0.10-20'],
  ['RANGE_OUTSIDE', 'addresses: 10.77.0.250-10.77.1.10'],
  ['GATEWAY_OUTSIDE', 'dhcp: {mode: full, gateway: 10.78.0.1}'],
  ['RANGE_MISSING', 'dhcp: {mode: proxy}'],
] as const;
for (const [code, yaml] of refusals) {
  test(`${code}: ${yaml}`, (t) => {
    t.like(site(yaml), { ok: false, error: { code } });
  });
}
