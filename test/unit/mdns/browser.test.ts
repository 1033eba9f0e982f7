/** The browser on the clock; avahi daemons are in the integration test. */
import test, { type ExecutionContext } from 'ava';
import { must } from '../../../config/result.ts';
import { instant, millis, parseIpv4, seconds, subnetOf } from '../../../config/values.ts';
import { mdnsBrowser } from '../../../daemon/mdns/browser.ts';
import {
  absorb,
  cacheMax,
  emptyCache,
  knownAnswers,
  refreshAt,
  senderMax,
  withoutExpired,
} from '../../../daemon/mdns/cache.ts';
import { writeQuery, writeResponse } from '../../../daemon/mdns/packet.ts';
import type { MdnsRecord } from '../../../daemon/mdns/records.ts';
import type { SeenHost } from '../../../daemon/mdns/sightings.ts';
import { type ClockDouble, createClockDouble, createLogDouble } from '../../support/doubles.ts';
import { heard, query, response } from './examples.ts';
import { createLinkDouble, type LinkDouble } from './link-double.ts';

const address = must(parseIpv4('10.77.0.1'));
const ttl = seconds(120);
const a = (name: string, ip: string): MdnsRecord => ({
  type: 'A',
  name,
  address: must(parseIpv4(ip)),
  ttl,
  unique: true,
});
const ptr = (name: string, target: string): MdnsRecord => ({
  type: 'PTR',
  name,
  target,
  ttl: seconds(4500),
  unique: false,
});
const srv = (name: string, target: string): MdnsRecord => ({ type: 'SRV', name, target, port: 22, ttl, unique: true });
const gone = (record: MdnsRecord): MdnsRecord => ({ ...record, ttl: millis(0) });

type Stage = {
  readonly clock: ClockDouble;
  readonly link: LinkDouble;
  readonly events: string[];
  /** How often the cable was out or in. */
  readonly cable: { changes: number };
};

const show = ({ name, address: at, mac, ssh }: SeenHost): string =>
  [name, at, mac, ssh ? 'ssh' : undefined].filter((part) => part !== undefined).join(' ');

async function stage(t: ExecutionContext): Promise<Stage> {
  const clock = createClockDouble();
  const link = createLinkDouble(clock);
  const ending = new AbortController();
  const events: string[] = [];
  const cable = { changes: 0 };
  mdnsBrowser({
    interfaceAddress: address,
    isOwn: (from) => from === '10.77.0.2',
    linkChanges: async () => cable.changes,
    subnet: subnetOf(address, 24),
    clock,
    random: { bytes: (length) => new Uint8Array(length) },
    log: createLogDouble(),
    signal: ending.signal,
    onSeen: (host) => events.push(`seen ${show(host)}`),
    onGone: (host) => events.push(`gone ${show(host)}`),
    openLink: link.open,
  });
  t.teardown(() => ending.abort());
  await clock.whenSleeping(2);
  return { clock, link, events, cable };
}

const asked = ({ link }: Stage): readonly string[] =>
  link.said.map(
    ({ at, message }) => `${at} ${message.questions.map(({ name, type }) => `${type} ${name}`).join(', ')}`,
  );

test('asks after 20 ms, then a second later, two, four … up to an hour (5.2)', async (t) => {
  const it = await stage(t);
  await it.clock.advance(seconds(4 * 3600));
  const times = it.link.said.map(({ at }) => at);
  t.deepEqual(times.slice(0, 6), [0.02, 1.02, 3.02, 7.02, 15.02, 31.02]);
  t.true(times.length < 17);
  t.is(
    asked(it)[0],
    '0.02 PTR _ssh._tcp.local, PTR _sftp-ssh._tcp.local, PTR _workstation._tcp.local, A raspberrypi.local, A black-pearl.local',
  );
});

test('a workstation is seen with its hardware address; what is missing is asked for', async (t) => {
  const it = await stage(t);
  await it.clock.advance(millis(100));
  const instance = 'raspberrypi [dc:a6:32:01:02:03]._workstation._tcp.local';
  it.link.clear();
  it.link.hear(writeResponse([ptr('_workstation._tcp.local', instance)]), '10.77.0.60');
  await it.clock.advance(millis(200));
  it.link.hear(writeResponse([srv(instance, 'raspberrypi.local')]), '10.77.0.60');
  await it.clock.advance(millis(200));
  it.link.hear(writeResponse([a('raspberrypi.local', '10.77.0.60')]), '10.77.0.60');
  await it.clock.advance(millis(200));
  t.deepEqual(asked(it), [`0.2 SRV ${instance}`, '0.4 A raspberrypi.local']);
  t.deepEqual(it.events, ['seen raspberrypi 10.77.0.60 dc:a6:32:01:02:03']);
  it.link.hear(
    writeResponse([ptr('_ssh._tcp.local', 'pi._ssh._tcp.local')], {
      additionals: [srv('pi._ssh._tcp.local', 'raspberrypi.local')],
    }),
    '10.77.0.60',
  );
  await it.clock.advance(millis(200));
  t.is(it.events.at(-1), 'seen raspberrypi 10.77.0.60 dc:a6:32:01:02:03 ssh');
});

test('when the cable was out, who is there is asked at once, and nobody is forgotten', async (t) => {
  const it = await stage(t);
  await it.clock.advance(seconds(200));
  it.link.hear(writeResponse([a('worker9.local', '10.77.0.9')]), '10.77.0.9');
  await it.clock.advance(seconds(4));
  it.link.clear();
  it.cable.changes += 2;
  await it.clock.advance(seconds(8));
  t.deepEqual(
    it.link.said.map(({ at }) => at),
    [205.02, 206.02, 208.02, 212.02].filter((at) => at <= 212),
  );
  t.deepEqual(it.events, ['seen worker9 10.77.0.9']);
});

