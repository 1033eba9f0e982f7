/**
 * A keeper that is to do nothing for a while: by the owner's word, on disk before it counts, or held by another part of the
 * daemon for as long as that works. While the daemon runs the time is counted in rests.
 */
import { type Instant, type Millis, millis, since } from '../../../config/values.ts';
import type { Clock } from '../../ports.ts';
import type { Rests } from '../../rests.ts';
import type { Store, Write } from '../../store/store.ts';

/** `left` undefined: until somebody ends it. */
export type Paused = { readonly by: string; readonly left: Millis | undefined };

export type Pause = {
  /** By the owner; undefined: he did not, or its time is over. */
  readonly now: () => Paused | undefined;
  /** Why others hold it. */
  readonly holds: () => readonly string[];
  readonly isOn: () => boolean;
  /** Takes the place of an earlier one; settles once it is on disk. */
  readonly set: (paused: Paused) => Promise<void>;
  readonly end: (by: string) => Promise<void>;
  /** Until the returned function is called. */
  readonly hold: (why: string) => () => void;
};

export function createPause(deps: {
  /** `balance`: of the setting, and of the events. */
  readonly name: string;
  /** As on disk. */
  readonly settings: ReadonlyMap<string, string>;
  readonly commit: Store['commit'];
  /** An event of no board is on disk. */
  readonly onNotice: () => void;
  readonly clock: Pick<Clock, 'now'>;
  readonly rests: Pick<Rests, 'elapsed'>;
}): Pause {
  const { clock, rests, name } = deps;
  const key = `${name}.pause`;
  const holds = new Set<{ readonly why: string }>();
  let current = begun(resumed(deps.settings.get(key), clock.now()));

  function begun(paused: Paused | undefined) {
    if (paused === undefined) return undefined;
    return { by: paused.by, endsAt: paused.left === undefined ? undefined : rests.elapsed() + paused.left };
  }

  function now(): Paused | undefined {
    if (current === undefined) return undefined;
    const left = current.endsAt === undefined ? undefined : millis(current.endsAt - rests.elapsed());
    return left !== undefined && left <= 0 ? undefined : { by: current.by, left };
  }

  async function write(what: Write, event: string, reason: string): Promise<void> {
    await deps.commit([what, { write: 'append-notice', at: clock.now(), name: `${name}-${event}`, reason }]);
    deps.onNotice();
  }

  async function set(paused: Paused): Promise<void> {
    const span = paused.left === undefined ? 'until it is resumed' : `for ${Math.ceil(paused.left / 60_000)} min`;
    const value = JSON.stringify({ by: paused.by, left: paused.left ?? null, at: clock.now() });
    await write({ write: 'put-setting', key, value }, 'paused', `${name} is paused ${span}, by ${paused.by}`);
    current = begun(paused);
  }

  async function end(by: string): Promise<void> {
    if (current === undefined) return;
    await write({ write: 'delete-setting', key }, 'resumed', `${name} goes on, by ${by}`);
    current = undefined;
  }

  return {
    now,
    holds: () => [...holds].map(({ why }) => why),
    isOn: () => holds.size > 0 || now() !== undefined,
    set,
    end,
    hold: (why) => {
      const one = { why };
      holds.add(one);
      return () => void holds.delete(one);
    },
  };
}

/** What is left by now. A clock that cannot be right takes nothing off: paused too long does less harm than too short. */
function resumed(text: string | undefined, now: Instant): Paused | undefined {
  if (text === undefined) return undefined;
  try {
    const { by, left, at }: Record<string, unknown> = Object(JSON.parse(text));
    if (typeof by !== 'string') return undefined;
    if (typeof left !== 'number' || typeof at !== 'number') return { by, left: undefined };
    const rest = millis(left - Math.max(0, since(at as Instant, now)));
    return rest > 0 ? { by, left: rest } : undefined;
  } catch {
    return undefined;
  }
}
