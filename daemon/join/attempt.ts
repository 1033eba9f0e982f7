/** One try to join one board, over one session, judged by what the cluster says of its Node. */
import { ok, type Problem, problem, type Result } from '../../config/result.ts';
import { type Millis, minutes } from '../../config/values.ts';
import type { Clock, Random } from '../ports.ts';
import type { Approver } from './approver.ts';
import { awaitNode } from './await-node.ts';
import type { JoinCluster, JoinedNode } from './cluster-port.ts';
import type { Driver, JoinBoard, SshSession, StepContext, StepProblem, TokenDriver } from './driver.ts';
import { agrees, isItsNode } from './node-match.ts';
import { deleteNode, reserveName } from './old-node.ts';
import { mask } from './output.ts';
import type { Turn } from './semaphore.ts';
import { runStep, type StepName } from './steps.ts';
import { mintToken } from './tokens.ts';

export type Attempt = {
  readonly cluster: JoinCluster;
  readonly approver: Approver;
  readonly clock: Clock;
  readonly random: Random;
  readonly transfers: Turn;
  /** Whoever computes what takes 32 MiB: one at a time. */
  readonly hashing: Turn;
  /** The process, by which its tokens are known. */
  readonly run: string;
  /** How long a Node that is there already has to become Ready before its board is joined again. */
  readonly settle: Millis;
  readonly driver: Driver;
  readonly session: SshSession;
  readonly board: JoinBoard;
  readonly signal: AbortSignal;
};

/** k3s on a slow card loads for minutes before its kubelet registers. */
const REGISTER = minutes(5);

/** Settles with the uid of the board's Node, once that is there: Ready, or on its way to it. A token it used is still there. */
export async function attemptJoin(attempt: Attempt): Promise<Result<string, StepProblem>> {
  const { cluster, driver, board, signal } = attempt;
  const name = driver.nodeName(board);
  const { controlPlane } = driver;
  if (controlPlane?.isOn(board) === true) {
    // There is nobody to be asked before.
    const raised = await step(attempt, 'raise', (context) => controlPlane.raise(attempt.session, board, context));
    return raised.ok ? awaitNewNode(attempt, name, undefined) : raised;
  }
  const old = await cluster.readNode(name, signal);
  if (!old.ok) return old;
  const state = await step(attempt, 'probe', (context) => driver.probe(attempt.session, context));
  if (!state.ok) return state;
  if (state.value === 'joined' && (await works(attempt, old.value))) return ok(old.value?.uid ?? '');
  if (old.value !== undefined && !isItsNode(old.value, board)) return foreignNode(name);
  const cleared = await step(attempt, 'leave', (context) => driver.leave(attempt.session, context));
  if (!cleared.ok) return cleared;
  const secret = await nameSecretOf(attempt);
  const early = secret === undefined ? ok(undefined) : await reserveName(attempt, name, secret);
  // An old Node of the board's own still has it; anybody else is told apart below.
  if (!early.ok && early.error.code !== 'NAME_CONTESTED') return early;
  const installed = await step(attempt, 'install', (context) => driver.install(attempt.session, board, context));
  if (!installed.ok) return installed;
  // Installing took minutes, and more until its turn: whoever registered under the name meanwhile would be joined upon.
  const present = await cluster.readNode(name, signal);
  if (!present.ok) return present;
  if (present.value !== undefined && !isItsNode(present.value, board)) return foreignNode(name);
  // A kubelet does not put its taints on a Node that is there already, and an old Node would pass for the new one. Without a
  // token there are no taints; the driver has to know the one from the other, and the owner's labels stay.
  const oldUid = driver.needsToken ? present.value?.uid : undefined;
  const deleted = await deleteNode(attempt, name, oldUid);
  if (!deleted.ok) return deleted;
  // Before there is a token, and anew: the distribution forgets an earlier one after some minutes.
  const reserved = secret === undefined ? ok(undefined) : await reserveName(attempt, name, secret);
  if (!reserved.ok) return reserved;
  const there = await joinBoard(attempt, name, oldUid);
  const { giveUp } = driver;
  // It may be out of reach; the next attempt begins with a leaving.
  if (!there.ok && giveUp !== undefined) await step(attempt, 'give-up', (context) => giveUp(attempt.session, context));
  return there;
}

/** From a board on which all is installed to its Node. */
async function joinBoard(
  attempt: Attempt,
  name: string,
  oldUid: string | undefined,
): Promise<Result<string, StepProblem>> {
  const { driver, board, session } = attempt;
  const joined = driver.needsToken
    ? await joinWithToken(attempt, driver)
    : await step(attempt, 'join', (context) => driver.join(session, board, context));
  if (!joined.ok) return joined;
  const verified = await step(attempt, 'verify', (context) => driver.verify(session, board, context));
  return verified.ok ? awaitNewNode(attempt, name, oldUid) : verified;
}

