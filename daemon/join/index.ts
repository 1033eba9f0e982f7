/**
 * Joins boards to the cluster, several at a time. Each step is judged by its effect, so that a join that was cut off can
 * simply be asked for again.
 */
import { ok, type Problem, problem, type Result } from '../../config/result.ts';
import { type Hostname, type Millis, minutes, seconds } from '../../config/values.ts';
import type { Clock, Log, Random } from '../ports.ts';
import { startApprover } from './approver.ts';
import { awaitNode } from './await-node.ts';
import type { JoinCluster, JoinedNode } from './cluster-port.ts';
import type { Driver, JoinBoard, LeavingBoard, SshProblem, SshSession, StepProblem, TokenDriver } from './driver.ts';
import { semaphore } from './semaphore.ts';
import { awaitSsh, type SshTarget, withSsh } from './ssh.ts';
import { runStep } from './steps.ts';
import { mintToken, revokeTokens, sweepTokens } from './tokens.ts';

export type { Driver, JoinBoard, LeavingBoard, SshSession, StepProblem } from './driver.ts';
export { k3sDriver } from './k3s.ts';
export type { K3sFiles } from './k3s-files.ts';
export { caHash } from './k3s-token.ts';
export { generateSshKeyPair } from './keys.ts';
export { caCertHashes, kubeadmDriver } from './kubeadm.ts';

export type JoinerOptions = {
  readonly cluster: JoinCluster;
  /** Asked for at each join: where the cluster is may be known only later. */
  readonly driver: (signal: AbortSignal) => Promise<Result<Driver, Problem>>;
  /** The daemon's own key, in OpenSSH format. */
  readonly privateKey: string;
  readonly ssh?: { readonly port?: number; readonly username?: string };
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly signal: AbortSignal;
  /** Transfers at a time: 8 unless given. */
  readonly parallel?: number;
  /** Unless given: tokens live 10 minutes, a joined Node has 15 s to become Ready before its board is joined again. */
  readonly tokenLifetime?: Millis;
  readonly settle?: Millis;
};

export type Joiner = {
  /** Waits until the board's sshd answers with the key we made for it. */
  readonly awaitSsh: (board: JoinBoard, deadline: Millis, signal: AbortSignal) => Promise<Result<void, SshProblem>>;
  /** The Node exists, under this board's name and address. It carries the quarantine taint; the token is still valid. */
  readonly join: (board: JoinBoard, signal: AbortSignal) => Promise<Result<void, StepProblem>>;
  /** Once Node, address and host key agree: takes the taint off and deletes the token. */
  readonly release: (board: JoinBoard, signal: AbortSignal) => Promise<Result<void, Problem>>;
  /** A root shell on it, with its host key verified, for what is neither of these. */
  readonly onBoard: (
    board: JoinBoard,
    signal: AbortSignal,
    work: (session: SshSession) => Promise<Result<void, StepProblem>>,
  ) => Promise<Result<void, StepProblem>>;
  /** Takes token and Node back, and what is on the board if it can be reached. */
  readonly leave: (board: LeavingBoard, signal: AbortSignal) => Promise<Result<void, Problem>>;
  /** Deletes the tokens that an earlier process left. Before the first join only. */
  readonly sweep: (signal: AbortSignal) => Promise<Result<number, Problem>>;
  /** Settles once the signal is aborted. */
  readonly done: Promise<void>;
};

/** Boards that are being joined at a time, whatever of it is not a transfer: an SSH connection each. */
const SESSIONS = 32;

