/**
 * Pods that must never run twice, on boards that are held gone: they are let go of once it is proven that the board is off, by the
 * owner's word or by his power command. Level-based: each turn looks at what is and does the next thing.
 */
import { ok, type Problem, problem, type Result } from '../../../config/result.ts';
import { type Millis, millis, minutes, seconds } from '../../../config/values.ts';
import { boundPods } from '../../cluster/failover/bound-pods.ts';
import { knowsOutOfService, outOfService, type Proof, proofsText, readProofs } from '../../cluster/failover/proof.ts';
import type { PowerSwitch, Probes } from '../../cluster/failover/signs.ts';
import type { Gate } from '../../cluster/gate.ts';
import type { Cluster } from '../../cluster/index.ts';
import type { PodFacts, World } from '../../cluster/workloads/facts.ts';
import type { Runner } from '../../lifecycle/runner.ts';
import type { Log } from '../../ports.ts';
import type { Store } from '../../store/store.ts';
import { createOrder } from '../in-order.ts';
import { isSilent, isSilentFor, type Looked } from './lookout.ts';

export type ProofDeskDeps = {
  readonly world: () => World;
  readonly cluster: Pick<Cluster, 'reachable'>;
  readonly gate: Pick<Gate, 'putTaint' | 'removeTaint' | 'markUnknown' | 'forceDelete' | 'note'>;
  readonly probes: Pick<Probes, 'evidence' | 'peer' | 'power'>;
  /** Undefined: boards are switched by hand. */
  readonly switchPower: PowerSwitch | undefined;
  readonly dispatch: Runner['dispatch'];
  /** What is seen by now of the Node with this uid. */
  readonly lookAgain: (uid: string) => Looked | undefined;
  /** As on disk. */
  readonly settings: ReadonlyMap<string, string>;
  readonly commit: Store['commit'];
  readonly log: Log;
};

export type ProofDesk = {
  /**
   * The next thing for this board, which is fenced, or was when its proof was given. `mayCutPower`: nothing speaks against a deed
   * just now. Never rejects but for the disk.
   */
  readonly turn: (looked: Looked, mayCutPower: boolean, now: Millis, signal: AbortSignal) => Promise<void>;
  /** The owner says that it is off. `CONFLICT`: it answers, or nothing waits for that; the detail says so. */
  readonly confirm: (
    looked: Looked,
    by: string,
    peers: readonly string[],
    signal: AbortSignal,
  ) => Promise<Result<readonly PodFacts[], Problem<'CONFLICT'>>>;
  readonly waiting: (looked: Looked) => readonly PodFacts[];
  readonly proofOf: (node: string) => Proof | undefined;
  /** Boards of which something is left to do though their Nodes are gone: their power is put on again. */
  readonly settleGone: (nodes: ReadonlySet<string>, signal: AbortSignal) => Promise<void>;
};

const KEY = 'failover.proofs';
/** By his command, in the record. */
const BY_POWER = 'power.command';
/** A command that did not work is not asked again at once. */
const POWER_PAUSE = minutes(5);
const ON_PAUSE = seconds(30);
/** Before its power is taken. */
const LONG = seconds(10);