async function nameSecretOf({ driver, board, random, hashing, signal }: Attempt): Promise<unknown> {
  const { nameSecret } = driver.needsToken ? driver : {};
  return nameSecret && (await hashing(signal, () => nameSecret(board, random)));
}

const step = <T>(
  { clock, signal, transfers }: Attempt,
  name: StepName,
  work: (context: StepContext) => Promise<Result<T, StepProblem>>,
): Promise<Result<T, StepProblem>> => runStep(name, { clock, signal, transfers }, work);

/** Whether the board is in the cluster already, as far as Node and board agree. */
async function works(
  { cluster, driver, board, clock, signal, settle }: Attempt,
  node: JoinedNode | undefined,
): Promise<boolean> {
  if (node === undefined || !agrees(node, board, driver).ok) return false;
  const isReady = (now: JoinedNode | undefined): boolean => now?.uid === node.uid && now.ready;
  return isReady(await awaitNode(cluster, node.name, isReady, { clock, signal, patience: settle }));
}

async function joinWithToken(attempt: Attempt, driver: TokenDriver): Promise<Result<void, StepProblem>> {
  const { cluster, approver, random, clock, session, board, signal, run } = attempt;
  const { tokenGroups: groups, tokenLifetime: lifetime = minutes(15) } = driver;
  const wanted = { device: board.id, run, name: board.name, groups, lifetime };
  const token = await mintToken({ request: cluster.request, random, clock }, wanted, signal);
  if (!token.ok) return token;
  const denied = new AbortController();
  const forget = approver.expect({
    tokenId: token.value.id,
    name: board.name,
    onDenied: (reason) => denied.abort(reason),
  });
  try {
    const joining = step(attempt, 'join', (context) => driver.join(session, board, token.value, context));
    joining.catch(() => undefined);
    const refused = once(denied.signal).then((reason) =>
      problem('CSR_REFUSED', `its certificate request was wrong: ${reason}`),
    );
    const joined: Result<void, StepProblem> = await Promise.race([joining, refused]);
    // A driver that waits for a certificate it will never get.
    if (denied.signal.aborted) await step(attempt, 'leave', (context) => driver.leave(session, context));
    return joined.ok ? joined : mask(joined, [token.value.secret, board.nodePassword]);
  } finally {
    forget();
  }
}

async function awaitNewNode(
  { cluster, driver, clock, signal, board }: Attempt,
  name: string,
  oldUid: string | undefined,
): Promise<Result<string, Problem>> {
  const isNew = (node: JoinedNode | undefined): boolean =>
    node !== undefined && node.uid !== oldUid && node.internalIp !== undefined;
  const node = await awaitNode(cluster, name, isNew, { clock, signal, patience: REGISTER });
  if (node === undefined || !isNew(node)) return problem('NODE_MISSING', `no Node ${name} appeared`);
  const same = agrees(node, board, driver);
  return same.ok ? ok(node.uid) : same;
}

/** What the board's Node is some time after it appeared: Ready, or the problem. */
export async function awaitReady(
  { cluster, clock }: Pick<Attempt, 'cluster' | 'clock'>,
  { name, uid }: { readonly name: string; readonly uid: string },
  signal: AbortSignal,
): Promise<Result<void, Problem>> {
  const isReady = (node: JoinedNode | undefined): boolean => node?.uid === uid && node.ready;
  const isOver = (node: JoinedNode | undefined): boolean => node?.uid !== uid || node.ready;
  const node = await awaitNode(cluster, name, isOver, { clock, signal, patience: READY });
  if (isReady(node)) return ok(undefined);
  return node?.uid === uid
    ? problem('NODE_NOT_READY', `Node ${name} is there, and was not Ready for ${READY / minutes(1)} minutes`)
    : problem('NODE_MISSING', `Node ${name} was deleted before it was Ready`);
}

/** Its first images may have to be fetched over a slow line. */
const READY = minutes(10);

/** Never deleted: it is somebody's machine. */
const foreignNode = (name: string): Result<never, Problem> =>
  problem('NODE_NAME_TAKEN', `there is a Node ${name} already, and it is not this board's: delete it first`);

const once = (signal: AbortSignal): Promise<unknown> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve(signal.reason);
    else signal.addEventListener('abort', () => resolve(signal.reason), { once: true });
  });
