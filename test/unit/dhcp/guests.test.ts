import test from 'ava';
import fc from 'fast-check';
import { must } from '../../../config/result.ts';
import {
  type Ipv4,
  ipv4FromNumber,
  ipv4Number,
  type Millis,
  millis,
  minutes,
  parseAddressRange,
  parseIpv4,
  parseMac,
  seconds,
} from '../../../config/values.ts';
import { createGuestPool, guestKey, guestLease } from '../../../daemon/dhcp/guests.ts';

const range = must(parseAddressRange('10.0.0.20-22'));
const ip = (last: number): Ipv4 => must(parseIpv4(`10.0.0.${last}`));
const any = (): boolean => true;

function pool(written: ReadonlyMap<string, Ipv4> = new Map()) {
  let elapsed = millis(0);
  const made = createGuestPool({ range, written, elapsed: () => elapsed });
  const lapse = (time: Millis): void => {
    elapsed = millis(elapsed + time);
  };
  const join = (client: string, wish?: Ipv4): Ipv4 | undefined => {
    const address = made.offer(client, wish, any);
    if (address === undefined || made.bind(client, address, any) === 'refused') return undefined;
    made.written(client, address);
    return address;
  };
  return { ...made, lapse, join };
}

test('a guest is known by its client identifier, without one by its hardware address', (t) => {
  const mac = must(parseMac('00:11:22:33:44:55'));
  t.is(guestKey({ mac, clientIdentifier: '0102' }), '0102');
  t.is(guestKey({ mac }), '00:11:22:33:44:55');
});

test('in order: its old address, the one it wishes, one that nobody had, the one whose lease ended first', (t) => {
  const { join, offer, lapse, bind } = pool();
  t.is(join('a'), ip(20));
  t.is(join('b', ip(22)), ip(22));
  lapse(minutes(30));
  t.is(bind('a', ip(20), any), 'bound', 'renewed: b’s lease ends first');
  lapse(minutes(40));
  t.is(offer('b', ip(21), any), ip(22), 'its old one, though it ended and another one is free');
  lapse(minutes(40));
  t.is(join('c'), ip(21), 'never used');
  t.is(join('d', ip(20)), ip(20), 'wished, and its lease is over');
  t.is(join('e'), ip(22));
  t.is(join('f'), undefined, 'all of them run');
  t.is(offer('a', ip(20), any), undefined, 'its old one is another one’s now');
});

test('a wish outside the range, or for one that somebody has, is not granted', (t) => {
  const { join } = pool();
  t.is(join('a', ip(20)), ip(20));
  t.is(join('b', ip(20)), ip(21));
  t.is(join('c', ip(99)), ip(22));
});

test('an offer keeps the address for some seconds, and is all that a flood gets', (t) => {
  const { offer, join, lapse, isLeased } = pool();
  for (const client of ['x', 'y', 'z']) t.truthy(offer(client, undefined, any));
  t.is(offer('laptop', undefined, any), undefined);
  t.true(isLeased(ip(20)));
  lapse(seconds(20));
  t.false(isLeased(ip(20)));
  t.is(join('laptop'), ip(20));
  t.is(offer('x', ip(20), any), ip(21), 'nothing is left of it');
});

test('what is on its way to the disk is nobody else’s, and is written again if that failed', (t) => {
  const { offer, bind, written } = pool();
  t.is(offer('a', undefined, any), ip(20));
  t.is(bind('a', ip(20), any), 'to-write');
  t.is(bind('b', ip(20), any), 'refused');
  t.is(bind('a', ip(20), any), 'to-write');
  written('a', ip(20));
  t.is(bind('a', ip(20), any), 'bound', 'renewing writes nothing');
});

test('one address a client: who has one gets no second one', (t) => {
  const { join, bind, leases } = pool();
  join('a');
  t.is(bind('a', ip(21), any), 'refused');
  t.deepEqual(
    Array.from(leases(), ({ address }) => address),
    [ip(20)],
  );
});

test('RELEASE frees the address after a minute, and the client gets it again if nobody took it', (t) => {
  const { join, release, isLeased, lapse } = pool();
  join('a');
  release('b', ip(20));
  release('a', ip(21));
  lapse(minutes(1));
  t.true(isLeased(ip(20)), 'neither another client nor another address');
  release('a', ip(20));
  t.true(isLeased(ip(20)));
  lapse(minutes(1));
  t.false(isLeased(ip(20)));
  t.is(join('a', ip(22)), ip(20));
});

test('DECLINE: the client gets another one', (t) => {
  const { join, decline, offer } = pool();
  join('a');
  t.false(decline('b', ip(20)));
  t.true(decline('a', ip(20)));
  t.is(
    offer('a', undefined, (address) => address !== ip(20)),
    ip(21),
  );
});

test('one that is not allowed any more is neither offered nor bound, and its client may move', (t) => {
  const { join, bind, offer } = pool();
  join('a');
  const not20 = (address: Ipv4): boolean => address !== ip(20);
  t.is(bind('a', ip(20), not20), 'refused');
  t.is(offer('a', ip(20), not20), ip(21));
  t.is(bind('a', ip(21), not20), 'to-write');
});

