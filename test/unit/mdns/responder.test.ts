import test from 'ava';
import { instant, millis } from '../../../config/values.ts';
import type { MdnsMessage } from '../../../daemon/mdns/packet.ts';
import { identity } from '../../../daemon/mdns/records.ts';
import { conflicting, forgotten, type MdnsReply, notJustSent, respond } from '../../../daemon/mdns/responder.ts';
import { hostOf, published, query, records, response, show } from './examples.ts';

const kube1 = 'A worker-kube1.local 10.77.0.11';
const service = 'PTR _bramble._tcp.local master._bramble._tcp.local';
const srv = 'SRV master._bramble._tcp.local 8067 master.local';
const txt = 'TXT master._bramble._tcp.local ["version=0.1.0","state=ready"]';
const masterA = 'A master.local 10.77.0.1';

const showReply = ({ to, shared, answers, additionals }: MdnsReply) =>
  `${to}${shared ? ' later' : ''}: ${answers.map(show).join(', ')} + ${additionals.map(show).join(', ')}`;

const table: readonly (readonly [name: string, query: MdnsMessage, replies: readonly string[]])[] = [
  ['an address', query(['A worker-kube1.local']), [`multicast: ${kube1} + NSEC worker-kube1.local A`]],
  ['in any case', query(['A Worker-Kube1.LOCAL']), [`multicast: ${kube1} + NSEC worker-kube1.local A`]],
  ['an address that is not there', query(['AAAA worker-kube1.local']), ['multicast: NSEC worker-kube1.local A + ']],
  ['everything of a host', query(['ANY worker-kube1.local']), [`multicast: ${kube1}, NSEC worker-kube1.local A + `]],
  ['an unknown name', query(['A worker-kube9.local']), []],
  ['no question', query([]), []],
  [
    'an address backwards',
    query(['PTR 11.0.77.10.in-addr.arpa']),
    ['multicast: PTR 11.0.77.10.in-addr.arpa worker-kube1.local + '],
  ],
  [
    'the service: with all that is asked next, a little later',
    query(['PTR _bramble._tcp.local']),
    [`multicast later: ${service} + ${masterA}, NSEC master.local A, ${srv}, ${txt}`],
  ],
  ['its place', query(['SRV master._bramble._tcp.local']), [`multicast: ${srv} + ${masterA}, NSEC master.local A`]],
  [
    'all kinds of services',
    query(['PTR _services._dns-sd._udp.local']),
    ['multicast later: PTR _services._dns-sd._udp.local _bramble._tcp.local + '],
  ],
  ['by unicast', query(['A worker-kube1.local QU']), [`unicast: ${kube1} + NSEC worker-kube1.local A`]],
  [
    'both ways',
    query(['A worker-kube1.local QU', 'TXT master._bramble._tcp.local']),
    [`multicast: ${txt} + `, `unicast: ${kube1} + NSEC worker-kube1.local A`],
  ],
  ['what is known well', query(['A worker-kube1.local'], { answers: [published(kube1, 60)] }), []],
  [
    'what is nearly forgotten',
    query(['A worker-kube1.local'], { answers: [published(kube1, 59)] }),
    [`multicast: ${kube1} + NSEC worker-kube1.local A`],
  ],
  [
    'what is known differently',
    query(['A worker-kube1.local'], { answers: [{ ...published(kube1), name: 'worker-kube2.local' }] }),
    [`multicast: ${kube1} + NSEC worker-kube1.local A`],
  ],
  [
    'a board that probes for its own name and address is left alone',
    query(['ANY worker-kube1.local QU'], { authorities: [published(kube1)] }),
    [],
  ],
  [
    'another machine that probes for it is not',
    query(['ANY worker-kube1.local'], {
      authorities: [
        { type: 'A', ...hostOf('x', '10.77.0.99'), name: 'worker-kube1.local', ttl: millis(1), unique: false },
      ],
    }),
    [`multicast: ${kube1}, NSEC worker-kube1.local A + `],
  ],
  ['a response is no question', { ...query(['A worker-kube1.local']), kind: 'response' }, []],
];
for (const [name, message, replies] of table) {
  test(`asked: ${name}`, (t) => t.deepEqual(respond(message, 5353, records).map(showReply), replies));
}

test('plain DNS clients get unicast with a short life, whatever they ask', (t) => {
  const [reply, ...more] = respond(query(['A worker-kube1.local', 'PTR _bramble._tcp.local QU']), 40_000, records);
  t.deepEqual(more, []);
  t.is(reply?.to, 'legacy');
  const given = [...(reply?.answers ?? []), ...(reply?.additionals ?? [])];
  t.is(given.length, 7);
  t.true(given.every(({ ttl }) => ttl <= 10_000));
});

test('a goodbye or an old record of the same makes us say it again', (t) => {
  t.deepEqual(forgotten(response([published(kube1, 0)]), records).map(show), [kube1]);
  t.deepEqual(forgotten(response([published(kube1, 59)]), records).map(show), [kube1]);
  t.deepEqual(forgotten(response([published(kube1, 60)]), records), []);
  t.deepEqual(forgotten(query([], { answers: [published(kube1, 0)] }), records), []);
});

test("a board's own announcement of its name and address is no conflict, another address is", (t) => {
  t.deepEqual(conflicting(response([published(kube1)]), records), []);
  const other = { ...published(kube1), address: hostOf('x', '10.77.0.99').address };
  t.deepEqual(conflicting(response([other]), records), [other]);
  t.deepEqual(conflicting(response([{ ...other, ttl: millis(0) }]), records), []);
  t.deepEqual(conflicting(query([], { answers: [other] }), records), []);
  const shared = { ...published(service), target: 'other._bramble._tcp.local' };
  t.deepEqual(conflicting(response([shared]), records), [], "a second master is nobody's conflict");
});

test('not the same record twice within a second', (t) => {
  const record = published(kube1);
  const sentAt = new Map([[identity(record), instant(10_000)]]);
  t.deepEqual(notJustSent([record], sentAt, instant(10_999)), []);
  t.deepEqual(notJustSent([record], sentAt, instant(11_000)), [record]);
  t.deepEqual(notJustSent([record], sentAt, instant(9_000)), [record], 'the clock was set back');
  t.deepEqual(notJustSent([published(srv)], sentAt, instant(10_000)), [published(srv)]);
});
