/** A join that is cut anywhere: the board's connection dies, or the daemon does. Asked for again, it comes to its end. */
import { readdir, readFile } from 'node:fs/promises';
import test, { type ExecutionContext } from 'ava';
import { must, ok, type Problem, type Result } from '../../config/result.ts';
import { instant, parseDeviceId, parseHostname, parseIpv4, seconds } from '../../config/values.ts';
import type { JoinedNode } from '../../daemon/join/cluster-port.ts';
import type { JoinBoard, SshSession, TokenDriver } from '../../daemon/join/driver.ts';
import { type OwnKeys, takeOver } from '../../daemon/join/host-key.ts';
import { createJoiner, generateSshKeyPair } from '../../daemon/join/index.ts';
import { systemClock } from '../../daemon/system/clock.ts';
import { systemRandom } from '../../daemon/system/random.ts';
import { createLogDouble } from '../support/doubles.ts';
import { killNow } from '../support/program.ts';
import { until } from '../support/until.ts';
import { clusterDouble } from '../unit/join/cluster-double.ts';
import { ownKeysDouble } from '../unit/join/own-keys-double.ts';
import { isThere, type Sshd, startSshd } from './join-board.ts';

const key = generateSshKeyPair('daemon');
const onBoard = '/etc/ssh/ssh_host_ed25519_key';

/** New keys that are not in their place yet. */
const newKeys = async (root: string): Promise<readonly string[]> =>
  (await readdir(`${root}/etc/ssh`)).filter((name) => name.includes('.bramble'));

const soon = (what: string, holds: () => Promise<boolean>): Promise<unknown> => until(what, 60, holds, 10);

/** Every session of the board's sshd, and what runs in it; the one that listens stays. */
async function killSessions({ root }: Sshd): Promise<void> {
  const listener = root.split('/')[2] ?? '';
  const children = await readFile(`/proc/${listener}/task/${listener}/children`, 'utf8');
  for (const pid of children.trim().split(' ').filter(Boolean)) killNow(Number(pid));
}

function boardOf(sshd: Sshd): JoinBoard {
  return {
    ...{ id: must(parseDeviceId('d-0123456789ab')), name: must(parseHostname('worker-kube1')) },
    ...{ address: must(parseIpv4(sshd.host)), fixedAddress: true, labels: {} },
    ...{ hostKeys: [sshd.hostKey.publicLine], nodePassword: 'ab'.repeat(16), serials: [] },
  };
}

/** Takes the board over with these keys until `signal`. */
const take = (sshd: Sshd, keys: OwnKeys, signal: AbortSignal) =>
  takeOver(
    {
      ...{ keys, clock: systemClock, signal, timeout: seconds(20) },
      target: ({ hostKeys }) => ({
        ...{ host: sshd.host, port: sshd.port, username: 'root', privateKey: key.privateOpenssh, hostKeys },
      }),
    },
    boardOf(sshd),
  );

/** Where the daemon dies while it gives a board its own key. */
const deaths: Readonly<Record<string, (keys: OwnKeys, die: () => void, sshd: Sshd) => OwnKeys>> = {
  'the key is planned': (keys, die) => ({
    ...keys,
    plan: async (board) => {
      const own = await keys.plan(board);
      die();
      return own;
    },
  }),
  'the key is on its way': (keys, die, { root }) => {
    void soon('the key is on its way', async () => (await newKeys(root)).length > 0).then(die, die);
    return keys;
  },
  'the key is in its place': (keys, die, { root, hostKey }) => {
    void soon(
      'the key is in its place',
      async () => (await readFile(`${root}${onBoard}`, 'utf8')) !== hostKey.privateOpenssh,
    ).then(die, die);
    return keys;
  },
  'the key was shown': (keys, die) => ({
    ...keys,
    pin: async () => {
      die();
      throw new Error('dead');
    },
  }),
  'the key is pinned': (keys, die) => ({
    ...keys,
    pin: async (id) => {
      await keys.pin(id);
      die();
    },
  }),
};

for (const [when, wrap] of Object.entries(deaths)) {
  test(`the daemon is killed when ${when}: the next one brings it to its end`, async (t) => {
    const sshd = await startSshd(t, { authorized: key.publicLine });
    const { keys, pinned } = ownKeysDouble();
    const dying = new AbortController();
    const dead = wrap(keys, () => dying.abort(new Error('dead')), sshd);
    // It may have been through by the time that it was hit.
    await take(sshd, dead, dying.signal).catch((error: unknown) => t.is(String(error), 'Error: dead'));
    const taken = must(await take(sshd, keys, new AbortController().signal));
    t.deepEqual(taken.hostKeys, [pinned() ?? 'none']);
    t.not(taken.hostKeys[0], sshd.hostKey.publicLine);
    t.is((await readFile(`${sshd.root}${onBoard}.pub`, 'utf8')).trim(), pinned() ?? 'none');
    await soon('nothing is left lying about', async () => (await newKeys(sshd.root)).length === 0);
  });
}

