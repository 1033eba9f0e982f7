import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { must } from '../../../config/result.ts';
import { parseIpv4, subnetOf } from '../../../config/values.ts';
import {
  type GatewaySite,
  type GatewayStanding,
  type GatewayWish,
  gatewayAdvice,
  gatewayWish,
  isStranded,
  parseGatewayAnswer,
  wishLine,
} from '../../../daemon/gateway/wish.ts';

const program = fileURLToPath(new URL('../../../daemon/gateway/bramble-gateway', import.meta.url));
const address = must(parseIpv4('10.77.0.1'));
const other = must(parseIpv4('10.77.0.2'));
const subnet = subnetOf(address, 24);
const site: GatewaySite = { interface: 'eth0', address, subnet, gateway: address, uplink: 'wlan0' };
const wayOut = gatewayWish(site);

test('a way out, or the clock only', (t) => {
  t.is(wishLine(wayOut), 'up eth0 10.77.0.0/24 wlan0');
  t.is(wishLine(gatewayWish({ ...site, uplink: undefined })), 'up eth0 10.77.0.0/24 -');
  t.is(wishLine(gatewayWish({ ...site, gateway: other })), 'up eth0 10.77.0.0/24 -', 'the owner has another gateway');
  t.is(wishLine({ name: 'nothing' }), 'down');
});

test('a master that leads nowhere', (t) => {
  t.false(isStranded(site));
  t.true(isStranded({ ...site, uplink: undefined }));
  t.false(isStranded({ ...site, uplink: undefined, gateway: other }), 'the way out is elsewhere');
});

test('the program takes what is said', (t) => {
  for (const wish of [wayOut, gatewayWish({ ...site, uplink: undefined })]) {
    const shown = execFileSync(program, wishLine(wish).replace('up', 'show').split(' '), { encoding: 'utf8' });
    t.regex(shown, /^allow 10\.77\.0\.0\/24\nlocal stratum 10$/m);
    t.is(/ip saddr 10\.77\.0\.0\/24 oifname "wlan0" masquerade/.test(shown), wish.name === 'way-out');
    t.is(/iifname "wlan0" oifname "eth0" drop/.test(shown), wish.name === 'way-out');
  }
});

test('its answers', (t) => {
  t.deepEqual(parseGatewayAnswer('done\n'), { ok: true, value: { lacks: undefined } });
  const lacks = 'chrony is not installed: apt install chrony';
  t.deepEqual(parseGatewayAnswer(`done, without a clock: ${lacks}\n`), { ok: true, value: { lacks } });
  const refused = parseGatewayAnswer('failed: nft did not take the rules\n');
  t.deepEqual(refused, { ok: false, error: { code: 'GATEWAY_FAILED', detail: 'nft did not take the rules' } });
  for (const text of ['', '\n', 'done, perhaps', 'failed:', 'done\ndone\n']) {
    t.like(parseGatewayAnswer(text), { ok: false, error: { code: 'GATEWAY_ANSWER' } }, text);
  }
});

const done: GatewayStanding = { name: 'done', lacks: undefined };
const unasked: GatewayStanding = { name: 'unasked' };
const clock: GatewayWish = { name: 'clock', interface: 'eth0', subnet };
const advices: readonly (readonly [GatewayWish, GatewayStanding, boolean | undefined, RegExp | undefined])[] = [
  [wayOut, done, true, undefined],
  [wayOut, done, undefined, undefined],
  [wayOut, done, false, /something sets net\.ipv4\.ip_forward to 0/],
  [wayOut, { name: 'done', lacks: 'no chrony' }, true, /no time from this machine: no chrony/],
  [wayOut, { name: 'failed', reason: 'no nftables' }, false, /not the boards’ gateway and clock: no nftables/],
  [wayOut, unasked, false, /as root, \/usr\/lib\/bramble\/bramble-gateway up eth0 10\.77\.0\.0\/24 wlan0/],
  [wayOut, unasked, true, undefined],
  [clock, done, false, undefined],
  [clock, unasked, false, undefined],
  [{ name: 'nothing' }, { name: 'failed', reason: 'nobody listens' }, false, undefined],
];

test('what the owner is told', (t) => {
  for (const [wish, standing, forwards, said] of advices) {
    const advice = gatewayAdvice(wish, standing, forwards);
    const which = JSON.stringify([wish.name, standing, forwards]);
    if (said === undefined) t.is(advice, undefined, which);
    else t.regex(advice ?? '', said, which);
  }
});
