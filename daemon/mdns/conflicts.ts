/** Telling the rest of the daemon, and the log, who has a name. */
import type { Log } from '../ports.ts';
import type { NameEvent } from './names.ts';
import { identity, type MdnsRecord } from './records.ts';

/** `theirs`: what the other host says of the name, when it is known. `newName`: what the master is called instead. */
export type MdnsConflict = {
  /** In full: `worker-kube1.local`. */
  readonly name: string;
  readonly theirs?: string;
  readonly newName?: string;
};

export type ConflictListeners = {
  /** Once when another host has a name; for a board's name we are silent until it is free again. */
  readonly onConflict?: (conflict: MdnsConflict) => void;
  readonly onConflictOver?: (conflict: { readonly name: string }) => void;
};

type Deps = ConflictListeners & { readonly log: Log };

export function tellNames(event: NameEvent, deps: Deps): void {
  if (event.kind === 'conflict-over') tellConflictOver(event.name, deps);
  else {
    const { name, newName } = event;
    tellConflict({ name, theirs: dataOf(event.theirs), ...(newName !== undefined && { newName }) }, deps);
  }
}

export function tellConflict(conflict: MdnsConflict, { log, onConflict }: Deps): void {
  log.warn('another host has a name of ours', { ...conflict });
  guarded(log, () => onConflict?.(conflict));
}

export function tellConflictOver(name: string, { log, onConflictOver }: Deps): void {
  log.info('a name is free again', { name });
  guarded(log, () => onConflictOver?.({ name }));
}

/** This runs on timers and packets: there is nobody above to catch. */
function guarded(log: Log, tell: () => void): void {
  try {
    tell();
  } catch (cause) {
    log.error('a name conflict was not taken', { cause });
  }
}

const dataOf = (record: MdnsRecord): string => (record.type === 'A' ? record.address : identity(record).slice(0, 200));
