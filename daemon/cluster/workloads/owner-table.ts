/** Owners by their uid, kept while what they are put together from comes in any order. */
import type { OwnerFacts, OwnerKind } from './facts.ts';
import { type AutoscalerFacts, ownerFacts, type Scaled } from './owners.ts';

export type OwnerTable = {
  readonly owners: ReadonlyMap<string, OwnerFacts>;
  /** Everything of one kind that has replicas is called by kind and name; another uid under the same name takes its place. */
  readonly put: (scaled: Scaled) => void;
  readonly remove: (scaled: Scaled) => void;
  /** All there are. */
  readonly autoscale: (autoscalers: Iterable<AutoscalerFacts>) => void;
};

type Owner = Scaled & { readonly kind: OwnerKind };
const isOwner = (scaled: Scaled): scaled is Owner => scaled.kind !== 'Deployment';

/** `onChange`: what is known of the owner with this uid is another thing now, or nothing any more. */
export function createOwnerTable(onChange: (uid: string) => void): OwnerTable {
  const owners = new Map<string, OwnerFacts>();
  const [known, deployments] = [new Map<string, Owner>(), new Map<string, Scaled>()];
  /** Owners by the uid of the Deployment above them. */
  const under = new Map<string, Set<string>>();
  /** Who has `Deployment default/web` now. */
  const named = new Map<string, Scaled>();
  let autoscaled: ReadonlySet<string> = new Set();

  const settle = (uid: string): void => {
    const owner = known.get(uid);
    const above = deployments.get(owner?.controller?.uid ?? '');
    const facts = owner && ownerFacts(owner, above, (title) => autoscaled.has(title));
    const before = owners.get(uid);
    if (JSON.stringify(facts) === JSON.stringify(before)) return;
    if (facts === undefined) owners.delete(uid);
    else owners.set(uid, facts);
    onChange(uid);
  };
  const settleUnder = (deployment: string): void => {
    for (const uid of under.get(deployment) ?? []) settle(uid);
  };

  const remove = (scaled: Scaled): void => {
    const title = titleOf(scaled);
    if (named.get(title)?.uid === scaled.uid) named.delete(title);
    const { uid } = scaled;
    if (!isOwner(scaled)) {
      deployments.delete(uid);
      settleUnder(uid);
      return;
    }
    known.delete(uid);
    const above = scaled.controller?.uid ?? '';
    under.get(above)?.delete(uid);
    if (under.get(above)?.size === 0) under.delete(above);
    settle(uid);
  };

  const put = (scaled: Scaled): void => {
    const title = titleOf(scaled);
    const before = named.get(title);
    if (before !== undefined && (before.uid !== scaled.uid || before.controller?.uid !== scaled.controller?.uid))
      remove(before);
    named.set(title, scaled);
    if (!isOwner(scaled)) {
      deployments.set(scaled.uid, scaled);
      settleUnder(scaled.uid);
      return;
    }
    known.set(scaled.uid, scaled);
    const above = scaled.controller?.uid;
    if (above !== undefined) under.set(above, (under.get(above) ?? new Set()).add(scaled.uid));
    settle(scaled.uid);
  };

  return {
    owners,
    put,
    remove,
    autoscale: (autoscalers) => {
      autoscaled = new Set([...autoscalers].map(({ target }) => target));
      for (const uid of known.keys()) settle(uid);
    },
  };
}

const titleOf = ({ kind, name }: Scaled): string => `${kind} ${name}`;
