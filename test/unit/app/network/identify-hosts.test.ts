/** Who is asked for a hardware address, and how often. */
import test, { type ExecutionContext } from 'ava';
import { must } from '../../../../config/result.ts';
import {
  type Ipv4,
  ipv4FromNumber,
  type Mac,
  parseHostname,
  parseIpv4,
  parseMac,
  seconds,
} from '../../../../config/values.ts';
import { identifyHosts } from '../../../../daemon/app/network/identify-hosts.ts';
import type { SeenHost } from '../../../../daemon/mdns/sightings.ts';
import { createClockDouble, createLogDouble } from '../../../support/doubles.ts';

const pi = must(parseMac('2c:cf:67:01:02:03'));
const host = (name: string, address: string, mac?: Mac): SeenHost => ({
  name: must(parseHostname(name)),
  address: must(parseIpv4(address)),
  ssh: false,
  ...(mac && { mac }),
});

async function stage(t: ExecutionContext, hosts: readonly SeenHost[]) {
  const clock = createClockDouble();
  const ending = new AbortController();
  const asked: Ipv4[] = [];
  const macs = new Map<Ipv4, Mac>();
  const it = { hosts, asked, macs, told: [] as readonly string[], clock };
  const ended = identifyHosts({
    hosts: () => it.hosts,
    tell: (all) => {
      it.told = all.map((one) => `${one.host.name} ${one.mac}`);
    },
    occupant: async (address) => {
      asked.push(address);
      if (address === '10.77.0.66') throw new Error('ENETUNREACH');
      return macs.get(address);
    },
    clock,
    log: createLogDouble(),
    signal: ending.signal,
  });
  t.teardown(async () => {
    ending.abort();
    await ended;
  });
  await clock.whenSleeping(1);
  return it;
}

test('a host that does not tell its hardware address is asked; one that does is not', async (t) => {
  const it = await stage(t, [host('raspberrypi', '10.77.0.7'), host('told', '10.77.0.8', pi)]);
  t.deepEqual(it.asked, ['10.77.0.7']);
  t.deepEqual(it.told, [`told ${pi}`]);
  it.macs.set(must(parseIpv4('10.77.0.7')), pi);
  await it.clock.advance(seconds(5));
  t.deepEqual(it.told, [`raspberrypi ${pi}`, `told ${pi}`]);
  await it.clock.advance(seconds(60));
  t.is(it.asked.length, 2, 'what is known is not asked again');
  it.hosts = [];
  await it.clock.advance(seconds(5));
  t.deepEqual(it.told, []);
  it.hosts = [host('raspberrypi', '10.77.0.7')];
  await it.clock.advance(seconds(5));
  t.is(it.asked.length, 3, 'another machine may have come with this name and address');
});

test('nobody is asked more than three times and then every five minutes, and not more than sixteen at a time', async (t) => {
  const it = await stage(
    t,
    Array.from({ length: 40 }, (_, at) => host(`h${at}`, ipv4FromNumber(0x0a4d0002 + at))),
  );
  t.is(it.asked.length, 16);
  await it.clock.advance(seconds(10));
  t.is(new Set(it.asked).size, 40, 'all come to their turn');
  await it.clock.advance(seconds(290));
  t.is(it.asked.length, 120);
  it.macs.set(must(parseIpv4('10.77.0.2')), pi);
  await it.clock.advance(seconds(100));
  t.is(it.asked.length, 160);
  t.deepEqual(it.told, [`h0 ${pi}`]);
});

test('a question that cannot be asked is no end', async (t) => {
  const it = await stage(t, [host('far', '10.77.0.66'), host('pi', '10.77.0.7')]);
  it.macs.set(must(parseIpv4('10.77.0.7')), pi);
  await it.clock.advance(seconds(5));
  t.deepEqual(it.told, [`pi ${pi}`]);
});
