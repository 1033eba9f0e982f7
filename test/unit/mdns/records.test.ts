import test from 'ava';
import { seconds } from '../../../config/values.ts';
import {
  isPlausible,
  isWritable,
  packLots,
  packProbes,
  readPacket,
  writeQuery,
  writeRecord,
} from '../../../daemon/mdns/packet.ts';
import { identity, masterRecords, nextName, ownerAddress, renamed } from '../../../daemon/mdns/records.ts';
import { hostOf, master, records, show } from './examples.ts';

test('what the master publishes', (t) => {
  t.deepEqual(records.map(show), [
    'A master.local 10.77.0.1',
    'NSEC master.local A',
    'PTR 1.0.77.10.in-addr.arpa master.local',
    'NSEC 1.0.77.10.in-addr.arpa PTR',
    'PTR _services._dns-sd._udp.local _bramble._tcp.local',
    'PTR _bramble._tcp.local master._bramble._tcp.local',
    'SRV master._bramble._tcp.local 8067 master.local',
    'TXT master._bramble._tcp.local ["version=0.1.0","state=ready"]',
    'NSEC master._bramble._tcp.local TXT SRV',
    'A worker-kube1.local 10.77.0.11',
    'NSEC worker-kube1.local A',
    'PTR 11.0.77.10.in-addr.arpa worker-kube1.local',
    'NSEC 11.0.77.10.in-addr.arpa PTR',
    'A worker-kube2.local 10.77.0.12',
    'NSEC worker-kube2.local A',
    'PTR 12.0.77.10.in-addr.arpa worker-kube2.local',
    'NSEC 12.0.77.10.in-addr.arpa PTR',
    'PTR _services._dns-sd._udp.local _ssh._tcp.local',
    'PTR _ssh._tcp.local worker-kube1._ssh._tcp.local',
    'SRV worker-kube1._ssh._tcp.local 22 worker-kube1.local',
    'TXT worker-kube1._ssh._tcp.local [""]',
    'NSEC worker-kube1._ssh._tcp.local TXT SRV',
  ]);
});

test('only the service pointers are shared', (t) => {
  const shared = records.filter((record) => !record.unique);
  t.deepEqual(
    shared.map(({ name }) => name),
    ['_services._dns-sd._udp.local', '_bramble._tcp.local', '_services._dns-sd._udp.local', '_ssh._tcp.local'],
  );
});

test('120 s where a host name is in it, 75 minutes elsewhere', (t) => {
  for (const record of records) {
    const service = record.type === 'TXT' || (record.type === 'PTR' && !record.unique);
    t.is(record.ttl, seconds(service ? 4500 : 120), show(record));
  }
});

test('the cache-flush bit is on unique records only, and on none for plain DNS', (t) => {
  for (const record of records) {
    t.is(writeRecord(record).flush, record.unique);
    t.is(writeRecord(record, { flush: false }).flush, false);
  }
});

test('records survive the way to the wire and back', (t) => {
  const wire = records.filter(({ type }) => type !== 'NSEC').map((record) => writeRecord(record));
  const back = readPacket({ type: 'response', answers: wire });
  t.is(back.kind, 'response');
  t.deepEqual(
    back.answers,
    records.filter(({ type }) => type !== 'NSEC'),
  );
});

test('what is not ours to understand is left out', (t) => {
  const common = { name: 'a.local', ttl: 1, class: 'IN' };
  const { questions, answers } = readPacket({
    type: 'query',
    questions: [
      { name: 'a.local', type: 'A', class: 'IN' },
      { name: 'b.local', type: 'A', class: 'UNKNOWN_32769' },
      { name: 'c.local', type: 'A', class: 'CH' },
    ],
    answers: [
      { ...common, type: 'A', data: '1.2.3' },
      { ...common, type: 'A', data: { address: '1.2.3.4' } },
      { ...common, type: 'A', class: 'CH', data: '1.2.3.4' },
      { ...common, type: 'SRV', data: { target: 7, port: 1 } },
      { ...common, type: 'SRV', data: null },
      { ...common, type: 'TXT', data: 'no list' },
      { ...common, type: 'AAAA', data: '::1' },
      { ...common, type: 'PTR' },
      { name: '.', type: 'OPT' },
    ],
  });
  t.deepEqual(questions, [
    { name: 'a.local', type: 'A', unicast: false },
    { name: 'b.local', type: 'A', unicast: true },
  ]);
  t.deepEqual(answers, []);
});