test('after a restart every lease on disk runs, also one of another configuration, which is given to nobody', (t) => {
  const { isLeased, join, offer, lapse, addressOf } = pool(
    new Map([
      ['a', ip(20)],
      ['old', ip(99)],
    ]),
  );
  t.true(isLeased(ip(20)));
  t.true(isLeased(ip(99)));
  t.is(addressOf('old'), ip(99));
  t.is(offer('old', ip(99), any), ip(21));
  lapse(minutes(20));
  t.is(join('b', ip(20)), ip(21), 'the offer is over, a’s lease runs');
  lapse(minutes(41));
  t.false(isLeased(ip(99)));
  t.is(join('c', ip(20)), ip(20));
});

/** What a client may do, and what may happen to the daemon. */
type Step =
  | { readonly do: 'discover' | 'request'; readonly client: string; readonly address: Ipv4 | undefined }
  | { readonly do: 'renew' | 'release' | 'decline' | 'lost-write'; readonly client: string }
  | { readonly do: 'restart' }
  | { readonly do: 'lapse'; readonly time: Millis };
const client = fc.constantFrom('a', 'b', 'c', 'd', 'e');
const address = fc.option(fc.constantFrom(19, 20, 21, 22, 23).map(ip), { nil: undefined });
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constantFrom('discover', 'request'), client, address }) },
    { weight: 3, arbitrary: fc.record({ do: fc.constantFrom('renew', 'release', 'decline', 'lost-write'), client }) },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('restart') }) },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant('lapse'),
        time: fc.constantFrom(seconds(15), minutes(1), minutes(29), minutes(61)),
      }),
    },
  ) as fc.Arbitrary<Step>,
  { maxLength: 60, size: 'max' },
);

test('whatever clients do and whenever the daemon starts anew: no address is held by two, no client holds two', (t) => {
  let acknowledged = 0;
  fc.assert(
    fc.property(steps, (script) => {
      const disk = new Map<string, Ipv4>();
      let [now, started] = [0, 0];
      const begin = () => createGuestPool({ range, written: new Map(disk), elapsed: () => millis(now - started) });
      let guests = begin();
      /** What each client was told, and until when it will use it. */
      const held = new Map<string, { readonly address: Ipv4; readonly until: number }>();
      const acknowledge = (name: string, given: Ipv4): void => {
        for (const [other, lease] of held) {
          if (other !== name && lease.address === given && lease.until > now) {
            throw new Error(`${given} is ${other}'s for ${lease.until - now} ms, and ${name} was told it, too`);
          }
        }
        if (ipv4Number(given) < ipv4Number(range.first) || ipv4Number(given) > ipv4Number(range.last)) {
          throw new Error(`${given} is outside the range`);
        }
        held.set(name, { address: given, until: now + guestLease });
        acknowledged += 1;
      };
      /** What the store does with `put-guest`. */
      const write = (name: string, given: Ipv4): void => {
        for (const [other, has] of disk) if (has === given) disk.delete(other);
        disk.set(name, given);
        guests.written(name, given);
      };
      const bind = (name: string, wanted: Ipv4 | undefined, isLost = false): void => {
        if (wanted === undefined) return;
        const outcome = guests.bind(name, wanted, any);
        if (outcome === 'refused' || (outcome === 'to-write' && isLost)) return;
        if (outcome === 'to-write') write(name, wanted);
        acknowledge(name, wanted);
      };
      for (const step of script) {
        if (step.do === 'discover') guests.offer(step.client, step.address, any);
        if (step.do === 'request') bind(step.client, step.address ?? guests.offer(step.client, undefined, any));
        if (step.do === 'lost-write') bind(step.client, guests.offer(step.client, undefined, any), true);
        if (step.do === 'lapse') now += step.time;
        if (step.do === 'restart') {
          started = now;
          guests = begin();
        }
        if (step.do === 'renew' || step.do === 'release' || step.do === 'decline') {
          const own = held.get(step.client);
          if (own === undefined || own.until <= now) continue;
          if (step.do === 'renew') bind(step.client, own.address);
          if (step.do === 'release') guests.release(step.client, own.address);
          if (step.do === 'decline') guests.decline(step.client, own.address);
          if (step.do !== 'renew') held.delete(step.client);
        }
        const running = [...held.values()].filter(({ until }) => until > now).map((lease) => lease.address);
        if (new Set(running).size !== running.length) throw new Error(`held twice: ${running.join()}`);
      }
    }),
    { numRuns: 1000 },
  );
  t.true(acknowledged > 1000, `${acknowledged} leases`);
});

test('a flood of a thousand made-up clients changes nothing for those who have an address', (t) => {
  const { join, offer, bind } = pool();
  const laptop = join('laptop');
  for (let one = 0; one < 1000; one++) offer(`0${ipv4FromNumber(one)}`, laptop, any);
  t.is(offer('laptop', undefined, any), ip(20));
  t.is(bind('laptop', ip(20), any), 'bound');
});