test('what is missing and never comes is asked for three times', async (t) => {
  const it = await stage(t);
  await it.clock.advance(seconds(100));
  it.link.clear();
  it.link.hear(writeResponse([srv('x._ssh._tcp.local', 'nowhere.local')]), '10.77.0.60');
  await it.clock.advance(seconds(20));
  t.deepEqual(asked(it), ['100.1 A nowhere.local', '101.1 A nowhere.local', '102.1 A nowhere.local']);
});

test('an address is asked for again at 80, 85, 90, 95 per cent of its life; without an answer it is gone', async (t) => {
  const it = await stage(t);
  await it.clock.advance(seconds(130));
  it.link.clear();
  it.link.hear(writeResponse([a('worker9.local', '10.77.0.9')]), '10.77.0.9');
  await it.clock.advance(seconds(119));
  t.deepEqual(asked(it), ['226 A worker9.local', '232 A worker9.local', '238 A worker9.local', '244 A worker9.local']);
  t.deepEqual(it.events, ['seen worker9 10.77.0.9']);
  it.link.hear(writeResponse([a('worker9.local', '10.77.0.9')]), '10.77.0.9');
  await it.clock.advance(seconds(119));
  t.is(it.events.length, 1, 'the answer counted');
  await it.clock.advance(seconds(2));
  t.deepEqual(it.events, ['seen worker9 10.77.0.9', 'gone worker9 10.77.0.9']);
});

test('a goodbye counts after a second; another address replaces the first', async (t) => {
  const it = await stage(t);
  it.link.hear(writeResponse([a('pi.local', '10.77.0.9')]), '10.77.0.9');
  await it.clock.advance(seconds(2));
  it.link.hear(writeResponse([a('pi.local', '10.77.0.10')]), '10.77.0.10');
  await it.clock.advance(seconds(2));
  it.link.hear(writeResponse([gone(a('pi.local', '10.77.0.10'))]), '10.77.0.10');
  await it.clock.advance(millis(900));
  t.deepEqual(it.events, ['seen pi 10.77.0.9', 'seen pi 10.77.0.10', 'gone pi 10.77.0.9']);
  await it.clock.advance(millis(200));
  t.is(it.events.at(-1), 'gone pi 10.77.0.10');
});

test('our own responder, other subnets, other ports and odd names are not seen', async (t) => {
  const it = await stage(t);
  it.link.hear(writeResponse([a('worker-kube1.local', '10.77.0.11')]), '10.77.0.1');
  it.link.hear(writeResponse([a('worker-kube1.local', '10.77.0.11')]), '10.77.0.2');
  it.link.hear(writeResponse([a('far.local', '10.77.0.12')]), '10.99.0.12');
  it.link.hear(writeResponse([a('port.local', '10.77.0.12')]), '10.77.0.12', 40_000);
  it.link.hear(writeResponse([a('two.labels.local', '10.77.0.12')]), '10.77.0.12');
  it.link.hear(writeResponse([a('under_score.local', '10.77.0.12')]), '10.77.0.12');
  it.link.hear(writeResponse([a('elsewhere.local', '192.168.7.7')]), '10.77.0.12');
  await it.clock.advance(seconds(1));
  t.deepEqual(it.events, []);
});

test('what another has just asked is not asked again (7.3)', async (t) => {
  const it = await stage(t);
  await it.clock.advance(seconds(6));
  it.link.clear();
  await it.clock.advance(millis(900));
  it.link.hear(writeQuery(query(['PTR _ssh._tcp.local', 'PTR _workstation._tcp.local']).questions));
  await it.clock.advance(millis(200));
  t.deepEqual(asked(it), ['7.02 PTR _sftp-ssh._tcp.local, A raspberrypi.local, A black-pearl.local']);
});

test('the cache is bounded: for each sender, and in all', (t) => {
  const all = (): boolean => true;
  const many = (sender: number) =>
    heard(response(Array.from({ length: 300 }, (_, at) => a(`h${sender}-${at}.local`, '10.77.0.9'))), {
      from: `10.77.0.${sender}`,
    });
  t.is(absorb(emptyCache, many(1), instant(0), all).size, senderMax);
  let cache = absorb(emptyCache, many(1), instant(0), all);
  for (let sender = 2; sender < 50; sender += 1) cache = absorb(cache, many(sender), instant(0), all);
  t.is(cache.size, cacheMax);
  t.is(withoutExpired(cache, instant(120_000)).size, 0);
  const long = absorb(
    emptyCache,
    heard(response([{ ...a('a.local', '10.77.0.9'), ttl: seconds(2 ** 31) }])),
    instant(0),
    all,
  );
  t.is(withoutExpired(long, instant(4_500_000)).size, 0, 'a life of decades is one of 75 minutes');
});

test('known answers have more than half of their life, and tell what is left', (t) => {
  const record = ptr('_ssh._tcp.local', 'pi._ssh._tcp.local');
  const cache = absorb(emptyCache, heard(response([record])), instant(0), () => true);
  const known = (now: number) => knownAnswers(cache, '_SSH._tcp.local', 'PTR', instant(now)).map((one) => one.ttl);
  t.deepEqual(known(0), [seconds(4500)]);
  t.deepEqual(known(1_000_000), [seconds(3500)]);
  t.deepEqual(known(2_250_000), []);
  const [cached] = cache.values();
  t.is(cached && refreshAt(cached, 0, 0), instant(3_600_000));
  t.is(cached && refreshAt(cached, 0, 1), instant(3_690_000), 'by chance up to two per cent later');
  t.is(cached && refreshAt(cached, 4, 0), undefined);
});
