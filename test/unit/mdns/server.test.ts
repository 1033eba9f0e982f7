/** The responder on the clock: what RFC 6762 says about when. The wire and foreign programs are in the integration test. */
import test, { type ExecutionContext } from 'ava';
import { must } from '../../../config/result.ts';
import { millis, parseIpv4, seconds, subnetOf } from '../../../config/values.ts';
import { createSupervisor } from '../../../daemon/app/supervise.ts';
import { mdnsBrowser } from '../../../daemon/mdns/browser.ts';
import type { MdnsConflict } from '../../../daemon/mdns/conflicts.ts';
import { writeQuery, writeResponse } from '../../../daemon/mdns/packet.ts';
import { type MdnsRecord, masterRecords } from '../../../daemon/mdns/records.ts';
import { type MdnsServer, mdnsServer } from '../../../daemon/mdns/server.ts';
import { type ClockDouble, createClockDouble, createLogDouble } from '../../support/doubles.ts';
import { hostOf, type master as Master, master, published, query } from './examples.ts';
import { createLinkDouble, type LinkDouble } from './link-double.ts';

const address = must(parseIpv4('10.77.0.1'));
const kube1 = published('A worker-kube1.local 10.77.0.11');
const at = (record: MdnsRecord, other: string): MdnsRecord => ({
  ...record,
  type: 'A',
  address: must(parseIpv4(other)),
});
const single: typeof Master = { ...master, boards: [hostOf('worker-kube1', '10.77.0.11')] };

type Stage = {
  readonly clock: ClockDouble;
  readonly link: LinkDouble;
  readonly server: MdnsServer;
  readonly conflicts: readonly (MdnsConflict | string)[];
  /** How often the cable was out or in. */
  readonly cable: { changes: number };
  readonly end: () => Promise<void>;
};

/** Chance is always 0: the first probe goes out at once, shared answers after 20 ms. */
async function stage(t: ExecutionContext, records = masterRecords(single)): Promise<Stage> {
  const clock = createClockDouble();
  const link = createLinkDouble(clock);
  const ending = new AbortController();
  const conflicts: (MdnsConflict | string)[] = [];
  const cable = { changes: 0 };
  const server = mdnsServer({
    interfaceAddress: address,
    subnet: subnetOf(address, 24),
    isOwn: (from) => from === '10.77.0.2',
    linkChanges: async () => cable.changes,
    clock,
    random: { bytes: (length) => new Uint8Array(length) },
    log: createLogDouble(),
    signal: ending.signal,
    records,
    openLink: link.open,
    onConflict: (conflict) => conflicts.push(conflict),
    onConflictOver: ({ name }) => conflicts.push(`over: ${name}`),
  });
  t.teardown(() => ending.abort());
  await clock.whenSleeping(1);
  const end = async (): Promise<void> => {
    ending.abort();
    await server.closed;
  };
  return { clock, link, server, conflicts, cable, end };
}

/** All names are ours, and announced. */
async function settledStage(t: ExecutionContext, records?: readonly MdnsRecord[]): Promise<Stage> {
  const it = await stage(t, records);
  await it.clock.advance(seconds(10));
  it.link.clear();
  return it;
}

const hostOnly = (name: string): readonly MdnsRecord[] =>
  masterRecords(single).filter((record) => record.name === name && record.type !== 'NSEC');
const times = ({ link }: Stage, kind: 'query' | 'response'): readonly number[] =>
  link.said.filter(({ message }) => message.kind === kind).map((one) => one.at);

