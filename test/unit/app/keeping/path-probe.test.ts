import test from 'ava';
import { must } from '../../../../config/result.ts';
import { type Ipv4, millis, parseIpv4 } from '../../../../config/values.ts';
import { createPathProbe, type OwnPlace } from '../../../../daemon/app/keeping/path-probe.ts';
import { ROUND } from '../../../../daemon/cluster/failover/probe-path.ts';
import type { Echo, OpenKnock } from '../../../../daemon/ports.ts';
import { createClockDouble, createLogDouble } from '../../../support/doubles.ts';

const ip = (text: string): Ipv4 => must(parseIpv4(text));
const [own, gateway] = [ip('10.77.0.1'), ip('10.77.0.254')];

/** A LAN of doubles: who refuses datagrams, and how TCP ends. */
function lan(addresses: readonly string[]) {
  const clock = createClockDouble();
  const boards = addresses.map((address, index) => ({ name: `b${index}`, address: ip(address) }));
  const refusing = new Set<string>(addresses);
  const tcp = new Map<string, Echo>();
  const asked: string[] = [];
  const open = new Set<Ipv4>();
  const state: { place: OwnPlace | undefined } = { place: { interface: 'eth0', address: own, gateway } };
  const openKnock: OpenKnock = ({ address }, onEcho) => {
    open.add(address);
    return {
      // As the kernel's answers: read after all timers that are due.
      knock: () =>
        void (
          refusing.has(address) && clock.sleep(millis(200), anySignal).then(() => setImmediate(onEcho, 'answered'))
        ),
      close: () => void open.delete(address),
    };
  };
  const probe = createPathProbe({
    boards: () => boards,
    place: () => state.place,
    openKnock,
    askTcp: async ({ address, port }) => {
      asked.push(`${address}:${port}`);
      return tcp.get(address) ?? 'silent';
    },
    hasCarrier: async () => true,
    ...{ clock, log: createLogDouble() },
  });
  const life = new AbortController();
  const following = probe.follow(life.signal, () => undefined);
  /** The three rests of one; whoever has rested lets what has come be read first, so each is waited for. */
  const round = async (): Promise<void> => {
    for (const rest of [200, 450, ROUND - 650]) {
      await clock.whenSleeping(1);
      await clock.advance(millis(rest));
    }
    await clock.whenSleeping(1);
  };
  const end = async (): Promise<void> => {
    life.abort();
    await following;
  };
  return { probe, boards, refusing, tcp, asked, open, state, round, end };
}
const anySignal = new AbortController().signal;

test('an answer that is there when the time is over, and not read yet, is no silence', async (t) => {
  const { probe, asked, round, end } = lan(['10.77.0.101', '10.77.0.102']);
  for (let count = 0; count < 5; count++) await round();
  t.deepEqual(probe.evidence('b0'), { path: 'alive', rounds: 5 });
  t.is(asked.filter((one) => one.startsWith('10.77.0.101')).length, 2, 'only the first round asks by every way');
  t.is(probe.evidence('nobody').path, 'unknown');
  await end();
});

test('a router is not asked for open ports at rest, and tells that our own link is well', async (t) => {
  const { probe, refusing, asked, round, end } = lan(['10.77.0.101']);
  refusing.add(gateway);
  await round();
  await round();
  t.false(asked.some((one) => one.startsWith(gateway)));
  refusing.delete('10.77.0.101');
  // The next one had begun.
  await round();
  await round();
  t.deepEqual(probe.evidence('b0'), { path: 'silent', rounds: 1 });
  t.is(probe.ownLink(), 'up');
  refusing.delete(gateway);
  await round();
  await round();
  t.is(probe.ownLink(), 'down');
  await end();
});

test('with a place of no network everything is held; another address of ours, or of a board, begins anew', async (t) => {
  const { probe, boards, open, state, round, end } = lan(['10.77.0.101']);
  await round();
  const { place } = state;
  state.place = undefined;
  await round();
  t.is(probe.ownLink(), 'down');
  t.is(probe.evidence('b0').path, 'alive', 'as it was seen last');
  state.place = place;
  boards.splice(0, 1, { name: 'b0', address: ip('10.77.0.150') });
  await round();
  t.deepEqual(open, new Set([gateway, ip('10.77.0.150')]));
  t.is(probe.evidence('b0').path, 'unknown');
  await end();
  t.deepEqual([...open], []);
});