export function createJoiner(options: JoinerOptions): Joiner {
  const { cluster, clock, random, log } = options;
  const approver = startApprover({ cluster, clock, log, signal: options.signal });
  const transfers = semaphore(options.parallel ?? 8);
  const sessions = semaphore(SESSIONS);
  /** Boards whose host key this process has verified. */
  const verified = new Set<string>();

  const target = (board: JoinBoard): SshTarget => ({
    host: board.address,
    port: options.ssh?.port ?? 22,
    username: options.ssh?.username ?? 'root',
    privateKey: options.privateKey,
    hostKeys: board.hostKeys,
  });
  const times = (signal: AbortSignal) => ({ clock, signal, transfers });
  const onBoard: Joiner['onBoard'] = async (board, signal, work) => {
    const end = await withSsh({ ...target(board), signal, timeout: seconds(20) }, (session) => {
      verified.add(board.id);
      return work(session);
    });
    return end.ok ? end.value : end;
  };

  /** Whether the board is in the cluster already, as far as Node and board agree. */
  const works = async (
    { driver, session, board, signal }: Work,
    node: JoinedNode | undefined,
  ): Promise<Result<boolean, Problem>> => {
    const state = await runStep('probe', times(signal), (context) => driver.probe(session, context));
    if (!state.ok) return state;
    if (state.value !== 'joined' || node?.internalIp !== board.address) return ok(false);
    const isReady = (now: JoinedNode | undefined): boolean => now?.ready === true;
    const settled = await awaitNode(cluster, board.name, isReady, {
      clock,
      signal,
      patience: options.settle ?? seconds(15),
    });
    return ok(isReady(settled));
  };

  const joinUnlessJoined = async (work: Work): Promise<Result<void, StepProblem>> => {
    const { driver, session, board, signal } = work;
    const old = await cluster.readNode(board.name, signal);
    if (!old.ok) return old;
    const working = await works(work, old.value);
    if (!working.ok) return working;
    if (working.value) return ok(undefined);
    if (old.value !== undefined && !isItsNode(old.value, board)) return foreignNode(board.name);
    const cleared = await runStep('leave', times(signal), (context) => driver.leave(session, context));
    if (!cleared.ok) return cleared;
    const installed = await runStep('install', times(signal), (context) => driver.install(session, board, context));
    if (!installed.ok) return installed;
    // A kubelet does not put its taints on a Node that is there already, and an old Node would pass for the new one.
    if (old.value !== undefined) {
      const deleted = await cluster.deleteNode(board.name, old.value.uid, signal);
      if (!deleted.ok) return deleted;
    }
    const joined = driver.needsToken
      ? await joinWithToken({ ...work, driver })
      : await runStep('join', times(signal), (context) => driver.join(session, board, context));
    return joined.ok ? awaitNewNode(work, old.value?.uid) : joined;
  };

  const joinWithToken = async ({
    driver,
    session,
    board,
    signal,
  }: Work & { readonly driver: TokenDriver }): Promise<Result<void, StepProblem>> => {
    const lifetime = options.tokenLifetime ?? minutes(10);
    const wanted = { device: board.id, name: board.name, groups: driver.tokenGroups, lifetime };
    const token = await mintToken({ request: cluster.request, random, clock }, wanted, signal);
    if (!token.ok) return token;
    const denied = new AbortController();
    const forget = approver.expect({
      tokenId: token.value.id,
      name: board.name,
      onDenied: (reason) => denied.abort(reason),
    });
    try {
      const joining = runStep('join', times(signal), (context) => driver.join(session, board, token.value, context));
      const refused = once(denied.signal).then((reason) =>
        problem('CSR_REFUSED', `its certificate request was wrong: ${reason}`),
      );
      const joined = await Promise.race([joining, refused]);
      // A driver that waits for a certificate it will never get.
      if (denied.signal.aborted) await runStep('leave', times(signal), (context) => driver.leave(session, context));
      return joined.ok ? runStep('verify', times(signal), (context) => driver.verify(session, board, context)) : joined;
    } finally {
      forget();
    }
  };

  const awaitNewNode = async ({ board, signal }: Work, oldUid: string | undefined): Promise<Result<void, Problem>> => {
    const isNew = (node: JoinedNode | undefined): boolean =>
      node !== undefined && node.uid !== oldUid && node.internalIp !== undefined;
    const node = await awaitNode(cluster, board.name, isNew, { clock, signal });
    return node !== undefined && isNew(node)
      ? sameAddress(node, board)
      : problem('NODE_MISSING', `no Node ${board.name} appeared`);
  };

  const join: Joiner['join'] = (board, signal) =>
    sessions(signal, async () => {
      const driver = await options.driver(signal);
      if (!driver.ok) return driver;
      const revoked = await revokeTokens(cluster.request, board.id, signal);
      if (!revoked.ok) return revoked;
      const until = AbortSignal.any([signal, options.signal]);
      let done = false;
      try {
        const end = await onBoard(board, until, (session) =>
          joinUnlessJoined({ driver: driver.value, session, board, signal: until }),
        );
        done = end.ok;
        return end;
      } finally {
        // The failed, the aborted and the thrown: none leaves a token. It would expire by itself, this is sooner.
        if (!done) await takeTokenBack(board);
      }
    });

  const takeTokenBack = async (board: JoinBoard): Promise<void> => {
    const end = await revokeTokens(cluster.request, board.id, new AbortController().signal);
    if (!end.ok) log.warn('join token not deleted, it will expire', { node: board.name, code: end.error.code });
  };

  const release: Joiner['release'] = async (board, signal) => {
    const read = await cluster.readNode(board.name, signal);
    if (!read.ok) return read;
    const node = read.value;
    if (node?.ready !== true) return problem('NODE_NOT_READY', `Node ${board.name} is not Ready`);
    const agrees = sameAddress(node, board);
    if (!agrees.ok) return agrees;
    if (!verified.has(board.id)) {
      const reached = await onBoard(board, signal, async () => ok(undefined));
      if (!reached.ok) return reached;
    }
    const released = await cluster.releaseQuarantine(node.name, node.uid, signal);
    if (!released.ok) return released;
    const revoked = await revokeTokens(cluster.request, board.id, signal);
    return revoked.ok ? ok(undefined) : revoked;
  };

  const leave: Joiner['leave'] = async (board, signal) => {
    const revoked = await revokeTokens(cluster.request, board.id, signal);
    if (!revoked.ok) return revoked;
    const { address } = board;
    const left = address === undefined ? nowhere : await reset({ ...board, address }, signal);
    // A dead board cannot be asked. Its certificate stays valid until it is reached or expires.
    if (!left.ok) log.warn('board not reset', { node: board.name, code: left.error.code, detail: left.error.detail });
    verified.delete(board.id);
    return removeNode(board, signal);
  };

  const reset = async (board: JoinBoard, signal: AbortSignal): Promise<Result<void, Problem>> => {
    const driver = await options.driver(signal);
    return driver.ok
      ? onBoard(board, signal, (session) =>
          runStep('leave', times(signal), (context) => driver.value.leave(session, context)),
        )
      : driver;
  };

  const removeNode = async (board: LeavingBoard, signal: AbortSignal): Promise<Result<void, Problem>> => {
    const node = await cluster.readNode(board.name, signal);
    if (!node.ok) return node;
    // A Node of that name may have been there before bramble, or be another board's by now.
    if (node.value?.device !== board.id) return ok(undefined);
    return cluster.deleteNode(board.name, node.value.uid, signal);
  };

  return {
    awaitSsh: (board, deadline, signal) => awaitSsh({ ...target(board), clock, signal, deadline }),
    join,
    release,
    onBoard,
    leave,
    sweep: (signal) => sweepTokens(cluster.request, signal),
    done: approver.done,
  };
}

type Work = {
  readonly driver: Driver;
  readonly session: SshSession;
  readonly board: JoinBoard;
  readonly signal: AbortSignal;
};

function sameAddress(node: JoinedNode, board: JoinBoard): Result<void, Problem> {
  return node.internalIp === board.address
    ? ok(undefined)
    : problem('NODE_ADDRESS_MISMATCH', `Node ${node.name} has the address ${node.internalIp}, not ${board.address}`);
}

/** By its label; or by its address, which nobody but this board has, should bramble's own memory have been lost. */
const isItsNode = (node: JoinedNode, board: JoinBoard): boolean =>
  node.device === board.id || node.internalIp === board.address;

/** Never deleted: it is somebody's machine. */
const foreignNode = (name: Hostname): Result<never, Problem> =>
  problem('NODE_NAME_TAKEN', `there is a Node ${name} already, and it is not this board's: delete it first`);

const nowhere: Result<never, Problem> = problem('ADDRESS_UNKNOWN', 'the address of the board is not known');

const once = (signal: AbortSignal): Promise<unknown> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve(signal.reason);
    else signal.addEventListener('abort', () => resolve(signal.reason), { once: true });
  });
