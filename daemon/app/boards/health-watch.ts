/** Boards that run our system are asked now and then how they are, over SSH; and when somebody describes one. In memory only. */
import { ok, type Problem, problem, type Result } from '../../../config/result.ts';
import { type DeviceId, type Instant, minutes, seconds } from '../../../config/values.ts';
import type { HealthSign, HealthView } from '../../http/wire.ts';
import type { Joiner } from '../../join/index.ts';
import type { Device } from '../../lifecycle/device.ts';
import type { Clock, Log, Random } from '../../ports.ts';
import { healthScript, healthSigns } from './health.ts';
import type { HostKeys } from './host-keys.ts';
import { ownBoard } from './own-board.ts';

export type HealthWatchDeps = {
  readonly boards: () => readonly Device[];
  readonly joiner: Pick<Joiner, 'onBoard'>;
  readonly keys: Pick<HostKeys, 'accepted'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly signal: AbortSignal;
};

export type HealthWatch = {
  /** Asked anew, unless that was done a moment ago; as it was told last if it does not answer soon. Never rejects. */
  readonly now: (device: Device) => Promise<HealthView | undefined>;
  /** A line for each sign that asks something of the owner. */
  readonly advice: (boards: readonly Device[]) => readonly string[];
  /** Settles when the signal is aborted. */
  readonly follow: (onTurn: () => void) => Promise<void>;
};

export const HEALTH_TURN = minutes(1);
/** Each look is a login, which the board writes to its card: hours apart, and never all boards at once. In turns. */
const FIRST = { least: 1, spread: 15 };
const NEXT = { least: 240, spread: 240 };
const AFTER_FAILURE = { least: 30, spread: 30 };
/** Describing a board again and again asks it no more often than this. In turns. */
const FRESH = 5;
const SOON = seconds(3);
const AT_A_TIME = 4;

type Known = { readonly at: Instant; readonly turn: number; readonly signs: readonly HealthSign[] };

export function createHealthWatch(deps: HealthWatchDeps): HealthWatch {
  const { clock, log, signal } = deps;
  const known = new Map<DeviceId, Known>();
  /** When it is asked next, in turns. */
  const due = new Map<DeviceId, number>();
  /** By turn: also one that did not answer is not asked again at once. */
  const asked = new Map<DeviceId, number>();
  const underWay = new Map<DeviceId, Promise<void>>();
  let turn = 0;

  const later = ({ least, spread }: { readonly least: number; readonly spread: number }): number => {
    const [high = 0, low = 0] = deps.random.bytes(2);
    return turn + least + Math.floor(((high * 256 + low) / 65_536) * spread);
  };

  function look(device: Device): Promise<void> {
    const running = underWay.get(device.id);
    if (running !== undefined) return running;
    asked.set(device.id, turn);
    const work = ask(device)
      .then((signs) => {
        due.set(device.id, later(signs.ok ? NEXT : AFTER_FAILURE));
        if (!signs.ok) return log.debug('a board was not asked for its health', { name: device.name, ...signs.error });
        tell(device, signs.value);
        known.set(device.id, { at: clock.now(), turn, signs: signs.value });
      })
      .catch((cause: unknown) => {
        due.set(device.id, later(AFTER_FAILURE));
        if (!signal.aborted) log.debug('a board was not asked for its health', { name: device.name, cause });
      })
      .finally(() => underWay.delete(device.id));
    underWay.set(device.id, work);
    return work;
  }

  async function ask(device: Device): Promise<Result<readonly HealthSign[], Problem>> {
    const board = ownBoard(device, deps.keys);
    if (!board.ok) return board;
    let signs: readonly HealthSign[] = [];
    const end = await deps.joiner.onBoard(board.value, signal, async (session) => {
      const told = await session.run('sh', ['-c', healthScript], { timeout: seconds(15) });
      if (!told.ok) return told;
      if (told.value.code !== 0) return problem('HEALTH_UNKNOWN', `the script ended with ${told.value.code}`);
      signs = healthSigns(told.value.stdout, device.name);
      return ok(undefined);
    });
    return end.ok ? ok(signs) : end;
  }

  /** News only. */
  function tell({ id, name }: Device, signs: readonly HealthSign[]): void {
    const before = known.get(id)?.signs.map(({ sentence }) => sentence) ?? [];
    for (const { sentence } of signs)
      if (!before.includes(sentence)) log.warn('a board is not well', { name, sentence });
  }

  async function now(device: Device): Promise<HealthView | undefined> {
    const last = asked.get(device.id);
    if (isOurs(device) && !signal.aborted && (last === undefined || turn - last >= FRESH || underWay.has(device.id))) {
      const over = new AbortController();
      const late = clock.sleep(SOON, AbortSignal.any([signal, over.signal])).catch(() => undefined);
      await Promise.race([look(device), late]);
      over.abort();
    }
    const health = known.get(device.id);
    return health && { at: new Date(health.at).toISOString(), signs: health.signs };
  }

  function advice(boards: readonly Device[]): readonly string[] {
    return boards
      .filter(isOurs)
      .flatMap(({ id, name }) =>
        (known.get(id)?.signs ?? []).flatMap(({ sentence, deed }) =>
          deed === null ? [] : [`${name}: ${deed}    (${sentence})`],
        ),
      );
  }

  async function follow(onTurn: () => void): Promise<void> {
    while (!signal.aborted) {
      onTurn();
      await clock.sleep(HEALTH_TURN, signal).catch(() => undefined);
      if (signal.aborted) break;
      turn += 1;
      const boards = deps.boards();
      forgetOthers(new Set(boards.map(({ id }) => id)));
      const ours = boards.filter(isOurs);
      for (const { id } of ours) if (!due.has(id)) due.set(id, later(FIRST));
      const waiting = ours.filter(({ id }) => (due.get(id) ?? 0) <= turn);
      await Promise.all(waiting.slice(0, AT_A_TIME).map(look));
    }
    await Promise.all(underWay.values());
  }

  function forgetOthers(ids: ReadonlySet<DeviceId>): void {
    for (const notes of [known, due, asked]) for (const id of notes.keys()) if (!ids.has(id)) notes.delete(id);
  }

  return { now, advice, follow };
}

/** Its own system runs, as far as we know. */
const isOurs = ({ state }: Device): boolean => state.name === 'ready' || state.name === 'draining';
