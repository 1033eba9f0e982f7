import test from 'ava';
import { must } from '../../../config/result.ts';
import { parseIpv4, parseMac, subnetOf } from '../../../config/values.ts';
import { samePlace, uplinkPlace } from '../../../daemon/app/names-places.ts';
import type { NetworkInterface } from '../../../daemon/system/interface-choice.ts';

const ip = (text: string) => must(parseIpv4(text));
const at = (name: string, ...addresses: readonly string[]): NetworkInterface => ({
  name,
  mac: must(parseMac('dc:a6:32:01:02:03')),
  kind: 'wired',
  carrier: true,
  addresses: addresses.map((address) => ({ address: ip(address), prefix: 24 })),
});
const site = { interface: 'eth0', subnet: subnetOf(ip('10.77.0.1'), 24) };
const eth0 = at('eth0', '10.77.0.1');

test('the uplink, once it has an address', (t) => {
  const home = uplinkPlace('wlan0', site, [eth0, at('wlan0', '192.168.1.5')]);
  t.deepEqual(home, { interface: 'wlan0', address: ip('192.168.1.5'), subnet: subnetOf(ip('192.168.1.0'), 24) });
  t.is(uplinkPlace('wlan0', site, [eth0, at('wlan0')]), undefined);
  t.is(uplinkPlace('wlan0', site, [eth0]), undefined);
  t.is(uplinkPlace(undefined, site, [eth0, at('wlan0', '192.168.1.5')]), undefined);
});

test("never the boards' own interface or subnet: what comes in is told apart by its subnet", (t) => {
  t.is(uplinkPlace('eth0', site, [at('eth0', '10.77.0.1', '192.168.1.5')]), undefined);
  t.is(uplinkPlace('wlan0', site, [eth0, at('wlan0', '10.77.0.9')]), undefined);
  t.is(uplinkPlace('wlan0', site, [eth0, at('wlan0', '10.77.0.9', '192.168.1.5')])?.address, ip('192.168.1.5'));
});

test('another address or none is another place', (t) => {
  const place = uplinkPlace('wlan0', site, [at('wlan0', '192.168.1.5')]);
  t.true(samePlace(place, uplinkPlace('wlan0', site, [at('wlan0', '192.168.1.5'), eth0])));
  t.false(samePlace(place, uplinkPlace('wlan0', site, [at('wlan0', '192.168.1.6')])));
  t.false(samePlace(place, undefined));
  t.true(samePlace(undefined, undefined));
});
