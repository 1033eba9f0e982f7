/** Which Nodes may carry pods, and since when without a break: a board that comes and goes gets nothing moved to it. */
import type { Millis } from '../../../config/values.ts';
import type { NodeFacts } from '../../cluster/nodes.ts';

export type NodeNews = { readonly came: readonly string[]; readonly went: readonly string[] };

export type SteadyNodes = {
  /** What is new since the last look; of the first look nothing is. */
  readonly look: (nodes: readonly NodeFacts[], now: Millis) => NodeNews;
  readonly count: () => number;
  readonly isSettled: (name: string, now: Millis) => boolean;
  readonly areAllSettled: (now: Millis) => boolean;
};

/** Ready, not cordoned (what is drained or shut down on purpose is), and none of bramble's taints on it. */
const isUsable = ({ ready, unschedulable, taints }: NodeFacts): boolean =>
  ready && !unschedulable && !taints.some(({ key }) => key.startsWith('bramble.dev/'));

export function createSteadyNodes(settle: Millis): SteadyNodes {
  /** By uid: a board that joined afresh under its old name is another one. Undefined: it was there at the first look. */
  let since: ReadonlyMap<string, { readonly name: string; readonly at: Millis | undefined }> | undefined;
  let byName: ReadonlyMap<string, Millis | undefined> = new Map();

  function look(nodes: readonly NodeFacts[], now: Millis): NodeNews {
    const before = since;
    const usable = nodes.filter(isUsable);
    since = new Map(
      usable.map(({ uid, name }) => [uid, before?.get(uid) ?? { name, at: before === undefined ? undefined : now }]),
    );
    byName = new Map([...since.values()].map(({ name, at }) => [name, at]));
    if (before === undefined) return { came: [], went: [] };
    const uids = since;
    return {
      came: usable.filter(({ uid }) => !before.has(uid)).map(({ name }) => name),
      went: [...before].filter(([uid]) => !uids.has(uid)).map(([, { name }]) => name),
    };
  }

  const isOld = (at: Millis | undefined, now: Millis): boolean => at === undefined || now - at >= settle;
  return {
    look,
    count: () => since?.size ?? 0,
    isSettled: (name, now) => byName.has(name) && isOld(byName.get(name), now),
    areAllSettled: (now) => [...byName.values()].every((at) => isOld(at, now)),
  };
}