test('probes at 0, 250, 500 ms; announcements at 750 ms and a second later; then silence (8.1, 8.3)', async (t) => {
  const it = await stage(t, hostOnly('worker-kube1.local'));
  await it.clock.advance(seconds(60));
  t.deepEqual(it.link.lines(), [
    '0 ? worker-kube1.local | A 10.77.0.11',
    '0.25 ? worker-kube1.local | A 10.77.0.11',
    '0.5 ? worker-kube1.local | A 10.77.0.11',
    '0.75 A 10.77.0.11',
    '1.75 A 10.77.0.11',
  ]);
  t.true(it.link.said.every(({ to }) => to === null));
  t.true(it.link.said.slice(0, 3).every(({ message }) => message.authorities.every(({ unique }) => !unique)));
  t.true(it.link.said.slice(3).every(({ message }) => message.answers.every(({ unique }) => unique)));
});

test('nothing is answered for a name that is being probed for, and all is once it is ours', async (t) => {
  const it = await stage(t);
  await it.clock.advance(millis(700));
  it.link.clear();
  it.link.hear(writeQuery(query(['A worker-kube1.local']).questions));
  await it.clock.advance(millis(10));
  t.deepEqual(times(it, 'response'), []);
  await it.clock.advance(seconds(5));
  it.link.clear();
  it.link.hear(writeQuery(query(['A worker-kube1.local']).questions));
  t.deepEqual(it.link.lines(), ['5.71 A 10.77.0.11']);
});

test('a board that answers our probe with the same address is no conflict', async (t) => {
  const it = await stage(t);
  await it.clock.advance(millis(300));
  it.link.hear(writeResponse([kube1]), '10.77.0.11');
  await it.clock.advance(seconds(1));
  t.deepEqual(it.conflicts, []);
  it.link.clear();
  it.link.hear(writeQuery(query(['A worker-kube1.local'], { id: 7 }).questions), '10.77.0.50', 40_000);
  t.deepEqual(it.link.lines(), ['1.3 to 10.77.0.50:40000 A 10.77.0.11']);
});

test("another host has a board's name: told once, silence, asked again, over when it is gone", async (t) => {
  const it = await stage(t);
  await it.clock.advance(millis(300));
  it.link.hear(writeResponse([at(kube1, '10.77.0.99')]), '10.77.0.99');
  const told = [{ name: 'worker-kube1.local', theirs: '10.77.0.99' }];
  t.deepEqual(it.conflicts, told);
  await it.clock.advance(seconds(10));
  it.link.clear();
  it.link.hear(writeQuery(query(['A worker-kube1.local', 'A master.local']).questions));
  t.deepEqual(it.link.lines(), ['10.3 A 10.77.0.1'], 'the master goes on');
  it.link.clear();
  await it.clock.advance(seconds(290));
  t.regex(it.link.lines()[0] ?? '', /^300.3 \? worker-kube1\.local/);
  it.link.hear(writeResponse([at(kube1, '10.77.0.99')]), '10.77.0.99');
  t.deepEqual(it.conflicts, told);
  await it.clock.advance(seconds(310));
  t.deepEqual(it.conflicts, [...told, 'over: worker-kube1.local']);
  t.true(it.link.lines().some((line) => line.endsWith('A 10.77.0.11')));
});

test('the goodbye of the other host gives the name back within two seconds, and no goodbye of ours was against it', async (t) => {
  const it = await settledStage(t);
  it.link.hear(writeResponse([at(kube1, '10.77.0.99')]), '10.77.0.99');
  await it.clock.advance(millis(100));
  it.link.hear(writeResponse([at(kube1, '10.77.0.99')]), '10.77.0.99');
  t.is(it.conflicts.length, 1);
  t.deepEqual(times(it, 'response'), []);
  await it.clock.advance(seconds(20));
  it.link.hear(writeResponse([{ ...at(kube1, '10.77.0.99'), ttl: millis(0) }]), '10.77.0.99');
  await it.clock.advance(seconds(2));
  t.is(it.conflicts.at(-1), 'over: worker-kube1.local');
});

