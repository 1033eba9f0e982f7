/** What people and other programs say about a workload by its annotations, labels and managed fields. Pure. */
import { field, isJson, list, text } from '../watch-event.ts';
import type { OwnerFacts } from './facts.ts';

/** Ours first; of the descheduler's two its keys alone count, as it has it (facts 4.2). */
export function readWish(metadata: unknown): OwnerFacts['wish'] {
  const annotations = field(metadata, 'annotations');
  const ours = field(annotations, 'bramble.dev/balance');
  if (ours === 'false') return 'stay';
  if (ours === 'true') return 'may-move';
  if (field(annotations, 'descheduler.alpha.kubernetes.io/prefer-no-eviction') !== undefined) return 'stay';
  return field(annotations, 'descheduler.alpha.kubernetes.io/evict') === undefined ? undefined : 'may-move';
}

/** What Argo CD, Flux and Fleet put on what they apply. `managed-by: Helm` alone is somebody at a command line. */
const gitopsMarks: readonly string[] = [
  'argocd.argoproj.io/instance',
  'argocd.argoproj.io/tracking-id',
  'kustomize.toolkit.fluxcd.io/name',
  'helm.toolkit.fluxcd.io/name',
];
/** The names under which they write. */
const gitopsManagers: readonly string[] = [
  ...['argocd', 'argocd-controller', 'argocd-application-controller'],
  ...['flux', 'kustomize-controller', 'helm-controller'],
  ...['fleetagent', 'fleet-agent'],
];

/** A tool that keeps it as a repository says, and would undo what we change. */
export function isGitops(metadata: unknown): boolean {
  const [labels, annotations] = [field(metadata, 'labels'), field(metadata, 'annotations')];
  const has = (where: unknown, key: string): boolean => isJson(where) && where[key] !== undefined;
  if (gitopsMarks.some((key) => has(labels, key) || has(annotations, key))) return true;
  return list(field(metadata, 'managedFields')).some((entry) =>
    gitopsManagers.includes(text(field(entry, 'manager')) ?? ''),
  );
}
