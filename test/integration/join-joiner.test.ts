/** What can go wrong in the middle of a join: real SSH to a double of a board, a double of a driver and of the cluster. */
import { getEventListeners } from 'node:events';
import test, { type ExecutionContext } from 'ava';
import { must, ok, problem } from '../../config/result.ts';
import { parseDeviceId, parseHostname, parseIpv4, parseSerial, seconds } from '../../config/values.ts';
import type { JoinedNode } from '../../daemon/join/cluster-port.ts';
import type { TokenDriver } from '../../daemon/join/driver.ts';
import { createJoiner, generateSshKeyPair, type JoinBoard } from '../../daemon/join/index.ts';
import { systemClock } from '../../daemon/system/clock.ts';
import { systemRandom } from '../../daemon/system/random.ts';
import { createLogDouble } from '../support/doubles.ts';
import { until } from '../support/until.ts';
import { clusterDouble } from '../unit/join/cluster-double.ts';
import { anyTime, ownKeysDouble } from '../unit/join/own-keys-double.ts';
import { obey, startFakeBoard } from './join-fake-board.ts';

const key = generateSshKeyPair('daemon');

async function begin(t: ExecutionContext, change: Partial<TokenDriver>, node?: JoinedNode, onCommand = obey) {
  const fake = await startFakeBoard(t, onCommand);
  const double = clusterDouble();
  const log = createLogDouble();
  const closing = new AbortController();
  const steps: string[] = [];
  const step = (name: string) => async () => {
    steps.push(name);
    return ok(undefined);
  };
  const driver: TokenDriver = {
    ...{ name: 'kubeadm', needsToken: true, tokenGroups: 'g', certificateRequests: true },
    nodeName: ({ name }) => name,
    ...{ install: step('install'), join: step('join'), verify: step('verify'), leave: step('leave') },
    probe: async () => ok('clean'),
    ...change,
  };
  const deleted: string[] = [];
  const taints: string[] = [];
  const pinned = { line: fake.hostKey };
  /** So many deletions of a token fail. */
  const failing = { deletions: 0 };
  const joiner = createJoiner({
    cluster: {
      ...double.cluster,
      request: async (method, path, how) => {
        if (method !== 'DELETE' || failing.deletions === 0) return double.cluster.request(method, path, how);
        failing.deletions -= 1;
        return problem('API_FAILED', '500');
      },
      readNode: async () => ok(node),
      putQuarantine: async (name) => {
        taints.push(`on ${name}`);
        return ok(undefined);
      },
      releaseQuarantine: async (name) => {
        taints.push(`off ${name}`);
        return ok(undefined);
      },
      deleteNode: async (name) => {
        deleted.push(name);
        return ok(undefined);
      },
    },
    driver: async () => ok(driver),
    // Pinned: this board's sshd runs on the machine itself.
    ...{ ownKeys: { ...ownKeysDouble().keys, pinned: () => pinned.line }, earliest: anyTime },
    ...{ privateKey: key.privateOpenssh, ssh: { port: fake.port }, settle: seconds(1) },
    ...{ clock: systemClock, random: systemRandom, log, signal: closing.signal },
  });
  t.teardown(async () => {
    closing.abort();
    await joiner.done;
  });
  const board: JoinBoard = {
    id: must(parseDeviceId('d-0123456789ab')),
    name: must(parseHostname('worker-kube1')),
    address: must(parseIpv4('127.0.0.1')),
    ...{ fixedAddress: true, hostKeys: [fake.hostKey], nodePassword: 'ab'.repeat(16), serials: [], labels: {} },
  };
  return { ...double, fake, pinned, failing, log, closing, steps, deleted, taints, joiner, board };
}

const codeOf = (end: { ok: true } | { ok: false; error: { code: string } }): string => (end.ok ? 'ok' : end.error.code);
const never = new Promise<never>(() => undefined);

test('a board that asks for another certificate: the join ends at once, without token, the board reset', async (t) => {
  const it = await begin(t, {
    join: (_session, _board, token) => {
      it.ask({
        ...{ name: 'csr', uid: 'u', username: `system:bootstrap:${token.id}`, decided: false, request: 'bm9uc2Vuc2U=' },
        ...{ signerName: 'kubernetes.io/kube-apiserver-client-kubelet', usages: ['digital signature', 'client auth'] },
      });
      return never;
    },
  });
  t.is(codeOf(await it.joiner.join(it.board, new AbortController().signal)), 'CSR_REFUSED');
  t.deepEqual(it.steps, ['leave', 'install', 'leave']);
  t.is(it.tokens.size, 0);
  await it.log.when('certificate request denied');
});