test('a name that is ours is probed for again when somebody contradicts, and kept when he does not answer (9)', async (t) => {
  const it = await settledStage(t);
  it.link.hear(writeResponse([at(kube1, '10.77.0.99')]), '10.77.0.99');
  await it.clock.advance(seconds(5));
  t.deepEqual(times(it, 'query'), [10, 10.25, 10.5]);
  t.deepEqual(times(it, 'response'), [10.75, 11.75]);
  t.deepEqual(it.conflicts, []);
});

test("the master's own name gets a number", async (t) => {
  const it = await stage(t);
  await it.clock.advance(millis(300));
  it.link.hear(writeResponse([at(published('A master.local 10.77.0.1'), '10.77.0.99')]), '10.77.0.99');
  t.deepEqual(it.conflicts, [{ name: 'master.local', theirs: '10.77.0.99', newName: 'master-2.local' }]);
  await it.clock.advance(seconds(5));
  it.link.clear();
  it.link.hear(writeQuery(query(['A master-2.local', 'A master.local', 'SRV master._bramble._tcp.local']).questions));
  t.deepEqual(it.link.lines(), ['5.3 A 10.77.0.1, SRV 8067 master-2.local']);
  it.link.hear(writeResponse([at({ ...kube1, name: 'master-2.local' }, '10.77.0.98')]), '10.77.0.98');
  await it.clock.advance(millis(50));
  it.link.hear(writeResponse([at({ ...kube1, name: 'master-2.local' }, '10.77.0.98')]), '10.77.0.98');
  t.deepEqual(it.conflicts.at(-1), { name: 'master.local', theirs: '10.77.0.98', newName: 'master-3.local' });
});

test("the master's own name is asked for again when the network may be another one, and that is told", async (t) => {
  const it = await stage(t);
  await it.clock.advance(millis(300));
  it.link.hear(writeResponse([at(published('A master.local 10.77.0.1'), '10.77.0.99')]), '10.77.0.99');
  await it.clock.advance(seconds(5));
  it.server.rejoin();
  await it.clock.advance(seconds(5));
  t.deepEqual(it.conflicts.slice(1), ['over: master.local']);
  it.link.clear();
  it.link.hear(writeQuery(query(['A master.local']).questions));
  t.deepEqual(it.link.lines(), ['10.3 A 10.77.0.1']);
});

test('somebody who has every name that we ask for: after fifteen times we ask every five seconds (8.1)', async (t) => {
  const it = await stage(t, hostOnly('master.local'));
  let name = 'master.local';
  for (let attempt = 0; attempt < 40; attempt += 1) {
    it.link.hear(writeResponse([at({ ...kube1, name }, '10.77.0.99')]), '10.77.0.99');
    const told = it.conflicts.at(-1);
    if (typeof told === 'object' && told.newName !== undefined) name = told.newName;
    const before = times(it, 'query').length;
    while (times(it, 'query').length === before) await it.clock.advance(millis(100));
  }
  const asked = times(it, 'query');
  t.true((asked[14] ?? 99) < 2, asked.join(' '));
  t.true((asked[39] ?? 0) - (asked[19] ?? 0) >= 19 * 5, asked.join(' '));
});

test('a board that probes for its own services gets them before it hears a word of ours', async (t) => {
  const boards = [{ ...hostOf('worker-kube1', '10.77.0.11'), ssh: true }];
  const it = await stage(t, masterRecords({ ...single, boards }));
  await it.clock.advance(millis(900));
  it.link.clear();
  const text = published('TXT worker-kube1._ssh._tcp.local [""]');
  const authorities: readonly MdnsRecord[] = [{ ...text, type: 'TXT', entries: ['serial=abcd'] }];
  it.link.hear(writeQuery(query(['ANY worker-kube1._ssh._tcp.local']).questions, { authorities }), '10.77.0.11');
  await it.clock.advance(seconds(20));
  t.false(
    it.link.lines().some((line) => /serial|TXT \[""\]|SRV 22|goodbye/.test(line)),
    it.link.lines().join('\n'),
  );
  it.link.hear(writeResponse(authorities.map((record) => ({ ...record, ttl: millis(0) }))), '10.77.0.11');
  await it.clock.advance(seconds(3));
  t.true(
    it.link.lines().some((line) => line.includes('TXT [""]')),
    it.link.lines().join('\n'),
  );
  t.deepEqual(it.conflicts, []);
});

