/**
 * Keeps the owner's workloads away from the control plane's Nodes, once at every start: whoever takes the taint off afterwards
 * wants it off, and is told how to say so for good.
 */
import { seconds } from '../../../config/values.ts';
import type { Gate } from '../../cluster/gate.ts';
import type { Cluster } from '../../cluster/index.ts';
import { masterTaint, settleMaster } from '../../cluster/master-taint.ts';
import type { NodeFacts } from '../../cluster/nodes.ts';
import type { Clock, Log } from '../../ports.ts';
import { createDoze } from '../doze.ts';

export type MasterDeskDeps = {
  readonly cluster: Pick<Cluster, 'request' | 'nodes' | 'onNodes'> & { readonly gate: Pick<Gate, 'note'> };
  /** `cluster.workloadOnMaster` */
  readonly mayWork: boolean;
  /** What it carries is to be moved now. */
  readonly onTainted: (reason: string) => void;
  readonly clock: Pick<Clock, 'sleep'>;
  readonly log: Log;
};

export type MasterDesk = {
  readonly advice: () => readonly string[];
  /** Settles when the signal is aborted. */
  readonly follow: (signal: AbortSignal) => Promise<void>;
};

/** Longest pause between two looks; every change of a Node is one. */
const TURN = seconds(15);

export function createMasterDesk({ cluster, mayWork, onTainted, clock, log }: MasterDeskDeps): MasterDesk {
  /** By uid. Settled in this run; of those, seen with the taint since; why it could not be settled, as told. */
  const [settled, seen] = [new Set<string>(), new Set<string>()];
  /** By uid: has the taint from this run, but was not seen with it yet. */
  const written = new Set<string>();
  const troubles = new Map<string, string>();

  const masters = (): readonly NodeFacts[] => cluster.nodes().filter(({ controlPlane }) => controlPlane);
  const isTainted = ({ taints }: NodeFacts): boolean =>
    taints.some(({ key, effect }) => key === masterTaint.key && effect === masterTaint.effect);

  async function settle(node: NodeFacts, signal: AbortSignal): Promise<void> {
    const end = await settleMaster(cluster, node, mayWork, signal);
    if (!end.ok) {
      const { code, detail } = end.error;
      if (!troubles.has(node.uid)) log.warn('the master’s taint could not be set', { node: node.name, code, detail });
      troubles.set(node.uid, detail);
      return;
    }
    settled.add(node.uid);
    troubles.delete(node.uid);
    if (end.value !== 'written') return;
    const message = mayWork
      ? 'It may carry workloads: cluster.workloadOnMaster is true'
      : 'It carries the control plane and no workloads; what can move is moved';
    log.info('the master’s taint', { node: node.name, message });
    if (!mayWork) written.add(node.uid);
    await cluster.gate.note(
      node,
      { type: 'Normal', reason: mayWork ? 'BrambleFreed' : 'BrambleTainted', message },
      signal,
    );
  }

  async function look(signal: AbortSignal): Promise<void> {
    for (const node of masters()) {
      if (isTainted(node)) {
        seen.add(node.uid);
        // Only now: who plans sees the same Nodes.
        if (written.delete(node.uid)) onTainted(`${node.name} carries no workloads`);
      }
      if (!settled.has(node.uid)) await settle(node, signal);
    }
    const uids = new Set(masters().map(({ uid }) => uid));
    for (const known of [settled, seen, written]) for (const uid of known) if (!uids.has(uid)) known.delete(uid);
    for (const uid of troubles.keys()) if (!uids.has(uid)) troubles.delete(uid);
  }

  async function follow(signal: AbortSignal): Promise<void> {
    const { doze, wake } = createDoze(clock);
    const unsubscribe = cluster.onNodes(({ item }) => {
      if (item.controlPlane) wake();
    });
    while (!signal.aborted) {
      // What could not be asked is tried again at the next look.
      await look(signal).catch(
        (error: unknown) =>
          signal.aborted || log.error('the master’s taint is not looked after', { error: String(error) }),
      );
      await doze(TURN, signal);
    }
    unsubscribe();
  }

  const adviceFor = (node: NodeFacts): readonly string[] => {
    const trouble = troubles.get(node.uid);
    if (trouble !== undefined) return [`${node.name} may get workloads: its taint could not be set: ${trouble}`];
    // The watch may be a moment behind what we wrote.
    return settled.has(node.uid) && seen.has(node.uid) && !isTainted(node) ? [takenOff(node.name)] : [];
  };
  const advice = (): readonly string[] => (mayWork ? [] : masters().flatMap(adviceFor));

  return { advice, follow };
}

const takenOff = (name: string): string =>
  `${name} may get workloads: somebody took its taint off; \`workloadOnMaster: true\` under \`cluster\` lets it be so, else brambled puts it back when it starts`;
