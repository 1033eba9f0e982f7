/** A shutdown or startup for people, a line for each thing that is news. Pure. */
import type { PowerView } from '../../daemon/http/wire.ts';

const phases: Readonly<Record<string, string>> = {
  'stop cordon': 'no board gets new pods',
  'stop boards': 'boards are switched off',
  'stop master': 'what the cluster knows is saved, and this machine is switched off',
  'stop down': 'the boards are off: bramble startup brings them back',
  'start cluster': 'waiting for the cluster',
  'start boards': 'waiting for the boards',
};

/** Whoever follows it shows each line once. */
export function powerLines({ run, last }: PowerView): readonly string[] {
  if (run === null) return last === null ? [] : [last];
  const boards = run.boards.filter(({ state, done }) => done || state === 'draining');
  return [
    phases[`${run.kind} ${run.phase}`] ?? run.phase,
    ...boards.map(({ name, why }) => `${name}: ${why}`),
    ...(run.kind === 'start' ? run.waits : []),
  ];
}