test('two probe at once: the later address wins, the other asks again a second later (8.2)', async (t) => {
  for (const [theirs, probes] of [
    ['10.77.0.99', [0, 1.1, 1.35, 1.6]],
    ['10.77.0.5', [0, 0.25, 0.5]],
    ['10.77.0.11', [0, 0.25, 0.5]],
  ] as const) {
    const it = await stage(t, hostOnly('worker-kube1.local'));
    await it.clock.advance(millis(100));
    const authorities = [at(kube1, theirs)];
    it.link.hear(writeQuery(query(['ANY worker-kube1.local']).questions, { authorities }), '10.77.0.99');
    await it.clock.advance(seconds(2));
    t.deepEqual(times(it, 'query'), probes, theirs);
  }
});

test('a shared answer waits 20 to 120 ms, joins others, and is left out when another says it (6, 7.4)', async (t) => {
  const it = await settledStage(t);
  it.link.hear(writeQuery(query(['PTR _bramble._tcp.local']).questions));
  await it.clock.advance(millis(10));
  it.link.hear(writeQuery(query(['PTR _services._dns-sd._udp.local']).questions));
  t.deepEqual(it.link.lines(), []);
  await it.clock.advance(millis(10));
  t.deepEqual(it.link.lines(), ['10.02 PTR master._bramble._tcp.local, PTR _bramble._tcp.local']);
  it.link.clear();
  await it.clock.advance(seconds(2));
  it.link.hear(writeQuery(query(['PTR _bramble._tcp.local']).questions));
  it.link.hear(writeResponse([published('PTR _bramble._tcp.local master._bramble._tcp.local')]), '10.77.0.60');
  await it.clock.advance(millis(200));
  t.deepEqual(it.link.lines(), []);
});

test('once a second by multicast, whoever asks (6.2)', async (t) => {
  const it = await settledStage(t);
  for (let count = 0; count < 30; count += 1) {
    it.link.hear(writeQuery(query(['A worker-kube1.local']).questions), `10.77.0.${60 + count}`);
    await it.clock.advance(millis(100));
  }
  t.deepEqual(times(it, 'response'), [10, 11, 12]);
});

test('so are those that went along with another answer (6)', async (t) => {
  const it = await settledStage(t);
  it.link.hear(writeQuery(query(['SRV master._bramble._tcp.local']).questions));
  await it.clock.advance(millis(500));
  it.link.hear(writeQuery(query(['A master.local']).questions));
  it.link.hear(writeQuery(query(['TXT master._bramble._tcp.local']).questions));
  await it.clock.advance(millis(600));
  it.link.hear(writeQuery(query(['A master.local']).questions));
  t.deepEqual(it.link.lines(), [
    '10 SRV 8067 master.local',
    '10.5 TXT ["version=0.1.0","state=ready"]',
    '11.1 A 10.77.0.1',
  ]);
});

test('an answer to one asker has the id of his query (18.1), and as many packets as it takes', async (t) => {
  const boards = Array.from({ length: 60 }, (_, number) => ({
    ...hostOf(`worker-kube${number + 1}`, `10.77.0.${number + 100}`),
    ssh: true,
  }));
  const it = await settledStage(t, masterRecords({ ...single, boards }));
  const { questions } = query(['PTR _ssh._tcp.local']);
  it.link.hear({
    ...writeQuery([]),
    id: 77,
    questions: [{ name: '_ssh._tcp.local', type: 'PTR', class: 'UNKNOWN_32769' }],
  });
  const unicast = it.link.said.map(({ message }) => message);
  t.true(unicast.length > 2);
  t.is(unicast.flatMap(({ answers }) => answers).length, 60);
  t.true(unicast.every(({ id, truncated }) => id === 77 && !truncated));
  it.link.clear();
  // RFC 6762 18.5: a plain DNS client gets one packet, and is told that there is more.
  it.link.hear({ ...writeQuery(questions), id: 78 }, '10.77.0.50', 40_000);
  const [legacy, ...more] = it.link.said.map(({ message }) => message);
  t.deepEqual(more, []);
  t.is(legacy?.id, 78);
  t.true(legacy?.truncated);
  t.true((legacy?.answers.length ?? 0) > 5);
});

