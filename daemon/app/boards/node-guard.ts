/**
 * A Node that bramble did not join under its name, address and label gets no work: it is tainted, and told of, once. It is
 * never deleted: it may be the owner's own machine, who then takes the taint off, and that stands.
 */
import { parseDeviceId, seconds } from '../../../config/values.ts';
import { createGuard, type Place, type Suspect, type Suspicion, suspicions } from '../../cluster/guard.ts';
import type { Cluster } from '../../cluster/index.ts';
import type { NodeFacts } from '../../cluster/nodes.ts';
import { quarantine } from '../../cluster/taints.ts';
import type { Device } from '../../lifecycle/device.ts';
import { belongs } from '../../lifecycle/leaving.ts';
import type { Runner } from '../../lifecycle/runner.ts';
import type { Clock, Log } from '../../ports.ts';
import type { Store, Write } from '../../store/store.ts';
import { createDoze } from '../doze.ts';

export type NodeGuardDeps = {
  readonly cluster: Pick<Cluster, 'nodes' | 'synced' | 'onNodes' | 'putQuarantine'>;
  readonly boards: () => readonly Device[];
  readonly dispatch: Runner['dispatch'];
  /** As on disk. */
  readonly settings: ReadonlyMap<string, string>;
  readonly commit: Store['commit'];
  /** An event of no board is on disk. */
  readonly onNotice: () => void;
  readonly clock: Clock;
  readonly log: Log;
};

export type NodeGuard = {
  /** Nodes that get no work, each with its reason and what to do, for the owner. */
  readonly advice: () => readonly string[];
  /** Settles when the signal is aborted. */
  readonly follow: (signal: AbortSignal) => Promise<void>;
};

const KEY = 'cluster.nodes';
/** Longest pause between two looks; every change of a Node is one. */
const TURN = seconds(15);

/** By uid what was told of a Node; a Node that was there before bramble is told everything of. Undefined: nobody looked yet. */
type Told = ReadonlyMap<string, readonly Suspicion[]>;

export function createNodeGuard(deps: NodeGuardDeps): NodeGuard {
  const { cluster, log } = deps;
  let told = toldFrom(deps.settings.get(KEY));

  const suspects = (): readonly Suspect[] => {
    const guard = createGuard(deps.boards().map(placeOf));
    return cluster.nodes().flatMap((node) => guard(node) ?? []);
  };
  const isTold = ({ node, suspicion }: Suspect): boolean => told?.get(node.uid)?.includes(suspicion) === true;

  /** Those that are there no more are forgotten, so it does not grow. */
  async function note(next: Told, notices: readonly Write[] = []): Promise<void> {
    const uids = new Set(cluster.nodes().map(({ uid }) => uid));
    const kept = new Map([...next].filter(([uid]) => uids.has(uid)));
    const value = JSON.stringify(Object.fromEntries(kept));
    await deps.commit([{ write: 'put-setting', key: KEY, value }, ...notices]);
    told = kept;
    if (notices.length > 0) deps.onNotice();
  }

  async function report(one: Suspect, before: Told, signal: AbortSignal): Promise<void> {
    const { node, suspicion, why } = one;
    const tainted = await cluster.putQuarantine(node.name, node.uid, signal);
    // It is looked at again: the next look sees another Node, or the API answers then.
    if (!tainted.ok)
      return log.warn('a Node is not what we joined, and cannot be tainted', {
        node: node.name,
        why,
        ...tainted.error,
      });
    log.error('a Node is not what we joined: it gets no work', { node: node.name, address: node.internalIp, why });
    const board = parseDeviceId(one.device ?? '');
    if (board.ok) await deps.dispatch(board.value, { event: 'node-suspected', node: node.name, why });
    const notice = { name: 'node-suspected', reason: `the Node ${node.name} gets no work: ${why}` };
    await note(
      new Map(before).set(node.uid, [...(before.get(node.uid) ?? []), suspicion]),
      board.ok ? [] : [{ write: 'append-notice', at: deps.clock.now(), ...notice }],
    );
  }

  async function look(signal: AbortSignal): Promise<void> {
    if (!cluster.synced()) return;
    if (told === undefined) {
      await note(new Map(suspects().map(({ node }) => [node.uid, suspicions])));
      return;
    }
    for (const one of suspects()) if (!isTold(one)) await report(one, told, signal);
    for (const node of cluster.nodes()) if (isTooEarly(node)) await holdBack(node, signal);
  }

  /** Ready and open for work while its board has not joined: of its earlier life, or of somebody who chose all its words. */
  function isTooEarly(node: NodeFacts): boolean {
    if (!node.ready || node.controlPlane || hasQuarantine(node)) return false;
    const board = deps.boards().find(({ id }) => id === node.device);
    return board !== undefined && board.name === node.name && BEFORE_JOINING.includes(board.state.name);
  }

  /** Told to nobody: with a new installation the old Node is a while behind. */
  async function holdBack({ name, uid }: NodeFacts, signal: AbortSignal): Promise<void> {
    const tainted = await cluster.putQuarantine(name, uid, signal);
    const said = { node: name, ...(tainted.ok ? {} : tainted.error) };
    log.warn('a Node is Ready before its board has joined: it gets no work', said);
  }

  async function follow(signal: AbortSignal): Promise<void> {
    const { doze, wake } = createDoze(deps.clock);
    const unsubscribe = cluster.onNodes(wake);
    while (!signal.aborted) {
      // What could not be written or asked is tried again at the next look.
      await look(signal).catch(
        (error: unknown) => signal.aborted || log.error('Nodes are not looked at', { error: String(error) }),
      );
      await doze(TURN, signal);
    }
    unsubscribe();
  }

  const advice = (): readonly string[] =>
    (told === undefined ? [] : suspects()).filter(isTold).filter(isTainted).map(adviceText);

  return { advice, follow };
}

/** Not `joining`: the taint could be put while it is being taken off for good. */
const BEFORE_JOINING: readonly Device['state']['name'][] = ['accepted', 'installing', 'starting'];

const isTainted = ({ node }: Suspect): boolean => hasQuarantine(node);
const hasQuarantine = ({ taints }: NodeFacts): boolean =>
  taints.some(({ key, effect }) => key === quarantine.key && effect === quarantine.effect);

const adviceText = ({ node, why }: Suspect): string =>
  `the Node ${node.name} gets no work: ${why}; kubectl delete node ${node.name}, or if it is yours: kubectl taint node ${node.name} ${quarantine.key}:${quarantine.effect}-`;

function placeOf(device: Device): Place {
  const { id, name, state } = device;
  const hasNode = belongs(device);
  // Until it is gone, its Node is where another board has its place by now.
  if (state.name === 'replaced') return { device: id, name, node: state.was.name, address: undefined, hasNode };
  const address = device.addressing === 'reserved' ? device.address : undefined;
  return { device: id, name, node: name, address, hasNode };
}

function toldFrom(text: string | undefined): Told | undefined {
  if (text === undefined) return undefined;
  try {
    const parsed: unknown = JSON.parse(text);
    return new Map(
      Object.entries(Object(parsed)).map(([uid, kinds]) => [
        uid,
        suspicions.filter((one) => Array.isArray(kinds) && kinds.includes(one)),
      ]),
    );
  } catch {
    // Damaged: nothing was told, and nothing is spared.
    return new Map();
  }
}
