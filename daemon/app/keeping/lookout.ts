/** Looks at every board that has a Node, twice a second, and says of each what it is held for. From memory: nothing is asked here. */
import { type Millis, seconds } from '../../../config/values.ts';
import { fenceLimit, type Rack } from '../../cluster/failover/breakers.ts';
import type { Probes } from '../../cluster/failover/signs.ts';
import {
  LEASE_OLD,
  nothingKnown,
  type Sight,
  type Suspicion,
  suspect,
  type Verdict,
  verdictOf,
} from '../../cluster/failover/suspicion.ts';
import type { NodeFacts } from '../../cluster/nodes.ts';
import { isFenced } from '../../cluster/taints.ts';
import type { World } from '../../cluster/workloads/facts.ts';
import type { Device } from '../../lifecycle/device.ts';
import { isPlanned } from '../../lifecycle/planned-rows.ts';
import type { Inquiries } from './inquiries.ts';

/** What is needed of the watches. */
export type Observed = {
  readonly world: () => World;
  /** `renewals` 0: it was only found, and may be of last year. */
  readonly lease: (node: string) => { readonly age: Millis; readonly renewals: number } | undefined;
};

/** A Node of a worker, with its board if it has one. `isWatched`: it may be fenced; others are only let in again. */
export type Looked = {
  readonly node: NodeFacts;
  readonly device: Device | undefined;
  readonly isWatched: boolean;
  readonly isFenced: boolean;
  readonly sight: Sight;
  readonly suspicion: Suspicion;
  readonly verdict: Verdict;
  /** When it was looked at. */
  readonly at: Millis;
};

export type Picture = { readonly workers: readonly Looked[]; readonly rack: Rack };

export const nothingSeen: Picture = {
  workers: [],
  rack: { nodes: 0, fenced: 0, suspects: [], gone: [], isRoomElsewhere: false },
};

/** Planned work and whatever else the owner wants of a board is no death. */
const WATCHED: readonly Device['state']['name'][] = ['ready', 'unreachable', 'waiting-for-proof'];

/** What is heard of the watch may be so late. */
const HEARD_LATE = seconds(3);

/** Long enough for its power to be taken: a board that was heard a moment ago may only flap. */
export const isSilentFor = (looked: Looked, span: Millis): boolean =>
  isSilent(looked) && looked.at - (looked.suspicion.since.path ?? 0) >= span;

export function createLookout(deps: {
  readonly observed: Observed;
  readonly probes: Pick<Probes, 'evidence'>;
  readonly inquiries: Inquiries;
  readonly boards: () => readonly Device[];
  readonly after: Millis;
}) {
  const { observed, inquiries } = deps;
  /** By the uid of the Node. */
  let suspicions: ReadonlyMap<string, Suspicion> = new Map();

  function sightOf({ name, ready }: NodeFacts, now: Millis): Sight {
    const lease = observed.lease(name);
    const peer = inquiries.peer(name, now);
    return {
      path: deps.probes.evidence(name).path,
      ...{ peer: peer.answer, peerSince: peer.since },
      lease: lease !== undefined && lease.renewals > 0 ? lease.age : undefined,
      power: inquiries.power(name, now),
      ready,
    };
  }

  function lookAt(node: NodeFacts, device: Device | undefined, now: Millis): Looked {
    const sight = sightOf(node, now);
    const suspicion = suspect(suspicions.get(node.uid) ?? nothingKnown, sight, now);
    const isWatched = device !== undefined && WATCHED.includes(device.state.name);
    const verdict = isWatched ? verdictOf(suspicion, now, deps.after) : 'well';
    return { node, device, isWatched, isFenced: isFenced(node), sight, suspicion, verdict, at: now };
  }

  return {
    /** `placed`: by uid, Nodes whose fence is on its way. */
    look: (now: Millis, placed: ReadonlySet<string>): Picture => {
      const byName = new Map<string, Device>(deps.boards().map((device) => [device.name, device]));
      const nodes = observed.world().nodes;
      const workers = nodes
        .filter(({ controlPlane }) => !controlPlane)
        .map((node) => lookAt(node, boardOf(node, byName.get(node.name)), now))
        .map((looked) => (placed.has(looked.node.uid) ? { ...looked, isFenced: true } : looked));
      suspicions = new Map(workers.map(({ node, suspicion }) => [node.uid, suspicion]));
      return { workers, rack: rackOf(workers, nodes) };
    },
    /** Of each that is silent, unless they are so many that nobody would be fenced anyway. */
    inquire: ({ workers, rack }: Picture, now: Millis, signal: AbortSignal): void => {
      const silent = workers.filter((one) => one.isWatched && !one.isFenced && one.sight.path === 'silent');
      for (const { node, sight } of workers) if (sight.path === 'alive') inquiries.forget(node.name);
      if (silent.length > fenceLimit(rack.nodes)) return;
      const trusted = workers.filter(isTrusted).map(({ node }) => node.name);
      for (const { node } of silent) inquiries.ask(node.name, trusted, now, signal);
    },
  };
}

const boardOf = ({ device: label }: NodeFacts, device: Device | undefined): Device | undefined =>
  label === undefined || label === device?.id ? device : undefined;

/** As a peer. */
export const isTrusted = ({ isWatched, isFenced: fenced, node, sight, verdict }: Looked): boolean =>
  isWatched && !fenced && node.ready && sight.path === 'alive' && verdict === 'well';

function rackOf(workers: readonly Looked[], nodes: readonly NodeFacts[]): Rack {
  const open = workers.filter((one) => one.isWatched && !one.isFenced);
  const suspects = open.filter(({ verdict }) => verdict !== 'well');
  const gone = suspects
    .filter(({ verdict }) => verdict === 'gone')
    .toSorted((a, b) => firstSign(a) - firstSign(b) || (a.node.name < b.node.name ? -1 : 1));
  const lost = new Set(suspects.map(({ node }) => node.uid));
  return {
    // One without a board of ours is the owner's own.
    nodes: workers.filter(({ isWatched, device, node }) => isWatched || (device === undefined && node.ready)).length,
    fenced: workers.filter((one) => one.isFenced && !(one.device !== undefined && isPlanned(one.device))).length,
    suspects: suspects.map(({ node }) => node.name),
    gone: gone.map(({ node }) => node.name),
    isRoomElsewhere: nodes.some((node) => !lost.has(node.uid) && takesPods(node)),
  };
}

const firstSign = ({ suspicion }: Looked): number => Math.min(...Object.values(suspicion.since));

const takesPods = ({ ready, unschedulable, taints }: NodeFacts): boolean =>
  ready && !unschedulable && !taints.some(({ effect }) => effect === 'NoSchedule' || effect === 'NoExecute');

/** Nobody hears anything of it. What is not known speaks for nobody, nor does a Lease that was renewed before it fell silent. */
export function isSilent({ sight: { path, peer, power, lease }, suspicion, at }: Looked): boolean {
  const silentFor = path === 'silent' && suspicion.since.path !== undefined ? at - suspicion.since.path : LEASE_OLD;
  const isRenewed = lease !== undefined && lease < Math.min(LEASE_OLD, silentFor - HEARD_LATE);
  return path !== 'alive' && peer !== 'alive' && power !== 'on' && !isRenewed;
}
