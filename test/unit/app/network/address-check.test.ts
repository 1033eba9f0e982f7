import test from 'ava';
import { must } from '../../../../config/result.ts';
import { type Ipv4, type Mac, millis, parseIpv4, parseMac, seconds, subnetOf } from '../../../../config/values.ts';
import { createAddressCheck } from '../../../../daemon/app/network/address-check.ts';
import type { OpenUdp } from '../../../../daemon/ports.ts';
import { createClockDouble } from '../../../support/doubles.ts';

const ip = (text: string): Ipv4 => must(parseIpv4(text));
const laptop = must(parseMac('00:11:22:33:44:55'));
const site = { address: ip('10.77.0.1'), subnet: subnetOf(ip('10.77.0.1'), 24) };

function lab(table: ReadonlyMap<Ipv4, Mac>) {
  const clock = createClockDouble();
  const asked: string[] = [];
  let open = 0;
  const udpDouble: OpenUdp = async ({ bind }) => {
    open += 1;
    return {
      local: bind,
      send: (payload, to) => asked.push(`${bind.address} to ${to.address}:${to.port}, ${payload.length} bytes`),
      close: async () => {
        open -= 1;
      },
    };
  };
  const check = createAddressCheck({
    openUdp: udpDouble,
    site,
    clock,
    hardwareAddressOf: async (address) => table.get(address),
  });
  return { ...check, clock, asked, open: () => open };
}

test('an address that is used: by whom, at the first look', async (t) => {
  const { occupant, clock, asked, open } = lab(new Map([[ip('10.77.0.7'), laptop]]));
  const found = occupant(ip('10.77.0.7'), new AbortController().signal);
  await clock.whenSleeping(1);
  await clock.advance(millis(50));
  t.is(await found, laptop);
  t.deepEqual(asked, ['10.77.0.1 to 10.77.0.7:9, 0 bytes']);
  t.is(open(), 0);
});

test('one that comes late is found; a second without an answer is nobody', async (t) => {
  const table = new Map<Ipv4, Mac>();
  const { occupant, clock, open } = lab(table);
  const { signal } = new AbortController();
  const [late, nobody] = [occupant(ip('10.77.0.7'), signal), occupant(ip('10.77.0.8'), signal)];
  await clock.whenSleeping(2);
  await clock.advance(millis(900));
  table.set(ip('10.77.0.7'), laptop);
  await clock.advance(millis(100));
  t.is(await late, laptop);
  t.is(await nobody, undefined);
  t.is(open(), 0);
});

test('nothing is sent to other networks, and nothing about our own address', async (t) => {
  const { occupant, asked } = lab(new Map([[ip('9.9.9.9'), laptop]]));
  const { signal } = new AbortController();
  t.is(await occupant(ip('9.9.9.9'), signal), undefined);
  t.is(await occupant(site.address, signal), undefined);
  t.deepEqual(asked, []);
});

test('aborted: rejects at once and closes its socket', async (t) => {
  const { occupant, clock, open } = lab(new Map());
  const stop = new AbortController();
  const asked = occupant(ip('10.77.0.7'), stop.signal);
  await clock.whenSleeping(1);
  stop.abort(new Error('the end'));
  await t.throwsAsync(asked, { message: 'the end' });
  t.is(open(), 0);
  await clock.advance(seconds(1));
});