export function createProofDesk(deps: ProofDeskDeps): ProofDesk {
  const { gate, probes, log } = deps;
  let proofs = readProofs(deps.settings.get(KEY));
  /** By board, until when its power command is left alone. */
  const pauses = new Map<string, Millis>();
  const inOrder = createOrder();

  const proofOf = (node: string): Proof | undefined => proofs.get(node);

  /** All of them are one setting: two boards at a time would undo each other. */
  const put = (node: string, proof: Proof | undefined): Promise<void> => inOrder(() => write(node, proof));

  async function write(node: string, proof: Proof | undefined): Promise<void> {
    const next = new Map(proofs);
    if (proof === undefined) next.delete(node);
    else next.set(node, proof);
    await deps.commit([
      next.size === 0
        ? { write: 'delete-setting', key: KEY }
        : { write: 'put-setting', key: KEY, value: proofsText(next) },
    ]);
    proofs = next;
  }

  const waiting = ({ node }: Looked): readonly PodFacts[] => boundPods(deps.world(), node);

  async function turn(looked: Looked, mayCutPower: boolean, now: Millis, signal: AbortSignal): Promise<void> {
    const { node } = looked;
    const proof = proofs.get(node.name);
    if (proof !== undefined && proof.uid !== node.uid)
      return await put(node.name, { ...proof, uid: node.uid, step: 'ending' });
    switch (proof?.step) {
      case undefined:
        return await wait(looked, mayCutPower, now, signal);
      case 'switching':
        return await cutPower(looked, proof, now, signal);
      case 'given':
        return await letGo(looked, proof, signal);
      case 'ending':
        return await end(looked, proof, now, signal);
    }
  }

  async function wait(looked: Looked, mayCutPower: boolean, now: Millis, signal: AbortSignal): Promise<void> {
    const { node, device } = looked;
    const pods = waiting(looked);
    const told = device?.state.name === 'waiting-for-proof' ? device.state.pods : 0;
    if (device !== undefined && pods.length !== told) {
      const end = await deps.dispatch(device.id, { event: 'proof-wanted', pods: pods.length });
      if (end.ok && end.value.outcome === 'moved' && told === 0) await tellWaiting(looked, pods, signal);
    }
    const isDue = (pauses.get(node.name) ?? 0) <= now;
    if (pods.length === 0 || deps.switchPower === undefined || !mayCutPower || !isDue) return;
    if (!isSilentFor(looked, LONG)) return;
    const power = await probes.power(node.name, signal);
    // Who cannot tell whether it is off proves nothing by switching.
    if (power === 'unknown') return void pauses.set(node.name, millis(now + POWER_PAUSE));
    log.warn('the power of a board that is gone is taken, so that its pods can move', { node: node.name });
    await put(node.name, { uid: node.uid, by: BY_POWER, step: 'switching', switched: power === 'on' });
  }

  async function tellWaiting({ node }: Looked, pods: readonly PodFacts[], signal: AbortSignal): Promise<void> {
    const names = pods.map(({ name }) => name).slice(0, 5);
    const more = pods.length > names.length ? ` and ${pods.length - names.length} more` : '';
    const message = `waiting for proof: power off ${node.name} and run \`bramble confirm-off ${node.name}\`; ${names.join(', ')}${more} must never run twice`;
    log.warn('pods of a board that is gone wait for proof that it is off', { node: node.name, pods: names });
    await gate.note(node, { type: 'Warning', reason: 'BrambleWaitsForProof', message }, signal);
  }

  async function cutPower(looked: Looked, proof: Proof, now: Millis, signal: AbortSignal): Promise<void> {
    const { name } = looked.node;
    if (!isSilent(looked)) return await put(name, { ...proof, step: 'ending' });
    const switchPower = deps.switchPower ?? noCommand;
    const off = await switchPower(name, 'off', signal);
    const power = off.ok ? await probes.power(name, signal) : 'unknown';
    if (power === 'off') return await give(looked, proof, signal);
    signal.throwIfAborted();
    const why = off.ok ? `it says ${power}` : off.error.detail;
    log.error('the power of a board could not be taken for certain', { node: name, why });
    pauses.set(name, millis(now + POWER_PAUSE));
    await put(name, { ...proof, step: 'ending' });
  }

  async function give({ node, device }: Looked, proof: Proof, signal: AbortSignal): Promise<void> {
    await put(node.name, { ...proof, step: 'given' });
    log.warn('a board is proven to be off: its pods are let go of', { node: node.name, by: proof.by });
    if (device !== undefined) await deps.dispatch(device.id, { event: 'proof-given', by: proof.by });
    const message = `it is off, by the proof of ${proof.by}: what must never run twice is started elsewhere`;
    await gate.note(node, { type: 'Warning', reason: 'BrambleProofGiven', message }, signal);
  }

  async function letGo(looked: Looked, proof: Proof, signal: AbortSignal): Promise<void> {
    const { node } = looked;
    if (!looked.isFenced || !isSilent(looked)) {
      log.warn('the proof that a board is off does not count any more', { node: node.name });
      return await put(node.name, { ...proof, step: 'ending' });
    }
    const pods = waiting(looked);
    if (pods.length === 0) return await put(node.name, { ...proof, step: 'ending' });
    // Kubernetes deletes by itself, and gives volumes to others, only on a Node that is not Ready (facts 3.2).
    const unknown = node.ready
      ? await gate.markUnknown(node, 'BrambleProofGiven', `off, by the proof of ${proof.by}`, signal)
      : ok(undefined);
    const version = await deps.cluster.reachable(signal);
    const tainted =
      version.ok && knowsOutOfService(version.value) && !isOutOfService(looked)
        ? await gate.putTaint(node, outOfService, signal)
        : ok(undefined);
    for (const step of [unknown, version, tainted])
      if (!step.ok) return log.warn('a Node cannot be put out of service', { node: node.name, ...step.error });
    // It looks every 20 s only.
    for (const pod of pods) {
      // Each call takes a while, and a board that is heard by now may be starting it again. The next turn ends the proof.
      const now = deps.lookAgain(node.uid);
      if (now === undefined || !isSilent(now)) return;
      const gone = await gate.forceDelete(pod, signal);
      log.info('a pod of a board that is off is let go of', {
        node: node.name,
        pod: pod.name,
        ...(gone.ok ? {} : gone.error),
      });
    }
  }

  async function end(looked: Looked, proof: Proof, now: Millis, signal: AbortSignal): Promise<void> {
    const { node } = looked;
    if (isOutOfService(looked)) {
      const cleared = await gate.removeTaint(node, outOfService, signal);
      if (!cleared.ok) return log.warn('a Node cannot be put in service again', { node: node.name, ...cleared.error });
    }
    if ((pauses.get(`on ${node.name}`) ?? 0) > now) return;
    pauses.set(`on ${node.name}`, millis(now + ON_PAUSE));
    await release(node.name, proof, signal);
  }

  /** Its power is as we found it, and nothing is left of the proof. */
  async function release(name: string, proof: Proof, signal: AbortSignal): Promise<void> {
    if (proof.switched) {
      const on = await deps.switchPower?.(name, 'on', signal);
      if (on !== undefined && !on.ok)
        return log.error('a board cannot be switched on again', { node: name, ...on.error });
      log.info('a board is switched on again', { node: name });
    }
    await put(name, undefined);
    pauses.delete(`on ${name}`);
  }

  async function settleGone(nodes: ReadonlySet<string>, signal: AbortSignal): Promise<void> {
    for (const [name, proof] of proofs) if (!nodes.has(name)) await release(name, proof, signal);
  }

  const confirm: ProofDesk['confirm'] = async (looked, by, peers, signal) => {
    const { name, uid } = looked.node;
    const pods = waiting(looked);
    const silence = ': power it off first, or leave it: its pods run on it';
    const nothing = problem('CONFLICT', `nothing of ${name} waits for proof: bramble failover shows what does`);
    if (!looked.isFenced) return nothing;
    if (proofs.has(name)) return problem('CONFLICT', `${name}: it is under way already`);
    if (!isSilent(looked) || probes.evidence(name).path === 'alive')
      return problem('CONFLICT', `${name}: it answers${silence}`);
    if (pods.length === 0) return nothing;
    const [peer, power] = await Promise.all([probes.peer(name, peers, signal), probes.power(name, signal)]);
    if (peer === 'alive') return problem('CONFLICT', `${name}: it answers another board${silence}`);
    if (power === 'on') return problem('CONFLICT', `${name}: its power is on, as power.command says${silence}`);
    await give(looked, { uid, by, step: 'given', switched: false }, signal);
    return ok(pods);
  };

  return { turn, confirm, waiting, proofOf, settleGone };
}

const noCommand: PowerSwitch = async () => problem('NO_POWER_COMMAND', 'there is no power.command any more');

const isOutOfService = ({ node }: Looked): boolean =>
  node.taints.some(({ key, effect }) => key === outOfService.key && effect === outOfService.effect);
