/** A shutdown or a startup as it is on disk: what was asked, and how far it is. The rest is in the states of its boards. Pure. */
import { type DeviceId, parseDeviceId } from '../../../config/values.ts';

export type StopRun = {
  readonly kind: 'stop';
  readonly by: string;
  /** The whole cluster: nothing is drained, since there is nowhere to go. */
  readonly all: boolean;
  readonly keepMaster: boolean;
  /** Also where draining does not end. */
  readonly force: boolean;
  readonly deleteData: boolean;
  readonly boards: readonly DeviceId[];
  /** The first three of the whole cluster, the second one of named boards. `down`: all that was to be off is. */
  readonly phase: (typeof stopPhases)[number];
  /** The kernel's, of the master's boot in which it was asked for. */
  readonly boot: string;
};

export type StartRun = {
  readonly kind: 'start';
  readonly by: string;
  /** It ends a shutdown of the whole cluster: until then nobody else acts on what is missing. */
  readonly all: boolean;
  readonly boards: readonly DeviceId[];
  /** `cluster`: its API has to answer first. */
  readonly phase: (typeof startPhases)[number];
};

export type PowerRun = StopRun | StartRun;

const stopPhases = ['cordon', 'boards', 'master', 'down'] as const;
const startPhases = ['cluster', 'boards'] as const;

export const runText = (run: PowerRun): string => JSON.stringify(run);

/** Undefined of what this version cannot read: then no run is under way. */
export function readRun(text: string | undefined): PowerRun | undefined {
  const from = parsed(text);
  const { kind, by, all, boards, phase } = from;
  if (typeof by !== 'string' || typeof all !== 'boolean' || !Array.isArray(boards)) return undefined;
  const ids = boards.flatMap((id) => {
    const one = parseDeviceId(String(id));
    return one.ok ? [one.value] : [];
  });
  if (kind === 'start') {
    const at = startPhases.find((one) => one === phase);
    return at && { kind, by, all, boards: ids, phase: at };
  }
  const at = stopPhases.find((one) => one === phase);
  if (kind !== 'stop' || at === undefined) return undefined;
  const { keepMaster, force, deleteData, boot } = from;
  const flags = { keepMaster: keepMaster === true, force: force === true, deleteData: deleteData === true };
  return { kind, by, all, ...flags, boards: ids, phase: at, boot: String(boot) };
}

function parsed(text: string | undefined): Record<string, unknown> {
  try {
    return Object(JSON.parse(text ?? 'null'));
  } catch {
    return {};
  }
}

/**
 * What a run is once the daemon starts. The whole cluster was shut down, or was being, and this machine has been started since: by
 * a power cut, or since its power is back. Then everything comes back, untouched. Where the master was left on, its own
 * restarts mean nothing.
 */
export function resumedRun(run: PowerRun | undefined, boot: string): PowerRun | undefined {
  if (run?.kind !== 'stop' || !run.all || run.boot === boot) return run;
  if (run.phase === 'down' && run.keepMaster) return run;
  return { kind: 'start', by: run.by, all: true, boards: run.boards, phase: 'cluster' };
}

/** Keepers let go of the cluster for as long as this lasts. */
export const isWhole = (run: PowerRun | undefined): boolean => run?.all === true;