test('known answers of several packets are waited for (7.2)', async (t) => {
  const it = await settledStage(t);
  const [ask, known] = [
    query(['PTR _bramble._tcp.local']),
    published('PTR _bramble._tcp.local master._bramble._tcp.local'),
  ];
  it.link.hear(writeQuery(ask.questions, { truncated: true }));
  await it.clock.advance(millis(100));
  it.link.hear(writeQuery([], { answers: [known] }));
  await it.clock.advance(seconds(2));
  t.deepEqual(it.link.lines(), []);
  it.link.hear(writeQuery(ask.questions, { truncated: true }));
  await it.clock.advance(seconds(2));
  t.deepEqual(times(it, 'response'), [12.52]);
});

test('the goodbye of a board makes us say its name again, a second later if we have just said it (6.6)', async (t) => {
  const it = await settledStage(t);
  const goodbye = writeResponse([{ ...kube1, ttl: millis(0) }]);
  it.link.hear(goodbye, '10.77.0.11');
  it.link.hear(goodbye, '10.77.0.11');
  await it.clock.advance(seconds(3));
  t.deepEqual(it.link.lines(), ['10 A 10.77.0.11', '11 A 10.77.0.11']);
});

test('what comes from another subnet or another port is not heard', async (t) => {
  const it = await settledStage(t);
  it.link.hear(writeQuery(query(['A worker-kube1.local']).questions), '192.168.7.7');
  it.link.hear(writeResponse([at(kube1, '10.77.0.99')]), '10.77.0.99', 40_000);
  await it.clock.advance(seconds(3));
  t.deepEqual(it.link.lines(), []);
});

test('a cable or a device that came back: all is probed for and announced anew', async (t) => {
  const it = await settledStage(t, hostOnly('worker-kube1.local'));
  it.server.rejoin();
  await it.clock.advance(seconds(4));
  t.deepEqual(times(it, 'query'), [10, 10.25, 10.5]);
  t.deepEqual(times(it, 'response'), [10.75, 11.75]);
  it.link.clear();
  it.link.membership.now = 'unable';
  await it.clock.advance(seconds(6));
  it.link.hear(writeQuery(query(['A worker-kube1.local']).questions));
  t.deepEqual(it.link.lines(), []);
  it.link.membership.now = 'joined';
  await it.clock.advance(seconds(10));
  t.is(times(it, 'query').length, 3);
  t.is(times(it, 'response').length, 2);
});

test('the cable was out, if only for a moment: all is probed for and announced anew (8)', async (t) => {
  const it = await settledStage(t, hostOnly('worker-kube1.local'));
  await it.clock.advance(seconds(60));
  t.deepEqual(it.link.lines(), []);
  it.cable.changes += 2;
  await it.clock.advance(seconds(9));
  t.is(times(it, 'query').length, 3);
  t.is(times(it, 'response').length, 2);
});

test('what comes from another interface of the master is no conflict, and no probe against ours', async (t) => {
  const it = await settledStage(t);
  it.link.hear(writeResponse([at(published('A master.local 10.77.0.1'), '10.77.0.2')]), '10.77.0.2');
  const authorities = [at(published('A master.local 10.77.0.1'), '10.77.0.2')];
  it.link.hear(writeQuery(query(['ANY worker-kube1.local']).questions, { authorities }), '10.77.0.2');
  await it.clock.advance(seconds(5));
  t.deepEqual(times(it, 'query'), []);
  t.deepEqual(it.conflicts, []);
});

