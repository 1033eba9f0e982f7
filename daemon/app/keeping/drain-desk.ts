/** `bramble drain` and `uncordon`: pods are asked to go, and the cordon of a Node follows the state of its board. */
import { ok, type Problem, problem, type Result } from '../../../config/result.ts';
import { type Millis, millis, seconds } from '../../../config/values.ts';
import type { Gate } from '../../cluster/gate.ts';
import type { Cluster } from '../../cluster/index.ts';
import type { NodeFacts } from '../../cluster/nodes.ts';
import { blockedText, type DrainRules, drainOf, leftOf } from '../../cluster/power/drain.ts';
import { liftCordon } from '../../cluster/power/lift-cordon.ts';
import type { PodFacts, World } from '../../cluster/workloads/facts.ts';
import type { Device } from '../../lifecycle/device.ts';
import type { LifecycleEvent } from '../../lifecycle/event.ts';
import { isPlanned } from '../../lifecycle/planned-rows.ts';
import type { Runner } from '../../lifecycle/runner.ts';
import type { Clock, Log } from '../../ports.ts';
import { createDoze } from '../doze.ts';

export type DrainDeps = {
  readonly cluster: Pick<Cluster, 'request' | 'node' | 'nodes' | 'synced' | 'onNodes'>;
  readonly gate: Gate;
  /** What the watches know; undefined while that may not be so any more. */
  readonly world: () => World | undefined;
  readonly runner: Pick<Runner, 'dispatch'> & { readonly fleet: Pick<Runner['fleet'], 'all'> };
  /** A Node has its work again. */
  readonly onUncordoned: (node: string) => void;
  readonly clock: Clock;
  readonly log: Log;
};

type Refusal = Problem<'CONFLICT'>;

export type DrainDesk = {
  /** Refused where a pod is not sent away without the owner's word. Settles once it is on disk. */
  readonly request: (board: Device, how: DrainRules & { readonly by: string }) => Promise<Result<Device, Refusal>>;
  /** `force`: also what somebody else cordoned. */
  readonly uncordon: (
    board: Device,
    how: { readonly by: string; readonly force: boolean },
    signal: AbortSignal,
  ) => Promise<Result<Device, Refusal>>;
  /** One round of draining; see the effect. */
  readonly drain: (board: Device, signal: AbortSignal) => Promise<LifecycleEvent>;
  /** Why it may not be drained so; undefined if it may, or nobody knows. */
  readonly objection: (board: Device, rules: DrainRules) => string | undefined;
  /** Settles when the signal is aborted. */
  readonly follow: (signal: AbortSignal) => Promise<void>;
};

/** Between two looks at what is left. */
const ROUND = seconds(2);
/** A budget that says no is asked again after this, unless the server names another time: as kubectl does. */
const BUDGET_PAUSE = seconds(5);
/** Between two looks at the cordons. */
const CORDON_TURN = seconds(1);

/** Two minutes: Kubernetes takes Ready off a Node that is not heard after 50 s at the latest, also after its own start. */
const READY_LOOKS = 120;

