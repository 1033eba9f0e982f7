import test from 'ava';
import { must, ok, problem } from '../../../../config/result.ts';
import { parseIpv4, seconds } from '../../../../config/values.ts';
import { createPeerProbe, type PeerProbeDeps } from '../../../../daemon/app/keeping/peer-probe.ts';
import type { Reached } from '../../../../daemon/join/index.ts';
import { createClockDouble, createLogDouble } from '../../../support/doubles.ts';

const numbers = ['t', 'a', 'b', 'c', 'd', 'e', 'f'];
const addressOf = (name: string) => must(parseIpv4(`10.77.0.${1 + numbers.indexOf(name)}`));

/** A house of boards whose sshds are doubles: `opened` and `closed` say which were connected to. */
function house(seen: (peer: string, port: number, isControl: boolean) => Reached | 'never') {
  const clock = createClockDouble();
  const [opened, closed]: [string[], string[]] = [[], []];
  const lookFrom: PeerProbeDeps['lookFrom'] = async ({ address }, signal, work) => {
    const name = numbers.find((one) => addressOf(one) === address) ?? '';
    opened.push(name);
    if (name === 'f') return problem('SSH_HOST_KEY_CHANGED', 'not its own');
    const reaches = (to: string, port: number) => {
      const reached = seen(name, port, to === '127.0.0.1');
      return reached === 'never' ? new Promise<Reached>(() => undefined) : Promise.resolve(reached);
    };
    const run = async () => ok({ code: 0, stdout: 'silent\n', stderr: '' });
    await work({ run, reaches }).finally(() => closed.push(name));
    signal.throwIfAborted();
    return ok(undefined);
  };
  const probe = createPeerProbe({
    board: (name) => (numbers.includes(name) ? { address: addressOf(name), hostKeys: [] } : undefined),
    ...{ lookFrom, clock, log: createLogDouble() },
  });
  const life = new AbortController();
  const following = probe.follow(life.signal);
  const end = async (): Promise<void> => {
    life.abort();
    await following;
  };
  const ask = (peers: readonly string[], target = 't') => probe.ask(target, peers, new AbortController().signal);
  return { ask, clock, opened, closed, end, probe };
}
const isThere = (_peer: string, _port: number, isControl: boolean): Reached => (isControl ? 'answered' : 'late');

test('two of five are asked, by turns, over four connections at most; they are closed when nobody uses them', async (t) => {
  const { ask, clock, opened, closed, end } = house(isThere);
  const five = ['a', 'b', 'c', 'd', 'e'];
  for (let count = 0; count < 7; count++) t.is(await ask(five), 'silent');
  t.deepEqual(opened.toSorted(), ['a', 'b', 'c', 'd'], 'kept');
  await clock.advance(seconds(121));
  t.deepEqual(closed.toSorted(), ['a', 'b', 'c', 'd']);
  t.is(await ask(['e']), 'silent');
  t.is(opened.at(-1), 'e');
  await end();
  t.is(closed.at(-1), 'e');
});

test('a peer whose connection hangs is unknown after 1.5 s, and another one is asked meanwhile', async (t) => {
  const { ask, clock, end } = house((peer, ...rest) => (peer === 'a' ? 'never' : isThere(peer, ...rest)));
  const asked = Promise.all([ask(['a']), ask(['a', 'b'])]);
  await clock.whenSleeping(3);
  await clock.advance(seconds(1.5));
  t.deepEqual(await asked, ['unknown', 'silent']);
  await end();
});

test('one that cannot be connected to is left alone for half a minute', async (t) => {
  const { ask, clock, opened, end } = house(isThere);
  t.is(await ask(['f']), 'unknown');
  t.is(await ask(['f']), 'unknown');
  t.deepEqual(opened, ['f']);
  await clock.advance(seconds(31));
  t.is(await ask(['f']), 'unknown');
  t.deepEqual(opened, ['f', 'f']);
  await end();
});

test('a connection that says nothing any more is given up, and another one made', async (t) => {
  const dead = new Set(['a']);
  const { ask, opened, end } = house((peer, ...rest) => (dead.has(peer) ? 'late' : isThere(peer, ...rest)));
  t.is(await ask(['a']), 'unknown');
  dead.delete('a');
  t.is(await ask(['a']), 'silent');
  t.deepEqual(opened, ['a', 'a']);
  await end();
});

test('an sshd that opens no connections is asked by a program; nobody asks a board about itself, or without peers', async (t) => {
  const { ask, opened, end, probe } = house(() => 'unable');
  t.is(await ask(['a']), 'silent');
  t.is(await ask(['t']), 'unknown');
  t.is(await ask([]), 'unknown');
  t.is(await ask(['a'], 'stranger'), 'unknown');
  t.deepEqual(opened, ['a']);
  await end();
  t.is(await probe.ask('t', ['a'], new AbortController().signal), 'unknown', 'after its end');
});