test('a board that is not ours any more has no conflict either', async (t) => {
  const it = await stage(t);
  await it.clock.advance(millis(300));
  it.link.hear(writeResponse([at(kube1, '10.77.0.99')]), '10.77.0.99');
  await it.clock.advance(seconds(3));
  it.server.update(masterRecords({ ...single, boards: [] }));
  t.is(it.conflicts.at(-1), 'over: worker-kube1.local');
});

test('another address of the master: what was is taken back, what is is probed for', async (t) => {
  const it = await settledStage(t, masterRecords({ ...single, boards: [] }));
  const interfaceAddress = must(parseIpv4('10.88.0.1'));
  it.server.move(
    { interfaceAddress, subnet: subnetOf(interfaceAddress, 24) },
    masterRecords({ ...single, address: interfaceAddress, boards: [] }),
  );
  t.is(it.link.lines()[0], '10 PTR master.local goodbye, A 10.88.0.1');
  await it.clock.advance(seconds(3));
  t.deepEqual(it.link.joinedAt, [address, interfaceAddress]);
  it.link.clear();
  it.link.hear(writeQuery(query(['A master.local']).questions), '10.77.0.50');
  t.deepEqual(it.link.lines(), []);
  it.link.hear(writeQuery(query(['A master.local']).questions), '10.88.0.50');
  t.deepEqual(it.link.lines(), ['13 A 10.88.0.1']);
});

test('a new board is probed for alone; at the end there is a goodbye to everything', async (t) => {
  const it = await settledStage(t, hostOnly('worker-kube1.local'));
  it.server.update([...hostOnly('worker-kube1.local'), { ...at(kube1, '10.77.0.12'), name: 'worker-kube2.local' }]);
  await it.clock.advance(seconds(3));
  t.deepEqual(it.link.lines(), [
    '10 ? worker-kube2.local | A 10.77.0.12',
    '10.25 ? worker-kube2.local | A 10.77.0.12',
    '10.5 ? worker-kube2.local | A 10.77.0.12',
    '10.75 A 10.77.0.12',
    '11.75 A 10.77.0.12',
  ]);
  it.link.clear();
  await it.end();
  t.deepEqual(it.link.lines(), ['13 A 10.77.0.11 goodbye, A 10.77.0.12 goodbye']);
});

test('a port that cannot be had ends responder and browser with the cause: kept up, they have it the next time', async (t) => {
  const clock = createClockDouble();
  const ending = new AbortController();
  const common = {
    ...{ interfaceAddress: address, clock, signal: ending.signal, log: createLogDouble() },
    random: { bytes: (length: number) => new Uint8Array(length) },
  };
  const makers = {
    responder: (link: LinkDouble) => mdnsServer({ ...common, records: [], openLink: link.open }),
    browser: (link: LinkDouble) => mdnsBrowser({ ...common, openLink: link.open, onSeen: () => undefined }),
  };
  const supervisor = createSupervisor({ clock, log: createLogDouble(), signal: ending.signal });
  const kept: Promise<void>[] = [];
  for (const [name, make] of Object.entries(makers)) {
    const link = createLinkDouble(clock);
    link.fail(new Error('bind EADDRINUSE 0.0.0.0:5353'));
    const start = async () => {
      const { ready, closed } = make(link);
      await ready.catch(() => closed);
      return { closed };
    };
    kept.push(supervisor.keepUp(name, start));
    await clock.whenSleeping(kept.length);
  }
  t.deepEqual([...supervisor.failing().values()], Array(2).fill('bind EADDRINUSE 0.0.0.0:5353'));
  await clock.advance(seconds(5));
  t.is(supervisor.failing().size, 0);
  ending.abort();
  await Promise.all(kept);
});
