import test from 'ava';
import { type ChoiceFacts, choose, type Wishes } from '../../../../cli/setup/choice.ts';
import { parseConfig } from '../../../../config/load.ts';
import { must } from '../../../../config/result.ts';
import { parseAddressRange, parseIpv4, parseMac } from '../../../../config/values.ts';
import type { InterfaceKind, NetworkInterface } from '../../../../daemon/system/interface-choice.ts';

const ip = (text: string) => must(parseIpv4(text));
const cidr = (text: string) => {
  const [address = '', prefix] = text.split('/');
  return { address: ip(address), prefix: Number(prefix) };
};
const nic = (
  name: string,
  addresses: readonly string[],
  kind: InterfaceKind = 'wired',
  carrier = true,
): NetworkInterface => ({
  ...{ name, kind, carrier, mac: must(parseMac('dc:a6:32:01:02:03')) },
  addresses: addresses.map(cidr),
});
const config = (text: string) => {
  const read = parseConfig(text);
  if (!read.ok) throw new Error(JSON.stringify(read.error));
  return read.value;
};
const facts = (interfaces: readonly NetworkInterface[], more: Partial<ChoiceFacts> = {}): ChoiceFacts => ({
  ...{ interfaces, defaultRoutes: [], resolvers: [ip('192.168.1.1')], lent: [] },
  ...{ config: config(''), saysTopology: false },
  ...more,
});
const wlan = nic('wlan0', ['192.168.1.17/24'], 'wireless');
const byWlan = [{ interface: 'wlan0', gateway: ip('192.168.1.1') }];
const byEth = [{ interface: 'eth0', gateway: ip('192.168.1.1') }];

test('a switch of the boards’ own: wireless is the way out, and the cable gets a subnet that is free', (t) => {
  t.deepEqual(must(choose(facts([nic('eth0', []), wlan], { defaultRoutes: byWlan }), {})), {
    ...{ interface: 'eth0', topology: 'behind-master', uplink: 'wlan0', address: cidr('10.55.0.1/24'), isFixed: false },
    ...{ gateway: undefined, dns: [], addresses: undefined },
  });
  const taken = nic('wlan0', ['10.55.0.9/16'], 'wireless');
  const other = must(choose(facts([nic('eth0', ['169.254.9.9/16']), taken], { defaultRoutes: byWlan }), {}));
  t.deepEqual(other.address, cidr('10.155.0.1/24'));
  t.like(must(choose(facts([nic('eth0', ['10.7.0.1/24']), wlan], { defaultRoutes: byWlan }), {})), {
    address: cidr('10.7.0.1/24'),
    isFixed: true,
  });
});

test('of two cables the one without the way out; two of them are a question', (t) => {
  const home = nic('eth0', ['192.168.1.10/24']);
  t.like(must(choose(facts([home, nic('eth1', [])], { defaultRoutes: byEth }), {})), {
    interface: 'eth1',
    uplink: 'eth0',
  });
  const unclear = choose(facts([home, nic('eth1', []), nic('eth2', [])], { defaultRoutes: byEth }), {});
  t.regex(unclear.ok ? '' : unclear.error.detail, /^eth1, eth2: on which .* --interface eth1$/);
  t.like(must(choose(facts([home, nic('eth1', [], 'wired', false)], { defaultRoutes: byEth }), {})), {
    interface: 'eth0',
    topology: 'beside-router',
  });
});

test('beside the router: the address that it lent is kept, with the way out and the resolvers', (t) => {
  const lent = [ip('192.168.1.10')];
  const seen = must(choose(facts([nic('eth0', ['192.168.1.10/24'])], { defaultRoutes: byEth, lent }), {}));
  t.like(seen, { topology: 'beside-router', isFixed: false, gateway: ip('192.168.1.1'), dns: [ip('192.168.1.1')] });
  // Both are in the home network: whoever lends addresses on the cable is there.
  const both = facts([nic('eth0', ['192.168.1.10/24']), wlan], { defaultRoutes: byWlan, lent });
  t.is(must(choose(both, {})).topology, 'beside-router');
  t.true(must(choose(facts([nic('eth0', ['192.168.1.10/24'])], { defaultRoutes: byEth }), {})).isFixed);
});

test('the owner’s word counts: of bramble.yaml, and before it that of the command line', (t) => {
  const said = config('{interface: eth1, topology: beside-router, addresses: 10.9.0.100-119}');
  const machine = facts([nic('eth0', []), nic('eth1', ['10.9.0.1/24']), wlan], {
    ...{ defaultRoutes: byWlan, config: said, saysTopology: true },
  });
  t.like(must(choose(machine, {})), { interface: 'eth1', topology: 'beside-router', addresses: said.addresses });
  const wishes: Wishes = { topology: 'behind-master', address: cidr('10.9.0.2/24') };
  t.like(must(choose(machine, wishes)), { topology: 'behind-master', address: cidr('10.9.0.2/24'), isFixed: false });
});

test('what cannot be: said with what to write', (t) => {
  const no = (machine: ChoiceFacts, wishes: Wishes = {}): string => {
    const chosen = choose(machine, wishes);
    return chosen.ok ? '' : `${chosen.error.code} ${chosen.error.detail}`;
  };
  const plain = facts([nic('eth0', []), wlan], { defaultRoutes: byWlan });
  t.regex(no(facts([wlan])), /^INTERFACE there is no wired network interface/);
  t.regex(no(plain, { interface: 'eth7' }), /^INTERFACE there is no interface eth7; there is eth0, wlan0$/);
  t.regex(no(plain, { uplink: 'eth0' }), /cannot be the uplink, too/);
  t.regex(
    no(plain, { address: cidr('192.168.1.99/24') }),
    /^OVERLAP .*192\.168\.1\.0\/24, the network of wlan0.*--address$/,
  );
  t.regex(no(plain, { address: cidr('10.42.7.1/24') }), /^OVERLAP .*10\.42\.0\.0\/16, where the cluster/);
  t.regex(
    no(plain, { addresses: must(parseAddressRange('10.1.1.5-9')) }),
    /^ADDRESS 10\.1\.1\.5-10\.1\.1\.9 is not in 10\.55\.0\.0\/24/,
  );
  t.regex(no(plain, { topology: 'beside-router' }), /^ADDRESS eth0 has no address.*--topology behind-master$/);
  const home = facts([nic('eth0', ['10.43.1.5/24'])], { defaultRoutes: byEth });
  t.regex(no(home), /^OVERLAP the home network overlaps 10\.43\.0\.0\/16.*cluster: \{ranges: /);
});