test('the records of 200 boards are put in packets that an Ethernet frame holds', (t) => {
  const boards = Array.from({ length: 200 }, (_, at) => hostOf(`worker-kube${at + 1}`, `10.77.1.${at + 1}`));
  const all = masterRecords({ ...master, boards });
  const lots = packLots(all);
  t.deepEqual(lots.flat().map(identity), all.map(identity));
  t.true(lots.length > 10 && lots.length < 60, `${lots.length} packets`);
  t.deepEqual(packLots([]), []);
});

test('probes: a question for each name, with all that is claimed for it in the same packet', (t) => {
  const boards = Array.from({ length: 50 }, (_, at) => hostOf(`worker-kube${at + 1}`, `10.77.1.${at + 1}`));
  const claims = masterRecords({ ...master, boards }).filter(({ unique, type }) => unique && type !== 'NSEC');
  const probes = packProbes(claims);
  t.deepEqual(new Set(probes.flatMap(({ authorities }) => authorities).map(identity)), new Set(claims.map(identity)));
  for (const { questions, authorities } of probes) {
    t.deepEqual(new Set(questions.map(({ name }) => name)), new Set(authorities.map(({ name }) => name)));
    const packet = writeQuery(questions, { authorities });
    t.true(packet.authorities?.every(({ flush }) => flush === false));
    t.true(packet.questions?.every(({ type }) => type === 'ANY'));
  }
});

test('whose a name is', (t) => {
  t.is(ownerAddress('worker-kube1.local', records), hostOf('x', '10.77.0.11').address);
  t.is(ownerAddress('Worker-Kube1._ssh._tcp.local', records), hostOf('x', '10.77.0.11').address);
  t.is(ownerAddress('12.0.77.10.in-addr.arpa', records), hostOf('x', '10.77.0.12').address);
  t.is(ownerAddress('_ssh._tcp.local', records), undefined);
});

test('the next name, and every place where it stands', (t) => {
  t.is(nextName('master.local'), 'master-2.local');
  t.is(nextName('master-2.local'), 'master-3.local');
  t.is(nextName('master._bramble._tcp.local'), 'master-2._bramble._tcp.local');
  t.is(nextName(`${'m'.repeat(63)}.local`), `${'m'.repeat(61)}-2.local`);
  const shown = renamed(records, new Map([['master.local', 'master-2.local']])).map(show);
  t.deepEqual(
    shown.filter((text) => /master(-2)?\.local/.test(text)),
    [
      'A master-2.local 10.77.0.1',
      'NSEC master-2.local A',
      'PTR 1.0.77.10.in-addr.arpa master-2.local',
      'SRV master._bramble._tcp.local 8067 master-2.local',
    ],
  );
});

test('names that cannot be written are known', (t) => {
  t.true(isWritable('worker-kube1._ssh._tcp.local'));
  for (const name of ['', '.', 'a..local', `${'a'.repeat(64)}.local`, `${'é'.repeat(32)}.local`, 'a.'.repeat(130)]) {
    t.false(isWritable(name), name);
  }
});

test('messages of another opcode, with an error in them, or with more in the header than can be there', (t) => {
  const header = (change: Readonly<Record<number, number>>): Buffer => {
    const bytes = Buffer.alloc(12 + 5);
    for (const [at, byte] of Object.entries(change)) bytes[Number(at)] = byte;
    return bytes;
  };
  t.true(isPlausible(header({ 5: 1 })));
  t.true(isPlausible(header({ 2: 0x84 })), 'a response');
  // QUERY is opcode 0: IQUERY, STATUS, UPDATE (RFC 6762 18.3).
  for (const opcode of [1, 2, 5]) t.false(isPlausible(header({ 2: opcode << 3 })));
  // NXDOMAIN (RFC 6762 18.11).
  t.false(isPlausible(header({ 2: 0x84, 3: 3 })));
  t.false(isPlausible(header({ 5: 2 })));
  t.false(isPlausible(header({ 7: 1 })));
  t.false(isPlausible(Buffer.alloc(11)));
});