test('an aborted join rejects with the reason, leaves no token, and its signal is not held on to', async (t) => {
  const stopping = new AbortController();
  const it = await begin(t, {
    join: (session) => {
      const running = session.run('sleep', ['60']);
      setImmediate(() => stopping.abort(new Error('daemon stops')));
      return running.then((end) => (end.ok ? ok(undefined) : end));
    },
  });
  await t.throwsAsync(it.joiner.join(it.board, stopping.signal), { message: 'daemon stops' });
  t.is(it.tokens.size, 0);
  t.true(it.asked.some((line) => line.startsWith('DELETE ')));
  t.deepEqual(getEventListeners(stopping.signal, 'abort'), []);
});

test('a token that cannot be deleted after its join is deleted later, without another join', async (t) => {
  const it = await begin(t, { join: async () => problem('X', 'no') });
  it.failing.deletions = 2;
  t.is(codeOf(await it.joiner.join(it.board, new AbortController().signal)), 'X');
  t.is(it.tokens.size, 1);
  await it.log.when('join token not deleted, it is tried again until it expires');
  await until('it is gone', 60, () => it.tokens.size === 0);
  t.is(it.failing.deletions, 0);
});

test('a driver that throws is our mistake, and leaves no token either', async (t) => {
  const it = await begin(t, {
    join: async () => {
      throw new Error('ours');
    },
  });
  await t.throwsAsync(it.joiner.join(it.board, new AbortController().signal), { message: 'ours' });
  t.is(it.tokens.size, 0);
});

test('a foreign host key: no token is made, nothing is sent, and the node is not released', async (t) => {
  const node = { name: 'worker-kube1', uid: 'u', ready: true, internalIp: '127.0.0.1', device: 'd-0123456789ab' };
  const it = await begin(t, {}, node);
  it.pinned.line = generateSshKeyPair('other').publicLine;
  const board = { ...it.board, hostKeys: [it.pinned.line] };
  const { signal } = new AbortController();
  t.is(codeOf(await it.joiner.join(board, signal)), 'SSH_HOST_KEY_CHANGED');
  t.is(codeOf(await it.joiner.release(board, signal)), 'SSH_HOST_KEY_CHANGED');
  t.deepEqual(it.steps, []);
  t.deepEqual(it.fake.offered, []);
  t.false(it.asked.some((line) => line.startsWith('POST ')));
});

test('a disk in another Pi: its host key is right, and neither token nor work goes to it', async (t) => {
  const node = { name: 'worker-kube1', uid: 'u', ready: true, internalIp: '127.0.0.1', device: 'd-0123456789ab' };
  const { signal } = new AbortController();
  let serial = '10000000abcdef02';
  const it = await begin(t, {}, node, (command, ...rest) =>
    obey(command.includes('serial-number') ? `echo ${serial}` : command, ...rest),
  );
  const board = { ...it.board, serials: [must(parseSerial('abcdef01'))] };
  t.is(codeOf(await it.joiner.release(board, signal)), 'SERIAL_DIFFERS');
  t.deepEqual(it.taints, ['on worker-kube1']);
  t.is(codeOf(await it.joiner.join(board, signal)), 'SERIAL_DIFFERS');
  t.deepEqual(it.steps, []);
  t.false(it.asked.some((line) => line.startsWith('POST ')));
  serial = '10000000abcdef01';
  t.is(codeOf(await it.joiner.release(board, signal)), 'ok');
  t.deepEqual(it.taints, ['on worker-kube1', 'off worker-kube1']);
});

test('a Node under another address is not released', async (t) => {
  const node = { name: 'worker-kube1', uid: 'u', ready: true, internalIp: '10.9.9.9', device: 'd-0123456789ab' };
  const it = await begin(t, {}, node);
  t.is(codeOf(await it.joiner.release(it.board, new AbortController().signal)), 'NODE_ADDRESS_MISMATCH');
});

test("somebody else's Node is never deleted, and nothing is done to the board", async (t) => {
  const node = { name: 'worker-kube1', uid: 'u', ready: false, internalIp: '10.9.9.9', device: undefined };
  const it = await begin(t, {}, node);
  t.is(codeOf(await it.joiner.join(it.board, new AbortController().signal)), 'NODE_NAME_TAKEN');
  t.deepEqual(it.steps, []);
  t.is(codeOf(await it.joiner.leave(it.board, new AbortController().signal)), 'ok');
  t.deepEqual(it.deleted, []);
});

test('a failed step ends the join with its problem', async (t) => {
  const it = await begin(t, { install: async () => problem('KUBEADM_MISSING', 'none') });
  t.is(codeOf(await it.joiner.join(it.board, new AbortController().signal)), 'KUBEADM_MISSING');
  t.deepEqual(it.steps, ['leave']);
});