export function createDrainDesk(deps: DrainDeps): DrainDesk {
  const { cluster, gate, runner, clock } = deps;
  const log = deps.log.child({ service: 'power' });
  const { doze, wake } = createDoze(clock);

  const objection: DrainDesk['objection'] = ({ name }, rules) => {
    const world = deps.world();
    const { blocked } = world === undefined ? { blocked: [] } : drainOf(world, name, rules);
    return blocked.length === 0 ? undefined : `${name} is not drained so: ${blockedText(blocked)}`;
  };

  const request: DrainDesk['request'] = async (board, { by, force, deleteData }) => {
    const why = objection(board, { force, deleteData });
    if (why !== undefined) return problem('CONFLICT', why);
    return await told(board, { event: 'drain-requested', by, keep: true, force, deleteData });
  };

  const told = async (board: Device, event: LifecycleEvent): Promise<Result<Device, Refusal>> => {
    const done = await runner.dispatch(board.id, event);
    if (!done.ok) return problem('CONFLICT', done.error.detail);
    return done.value.outcome === 'refused'
      ? problem('CONFLICT', `${board.name}: ${done.value.reason}`)
      : ok(done.value.device);
  };

  const uncordon: DrainDesk['uncordon'] = async (board, { by, force }, signal) => {
    const node = cluster.node(board.name);
    const isTheirs = node?.unschedulable === true && node.cordonedBy === undefined;
    if (isPlanned(board) && !(isTheirs && force)) return await told(board, { event: 'uncordon-requested', by });
    if (node === undefined)
      return problem(
        'CONFLICT',
        cluster.synced()
          ? `${board.name} has no Node.`
          : 'The Nodes of the cluster are not known yet: ask again in a moment.',
      );
    if (!node.unschedulable) return problem('CONFLICT', `${board.name} is not cordoned.`);
    if (isTheirs && !force)
      return problem(
        'CONFLICT',
        `${board.name} was cordoned by somebody else: kubectl uncordon ${board.name}, or bramble uncordon --force ${board.name}`,
      );
    const lifted = await liftCordon(cluster, node, signal);
    if (!lifted.ok) return problem('CONFLICT', `${board.name}: ${lifted.error.detail}`);
    await gate.note(
      node,
      { type: 'Normal', reason: 'BrambleUncordoned', message: `uncordoned, asked by ${by}` },
      signal,
    );
    deps.onUncordoned(board.name);
    return isPlanned(board) ? await told(board, { event: 'uncordon-requested', by }) : ok(board);
  };

  const drain: DrainDesk['drain'] = async (board, signal) => {
    const { state, name } = board;
    if (state.name !== 'draining' || state.work.step !== 'evicting') return { event: 'drained' };
    const { work } = state;
    const budgets = new Map<string, Millis>();
    if (work.left === undefined) await cordon(board, state.by, signal);
    let [zeros, rested] = [0, 0];
    for (let pause = work.left !== undefined; ; pause = true) {
      if (pause) await clock.sleep(ROUND, signal);
      rested += pause ? ROUND : 0;
      const world = deps.world();
      if (world === undefined) {
        const waits = 'the cluster does not answer';
        if (waits !== work.waits) return { event: 'drain-progressed', left: work.left ?? 0, waits };
        continue;
      }
      const plan = drainOf(world, name, work);
      const left = leftOf(plan);
      // Twice: one that was bound just before the cordon may still be on its way to us.
      zeros = left === 0 ? zeros + 1 : 0;
      if (zeros > 1) return { event: 'drained' };
      const due = plan.going.filter(({ uid }) => (budgets.get(uid) ?? 0) <= rested);
      const refusals = await Promise.all(due.map((pod) => evict(pod, signal)));
      for (const refusal of refusals)
        if (refusal?.until !== undefined) budgets.set(refusal.uid, add(refusal.until, rested));
      const blocked = plan.blocked.length === 0 ? undefined : blockedText(plan.blocked);
      const refused = refusals.find((one) => one !== undefined)?.why;
      // Of those that are asked later again, what they said last still holds.
      const waits = blocked ?? refused ?? (plan.going.some(({ uid }) => budgets.has(uid)) ? work.waits : undefined);
      if (left > 0 && (left !== work.left || waits !== work.waits))
        return { event: 'drain-progressed', left, ...(waits !== undefined && { waits }) };
    }
  };

  const add = (until: Millis, rested: number): Millis => millis(until + rested);

  /** Undefined: it goes, or is gone, or another one by now. */
  const evict = async (
    pod: PodFacts,
    signal: AbortSignal,
  ): Promise<{ readonly uid: string; readonly why: string; readonly until?: Millis } | undefined> => {
    const end = await gate.evict({ name: pod.name, uid: pod.uid }, signal);
    if (end.ok || end.error.code === 'REPLACED' || end.error.code === 'CHANGED') return undefined;
    const { code, detail } = end.error;
    log.debug('a pod does not go', { pod: pod.name, code, detail });
    if (code !== 'BUDGET') return { uid: pod.uid, why: `${pod.name}: ${detail}`, until: BUDGET_PAUSE };
    const until = 'retryAfter' in end.error ? end.error.retryAfter : undefined;
    return {
      uid: pod.uid,
      why: `${pod.name}: its disruption budget lets none go just now`,
      until: until ?? BUDGET_PAUSE,
    };
  };

  /** What somebody else cordoned stays his. */
  const cordon = async ({ name }: Device, by: string, signal: AbortSignal): Promise<void> => {
    // The runner tries again.
    if (!cluster.synced()) throw new Error('the Nodes of the cluster are not known yet');
    const node = cluster.node(name);
    if (node === undefined) return;
    const end = await gate.cordon({ name, uid: node.uid }, `drain, asked by ${by}`, signal);
    if (!end.ok) throw new Error(`${end.error.code}: ${end.error.detail}`);
    await gate.note(node, { type: 'Normal', reason: 'BrambleDraining', message: `drained, asked by ${by}` }, signal);
  };

  /** Looks in a row at which the Node of a board that was switched off is Ready. */
  const readyLooks = new Map<string, number>();

  /** It never went, and nobody noticed: a cable that was out for a moment is as silent as a board that is off. */
  async function lookAtStopped(board: Device, node: NodeFacts): Promise<void> {
    const looks = board.state.name === 'stopped' && node.ready ? (readyLooks.get(board.name) ?? 0) + 1 : 0;
    if (looks === 0) readyLooks.delete(board.name);
    else readyLooks.set(board.name, looks);
    if (looks === READY_LOOKS) await runner.dispatch(board.id, { event: 'node-ready' });
  }

  /** Nodes that were seen cordoned by us, of boards that are drained. */
  const seenCordoned = new Set<string>();
  /** Nodes whose cordon could not be lifted. */
  const failing = new Set<string>();

  const follow: DrainDesk['follow'] = async (signal) => {
    // At once: he may cordon it again the next moment, and that one is his.
    const unsubscribe = cluster.onNodes(({ item }) => {
      if (isUncordonedByHand(item)) wake();
    });
    while (!signal.aborted) {
      if (cluster.synced()) {
        const boards = new Map<string, Device>(runner.fleet.all().map((board) => [board.name, board]));
        for (const node of cluster.nodes()) {
          const board = boards.get(node.name);
          const isIts = board !== undefined && (node.device === undefined || node.device === board.id);
          if (isIts) await look(board, node, signal).then(() => failing.delete(node.name), notDone(node, signal));
        }
      }
      await doze(CORDON_TURN, signal);
    }
    unsubscribe();
  };

  /** Told once, and tried again each turn. */
  const notDone =
    ({ name }: NodeFacts, signal: AbortSignal) =>
    (error: unknown): void => {
      if (signal.aborted || failing.has(name)) return;
      failing.add(name);
      log.warn('the cordon of a Node is not as it should be', { node: name, error: String(error) });
    };

  async function look(board: Device, node: NodeFacts, signal: AbortSignal): Promise<void> {
    const { name } = node;
    if (isUncordonedByHand(node)) await disown(board, node, signal);
    if (!isPlanned(board)) {
      seenCordoned.delete(name);
      // What leaves, or is installed anew, gets no pods for its last minutes; a new Node of it has no cordon.
      if (board.state.name !== 'ready' || node.cordonedBy === undefined || !node.unschedulable) return;
      const end = await gate.uncordon({ name, uid: node.uid }, signal);
      if (!end.ok) throw new Error(`${end.error.code}: ${end.error.detail}`);
      log.info('a Node gets work again', { node: name });
      await gate.note(node, { type: 'Normal', reason: 'BrambleUncordoned', message: 'gets work again' }, signal);
      deps.onUncordoned(name);
      return;
    }
    await lookAtStopped(board, node);
    const isDrained = isDrainedNow(board);
    if (!isDrained) seenCordoned.delete(name);
    else if (node.unschedulable) seenCordoned.add(name);
    // `kubectl uncordon` is a word of the owner's, too.
    else if (seenCordoned.delete(name))
      await runner.dispatch(board.id, { event: 'uncordon-requested', by: 'kubectl uncordon' });
  }

  /** The annotation and the cordon come and go in one patch of ours: where only the annotation is left, it was somebody else. */
  async function disown(board: Device, node: NodeFacts, signal: AbortSignal): Promise<void> {
    const end = await gate.disownCordon({ name: node.name, uid: node.uid }, signal);
    if (!end.ok) throw new Error(`${end.error.code}: ${end.error.detail}`);
    log.info('a Node was uncordoned by somebody else', { node: node.name });
    // Also before it was ever seen cordoned: a daemon that was started since knows it by the annotation.
    if (isDrainedNow(board)) seenCordoned.add(node.name);
    if (!isPlanned(board)) deps.onUncordoned(node.name);
  }

  return { request, uncordon, drain, objection, follow };
}

const isDrainedNow = ({ state }: Device): boolean => state.name === 'draining' && state.work.step === 'drained';

const isUncordonedByHand = ({ unschedulable, cordonedBy }: NodeFacts): boolean =>
  !unschedulable && cordonedBy !== undefined;