test('once a key of its own is pinned, the key of its image is a foreign one', async (t) => {
  const sshd = await startSshd(t, { authorized: key.publicLine });
  const other = generateSshKeyPair('other').publicLine;
  const joiner = joinerFor(t, sshd, ownKeysDouble(other).keys, {});
  const end = await joiner.joiner.join(boardOf(sshd), new AbortController().signal);
  t.is(end.ok ? '' : end.error.code, 'SSH_HOST_KEY_CHANGED');
  t.deepEqual([...joiner.steps], []);
  t.is(joiner.tokens.size, 0);
});

/** A driver whose steps are words in a file on a real board (double), in a cluster of one Node (double). */
function joinerFor(t: ExecutionContext, sshd: Sshd, ownKeys: OwnKeys, slow: { step?: string }) {
  const double = clusterDouble();
  const closing = new AbortController();
  const steps: string[] = [];
  const listeners = new Set<() => void>();
  let node: JoinedNode | undefined;
  let made = 0;
  const step =
    (name: string, then: () => void = () => undefined) =>
    async (session: SshSession): Promise<Result<void, Problem>> => {
      steps.push(name);
      const isSlow = slow.step === name;
      const end = await session.run('sh', ['-c', `echo > /run/${name}; ${isSlow ? 'sleep 60' : 'true'}`]);
      if (!end.ok) return end;
      then();
      return ok(undefined);
    };
  const register = (): void => {
    const board = boardOf(sshd);
    made += 1;
    node = { name: board.name, uid: `u${made}`, ready: true, internalIp: board.address, device: board.id };
    for (const listener of listeners) listener();
  };
  const driver: TokenDriver = {
    ...{ name: 'k3s', needsToken: true, tokenGroups: 'g', certificateRequests: false },
    nodeName: ({ name }) => name,
    probe: async (session) => {
      const end = await step('probe')(session);
      return end.ok ? ok('clean') : end;
    },
    ...{ install: step('install'), join: step('join', register), verify: step('verify') },
    ...{ finish: step('finish'), leave: step('leave') },
  };
  const joiner = createJoiner({
    cluster: {
      ...double.cluster,
      readNode: async () => ok(node),
      node: () => node,
      deleteNode: async () => {
        node = undefined;
        return ok(undefined);
      },
      onNodes: (listener) => {
        listeners.add(listener);
        return () => void listeners.delete(listener);
      },
    },
    ...{ driver: async () => ok(driver), privateKey: key.privateOpenssh, ssh: { port: sshd.port } },
    ...{ ownKeys, earliest: async () => instant(0), settle: seconds(1) },
    ...{ clock: systemClock, random: systemRandom, log: createLogDouble(), signal: closing.signal },
  });
  t.teardown(async () => {
    closing.abort();
    await joiner.done;
  });
  return { joiner, steps, tokens: double.tokens };
}

for (const name of ['probe', 'leave', 'install', 'join', 'verify', 'finish']) {
  test.serial(
    `the connection dies in the middle of ${name}: no token stays, and the next try goes through`,
    async (t) => {
      const sshd = await startSshd(t, { authorized: key.publicLine });
      const slow: { step?: string } = { step: name };
      const own = ownKeysDouble();
      const { joiner, steps, tokens } = joinerFor(t, sshd, own.keys, slow);
      const { signal } = new AbortController();
      const board = boardOf(sshd);
      const tried = async (): Promise<string> => {
        const joined = await joiner.join(board, signal);
        const end = joined.ok ? await joiner.release({ ...board, hostKeys: [own.pinned() ?? ''] }, signal) : joined;
        return end.ok ? 'ok' : end.error.code;
      };
      const first = soon(`${name} has begun`, () => isThere(`${sshd.root}/run/${name}`)).then(() => killSessions(sshd));
      t.is(await tried(), 'SSH_CLOSED');
      await first;
      t.is(steps.at(-1), name);
      t.is(tokens.size, 0);
      delete slow.step;
      t.is(await tried(), 'ok');
      t.is(tokens.size, 0);
    },
  );
}
