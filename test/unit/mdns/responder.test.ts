import test from 'ava';
import { instant, millis } from '../../../config/values.ts';
import { notJustSent } from '../../../daemon/mdns/outbox.ts';
import type { MdnsMessage } from '../../../daemon/mdns/packet.ts';
import { identity, type MdnsRecord } from '../../../daemon/mdns/records.ts';
import { contradictions, forgotten, type MdnsReply, respond } from '../../../daemon/mdns/responder.ts';
import { allSentAt, heard, hostOf, nothingSent, published, query, records, response, show } from './examples.ts';

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
  ['of that, another type', query(['A 11.0.77.10.in-addr.arpa']), ['multicast: NSEC 11.0.77.10.in-addr.arpa PTR + ']],
  [
    'the service: with all that is asked next, a little later',
    query(['PTR _bramble._tcp.local']),
    [
      `multicast later: ${service} + ${masterA}, NSEC master.local A, ${srv}, ${txt}, NSEC master._bramble._tcp.local TXT SRV`,
    ],
  ],
  ['its place', query(['SRV master._bramble._tcp.local']), [`multicast: ${srv} + ${masterA}, NSEC master.local A`]],
  [
    'all kinds of services',
    query(['PTR _services._dns-sd._udp.local']),
    [
      'multicast later: PTR _services._dns-sd._udp.local _bramble._tcp.local, PTR _services._dns-sd._udp.local _ssh._tcp.local + ',
    ],
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
/** All was multicast a second ago. */
const lately = { sentAt: allSentAt(instant(0)), now: instant(1000) };
for (const [name, message, replies] of table) {
  test(`asked: ${name}`, (t) => t.deepEqual(respond(heard(message), records, lately).map(showReply), replies));
}

test('by unicast only what all have heard within a quarter of its life (5.4)', (t) => {
  const asked = heard(query(['A worker-kube1.local QU', 'TXT master._bramble._tcp.local QU']));
  const replies = respond(asked, records, { sentAt: allSentAt(instant(0)), now: instant(30_000) });
  t.deepEqual(replies.map(showReply), [`multicast: ${kube1} + NSEC worker-kube1.local A`, `unicast: ${txt} + `]);
  t.deepEqual(respond(asked, records, nothingSent).length, 1);
  t.is(respond(asked, records, nothingSent)[0]?.to, 'multicast');
});

test('a prober gets what he asked for by unicast, and at once', (t) => {
  const theirs = { ...published(kube1), address: hostOf('x', '10.77.0.99').address };
  const probe = heard(query(['ANY worker-kube1.local QU'], { authorities: [theirs] }));
  const [reply] = respond(probe, records, nothingSent);
  t.is(reply?.to, 'unicast');
  t.is(reply?.defence, true);
});

test('a board may claim what it likes for its own names', (t) => {
  const theirs = { ...published('TXT worker-kube1._ssh._tcp.local [""]'), entries: ['serial=abcd'] };
  const probe = query(['ANY worker-kube1._ssh._tcp.local'], { authorities: [theirs] });
  t.deepEqual(respond(heard(probe, { from: '10.77.0.11' }), records, lately), []);
  t.is(respond(heard(probe), records, lately).length, 1);
});

test('plain DNS clients get unicast with a short life, whatever they ask', (t) => {
  const asked = query(['A worker-kube1.local', 'PTR _bramble._tcp.local QU']);
  const [reply, ...more] = respond(heard(asked, { port: 40_000 }), records, lately);
  t.deepEqual(more, []);
  t.is(reply?.to, 'legacy');
  const given = [...(reply?.answers ?? []), ...(reply?.additionals ?? [])];
  t.is(given.length, 8);
  t.true(given.every(({ ttl }) => ttl <= 10_000));
});

test('a goodbye or an old record of the same makes us say it again', (t) => {
  t.deepEqual(forgotten(response([published(kube1, 0)]), records).map(show), [kube1]);
  t.deepEqual(forgotten(response([published(kube1, 59)]), records).map(show), [kube1]);
  t.deepEqual(forgotten(response([published(kube1, 60)]), records), []);
  t.deepEqual(forgotten(query([], { answers: [published(kube1, 0)] }), records), []);
});

const other = { ...published(kube1), address: hostOf('x', '10.77.0.99').address };
const says = (answers: readonly MdnsRecord[], from?: string) =>
  contradictions(heard(response(answers), from === undefined ? {} : { from }), records).map(
    ({ theirs, byOwner }) => `${show(theirs)}${byOwner ? ' by its owner' : ''}`,
  );

test("a board's own announcement of its name and address is no conflict, another address is", (t) => {
  t.deepEqual(says([published(kube1)]), []);
  t.deepEqual(says([other]), ['A worker-kube1.local 10.77.0.99']);
  t.deepEqual(says([other, published(kube1)]), [], 'a host with two addresses');
  t.deepEqual(says([{ ...other, ttl: millis(0) }]), []);
  t.deepEqual(contradictions(heard(query([], { answers: [other] })), records), []);
  const additionals = heard({ ...response([]), additionals: [other] });
  t.is(contradictions(additionals, records).length, 1);
  const shared = { ...published(service), target: 'other._bramble._tcp.local' };
  t.deepEqual(says([shared]), [], "a second master is nobody's conflict");
});

test('what a board says of itself is its own business', (t) => {
  t.deepEqual(says([other], '10.77.0.11'), ['A worker-kube1.local 10.77.0.99 by its owner']);
  const text = { ...published('TXT worker-kube1._ssh._tcp.local [""]'), entries: ['serial=abcd'] };
  t.deepEqual(says([text], '10.77.0.11'), ['TXT worker-kube1._ssh._tcp.local ["serial=abcd"] by its owner']);
  t.deepEqual(says([text], '10.77.0.12'), ['TXT worker-kube1._ssh._tcp.local ["serial=abcd"]']);
  const backwards = { ...published('PTR 11.0.77.10.in-addr.arpa worker-kube1.local'), target: 'raspberrypi.local' };
  t.deepEqual(says([backwards]), ['PTR 11.0.77.10.in-addr.arpa raspberrypi.local by its owner']);
});

test('not the same record twice within a second, in defence four times', (t) => {
  const record = published(kube1);
  const sentAt = new Map([[identity(record), instant(10_000)]]);
  t.deepEqual(notJustSent([record], sentAt, instant(10_999)), []);
  t.deepEqual(notJustSent([record], sentAt, instant(11_000)), [record]);
  t.deepEqual(notJustSent([record], sentAt, instant(10_249), millis(250)), []);
  t.deepEqual(notJustSent([record], sentAt, instant(10_250), millis(250)), [record]);
  t.deepEqual(notJustSent([published(srv)], sentAt, instant(10_000)), [published(srv)]);
});
