/** From bytes of anybody to what would be said: with the decoder that multicast-dns uses. */
import { createRequire } from 'node:module';
import test from 'ava';
import fc from 'fast-check';
import type { Packet } from 'multicast-dns';
import { must } from '../../../config/result.ts';
import { instant, millis, parseIpv4, subnetOf } from '../../../config/values.ts';
import { absorb, cacheMax, emptyCache, senderMax } from '../../../daemon/mdns/cache.ts';
import { hearProbe, hearResponse, noNames, tick, wantRecords } from '../../../daemon/mdns/names.ts';
import { isPlausible, readPacket, writeQuery, writeResponse } from '../../../daemon/mdns/packet.ts';
import type { MdnsRecord } from '../../../daemon/mdns/records.ts';
import { contradictions, forgotten, respond } from '../../../daemon/mdns/responder.ts';
import { seenHosts } from '../../../daemon/mdns/sightings.ts';
import { type Heard, takeQuery } from '../../../daemon/mdns/truncated.ts';
import { heard, nothingSent, query, records, response } from './examples.ts';

type Codec = { readonly encode: (packet: Packet) => Buffer; readonly decode: (bytes: Buffer) => Packet };
const { encode, decode }: Codec = createRequire(createRequire(import.meta.url).resolve('multicast-dns'))('dns-packet');

const own = must(parseIpv4('10.77.0.1'));
const now = instant(1_000_000);
const questions = ['A', 'PTR', 'SRV', 'TXT', 'ANY'].flatMap((type) => [
  { name: 'worker-kube1.local', type, unicast: false },
  { name: '_ssh._tcp.local', type, unicast: true },
]);
const originals = [
  encode(writeQuery(questions)),
  encode(writeQuery(questions.slice(0, 2), { answers: records, truncated: true })),
  encode(writeQuery(questions.slice(0, 1), { authorities: records })),
  encode(writeResponse(records, { additionals: records.slice(0, 3) })),
];

/** As the server and the browser go on with a message. */
function hear(heard: Heard): void {
  const step = wantRecords(noNames(own), records, now, millis(0));
  const { names } = tick(step.names, instant(now + 1000));
  const later = instant(now + 2000);
  hearProbe(names, heard, later);
  hearResponse(names, heard, later);
  takeQuery([], heard, later, millis(400));
  for (const { answers, additionals } of respond(heard, records, { sentAt: new Map(), now: later })) {
    encode(writeResponse(answers, { additionals }));
  }
  const cache = absorb(emptyCache, heard, later, () => true);
  if (cache.size > cacheMax) throw new Error(`${cache.size} records are kept`);
  seenHosts(cache, subnetOf(own, 24));
}

const hostile = fc.oneof(
  fc.uint8Array({ maxLength: 400 }),
  fc
    .tuple(fc.constantFrom(...originals), fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 8 }))
    .map(([original, wounds]) =>
      wounds.reduce<Uint8Array>((bytes, [at, value]) => bytes.with(at % bytes.length, value), original),
    ),
  fc
    .tuple(fc.constantFrom(...originals), fc.nat())
    .map(([original, end]) => original.subarray(0, end % original.length)),
);

test('whatever can be decoded is heard without an exception, whatever it says', (t) => {
  let decoded = 0;
  let refused = 0;
  fc.assert(
    fc.property(hostile, fc.constantFrom(5353, 40_000), (bytes, port) => {
      let packet: Packet;
      try {
        packet = decode(Buffer.from(bytes));
      } catch {
        // multicast-dns makes a warning of it.
        refused += 1;
        return;
      }
      decoded += 1;
      hear({ message: readPacket(packet), from: { address: must(parseIpv4('10.77.0.66')), port } });
    }),
    { numRuns: 3000 },
  );
  t.true(decoded > 100 && refused > 100, `${decoded} decoded, ${refused} refused`);
});

test('a packet whose fields are of any type is read as far as it makes sense', (t) => {
  const answer = fc.record(
    {
      name: fc.string(),
      type: fc.constantFrom('A', 'AAAA', 'PTR', 'SRV', 'TXT', 'NSEC', 'OPT', 'UNKNOWN_5'),
      class: fc.constantFrom('IN', 'ANY', 'CH'),
      ttl: fc.nat(),
      data: fc.anything(),
    },
    { requiredKeys: ['name', 'type'] },
  );
  fc.assert(
    fc.property(
      fc.record({
        type: fc.constantFrom('query', 'response'),
        answers: fc.array(answer),
        authorities: fc.array(answer),
      }),
      (packet) => hear({ message: readPacket(packet), from: { address: must(parseIpv4('10.77.0.66')), port: 5353 } }),
    ),
  );
  t.pass();
});

test('a message longer than any may be, or with more records than a frame has room for, is not decoded', (t) => {
  const [record] = records;
  if (record === undefined) return t.fail();
  const copies = (count: number): Buffer => encode(writeResponse(Array.from({ length: count }, () => record)));
  t.true(isPlausible(copies(200)));
  t.false(isPlausible(copies(209)));
  t.false(isPlausible(Buffer.concat([copies(1), Buffer.alloc(9000)])));
});

/** The records, and how often anything in them was looked at. */
function watched(all: readonly MdnsRecord[]) {
  const tally = { reads: 0 };
  const get = (record: MdnsRecord, key: string | symbol): unknown => {
    tally.reads += 1;
    return Reflect.get(record, key);
  };
  return { tally, all: all.map((record) => new Proxy(record, { get })) };
}

test('each record of a stranger is looked at a few times, however often it says the same', (t) => {
  const count = 3000;
  const [first, last] = [records.find(({ type }) => type === 'A'), records.findLast(({ type }) => type === 'A')];
  if (first?.type !== 'A' || last === undefined) return t.fail();
  const stranger = { ...first, address: must(parseIpv4('10.77.0.66')) };
  const lots: Readonly<Record<string, readonly MdnsRecord[]>> = {
    ours: Array.from({ length: count }, () => last),
    theirs: Array.from({ length: count }, () => stranger),
    'of many': Array.from({ length: count }, (_, at) => ({ ...first, name: `host${at}.local` })),
  };
  for (const [name, lot] of Object.entries(lots)) {
    const doings: Readonly<Record<string, (all: readonly MdnsRecord[]) => unknown>> = {
      contradictions: (all) => contradictions(heard(response(all)), records),
      forgotten: (all) => forgotten(response(all), records),
      known: (all) => respond(heard(query(['A worker-kube1.local'], { answers: all })), records, nothingSent),
      claimed: (all) => respond(heard(query([], { authorities: all })), records, nothingSent),
      cached: (all) => absorb(emptyCache, heard(response(all)), now, () => true),
    };
    for (const [doing, run] of Object.entries(doings)) {
      const { tally, all } = watched(lot);
      run(all);
      t.true(tally.reads <= 60 * count, `${doing} of ${name}: ${tally.reads} looks at ${count} records`);
    }
  }
  const full = absorb(emptyCache, heard(response(lots['of many'] ?? [])), now, () => true);
  t.is(full.size, senderMax);
});
