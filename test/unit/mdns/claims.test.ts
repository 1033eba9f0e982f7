import test from 'ava';
import { instant, millis } from '../../../config/values.ts';
import { contest, lose, nextClaim, noClaims, release, stateOf, step, want } from '../../../daemon/mdns/claims.ts';
import type { MdnsRecord } from '../../../daemon/mdns/records.ts';
import { compareClaims } from '../../../daemon/mdns/tiebreak.ts';
import { dueQueries, takeQuery } from '../../../daemon/mdns/truncated.ts';
import { heard, hostOf, published, query } from './examples.ts';

const names = new Set(['a.local']);
/** Ours, at `now`. */
function held(now: number, from = noClaims) {
  let claims = want(from, names, instant(now), millis(0));
  for (let at = now; stateOf(claims, 'a.local') !== 'held'; at += 250) claims = step(claims, instant(at)).claims;
  return claims;
}

test('three probes, and 250 ms after the third the name is ours', (t) => {
  let claims = want(noClaims, names, instant(1000), millis(100));
  const seen: string[] = [];
  for (let at = nextClaim(claims); at !== undefined; at = nextClaim(claims)) {
    const { probe, won, claims: next } = step(claims, at);
    seen.push(`${at} ${probe.length > 0 ? 'probe' : ''}${won.length > 0 ? 'won' : ''}`);
    claims = next;
  }
  t.deepEqual(seen, ['1100 probe', '1350 probe', '1600 probe', '1850 won']);
  t.deepEqual(step(claims, instant(9999)), { claims, probe: [], won: [] });
});

test('names that are no longer wanted are forgotten, others stay as they are', (t) => {
  const claims = want(held(0), new Set(['a.local', 'b.local']), instant(5000), millis(0));
  t.is(stateOf(claims, 'A.local'), 'held');
  t.is(stateOf(claims, 'b.local'), 'probing');
  t.is(stateOf(want(claims, new Set(['b.local']), instant(5000), millis(0)), 'a.local'), undefined);
});

test('the sixteenth conflict within ten seconds waits for five (8.1)', (t) => {
  let claims = held(0);
  for (let count = 0; count < 15; count += 1) {
    claims = contest(claims, 'a.local', instant(10_000));
    t.is(nextClaim(claims), instant(10_000));
    claims = { ...claims, byName: held(0).byName };
  }
  t.is(nextClaim(contest(claims, 'a.local', instant(10_001))), instant(15_001));
  t.is(nextClaim(contest(claims, 'a.local', instant(20_001))), instant(20_001));
});

test('only what is held can be contested, only what is lost released', (t) => {
  const probing = want(noClaims, names, instant(0), millis(0));
  t.is(contest(probing, 'a.local', instant(5)), probing);
  t.is(release(probing, 'a.local', instant(5)), probing);
  const lost = lose(probing, 'a.local', instant(300_000));
  t.is(nextClaim(lost), instant(300_000));
  t.deepEqual(step(lost, instant(300_000)).probe, ['a.local']);
  t.is(nextClaim(release(lost, 'A.LOCAL', instant(5))), instant(1005));
  t.is(lose(probing, 'other.local', instant(9)), probing);
});

const kube1 = published('A worker-kube1.local 10.77.0.11');
const kube1At = (address: string): MdnsRecord => ({ ...kube1, type: 'A', address: hostOf('x', address).address });
const srv = published('SRV worker-kube1._ssh._tcp.local 22 worker-kube1.local');
const txt = published('TXT worker-kube1._ssh._tcp.local [""]');
const ties: readonly (readonly [string, readonly MdnsRecord[], readonly MdnsRecord[], number])[] = [
  ['RFC 6762 8.2: 169.254.200.50 beats 169.254.99.200', [kube1At('169.254.99.200')], [kube1At('169.254.200.50')], -1],
  ['the same', [kube1], [kube1], 0],
  ['in another order', [srv, txt], [txt, srv], 0],
  ['whoever has more to say after the same', [srv, txt], [txt], 1],
  ['the type comes before the data', [srv], [txt], 1],
  ['an empty claim loses', [kube1], [], 1],
];
for (const [name, ours, theirs, sign] of ties) {
  test(`tie: ${name}`, (t) => {
    t.is(Math.sign(compareClaims(ours, theirs)), sign);
    t.is(Math.sign(compareClaims(theirs, ours)) + sign, 0);
  });
}

test('a truncated query waits for its known answers, from the same asker only (7.2)', (t) => {
  const first = heard(query(['PTR _ssh._tcp.local'], { truncated: true }));
  const rest = heard(query([], { answers: [kube1] }));
  let { waiting, open } = takeQuery([], first, instant(0), millis(450));
  t.is(open, undefined);
  ({ waiting, open } = takeQuery(waiting, heard(query([]), { from: '10.77.0.51' }), instant(10), millis(450)));
  t.truthy(open);
  ({ waiting, open } = takeQuery(
    waiting,
    heard(query([], { answers: [srv], truncated: true })),
    instant(20),
    millis(450),
  ));
  t.is(open, undefined);
  ({ waiting, open } = takeQuery(waiting, rest, instant(30), millis(450)));
  t.is(open, undefined);
  t.deepEqual(dueQueries(waiting, instant(469)).due, []);
  const [due] = dueQueries(waiting, instant(470)).due;
  t.deepEqual(due?.message.answers, [srv, kube1]);
  t.is(due?.message.questions.length, 1);
});

test('no more than 64 askers are waited for', (t) => {
  let { waiting } = takeQuery([], heard(query([])), instant(0), millis(450));
  for (let asker = 0; asker < 100; asker += 1) {
    const one = heard(query(['A a.local'], { truncated: true }), { from: `10.77.0.${asker}` });
    ({ waiting } = takeQuery(waiting, one, instant(0), millis(450)));
  }
  t.is(waiting.length, 64);
});
