/** What concerns two boards at once: one takes the place of another, or turns out to be the other one. */
import { ok, type Problem, problem, type Result } from '../../config/result.ts';
import { type DeviceId, type Hostname, parseHostname } from '../../config/values.ts';
import type { Clock, Log } from '../ports.ts';
import type { Addressing, Device } from './device.ts';
import type { Effect } from './effect.ts';
import type { Fleet } from './fleet.ts';
import { isUndecided } from './registry.ts';
import type { Change, Write } from './runner.ts';
import { type Transition, transition } from './transition.ts';

export type TwoBoardsDeps = {
  readonly fleet: Fleet;
  readonly commit: (batch: readonly Write[]) => Promise<unknown>;
  readonly clock: Pick<Clock, 'now'>;
  readonly log: Log;
  readonly inTurn: <T>(id: DeviceId, job: () => Promise<T>) => Promise<T>;
  readonly tell: (change: Change) => void;
  readonly carryOut: (device: Device, effects: readonly Effect[]) => void;
  /** Takes a board that is gone from the disk out of everything. */
  readonly forget: (device: Device, why: string) => void;
};

export type TwoBoards = {
  /**
   * `heir`, which waits for a decision, is accepted as the board that `old` was: it has its name and its address from now on.
   * `old` gets another name and what `heir` had. All of it or nothing is on disk. `REFUSED`: the detail says what to do.
   */
  readonly replace: (
    old: DeviceId,
    heir: DeviceId,
    by: string,
  ) => Promise<Result<Device, Problem<'DEVICE_GONE' | 'REFUSED'>>>;
  /**
   * `newcomer`, which nobody decided about, is `known` with another network adapter. False if either is by now something else,
   * or `known` has had too many.
   */
  readonly recognise: (newcomer: DeviceId, known: DeviceId) => Promise<boolean>;
};

/** More adapters than a board is ever given; each is a row on the disk. */
export const ADAPTERS_MAX = 4;

export function createTwoBoards(deps: TwoBoardsDeps): TwoBoards {
  const { fleet, clock, log } = deps;

  /** Always in the same order, or two of these would wait for each other. */
  const inBothTurns = <T>(a: DeviceId, b: DeviceId, job: () => Promise<T>): Promise<T> => {
    const [first, second] = a < b ? [a, b] : [b, a];
    return deps.inTurn(first, () => deps.inTurn(second, job));
  };

  const replace: TwoBoards['replace'] = async (oldId, heirId, by) => {
    if (oldId === heirId) return problem('REFUSED', 'a board cannot take its own place');
    return inBothTurns(oldId, heirId, async () => {
      const [old, heir] = [fleet.byId(oldId), fleet.byId(heirId)];
      if (old === undefined || heir === undefined)
        return problem('DEVICE_GONE', `${old === undefined ? oldId : heirId} is not known any more`);
      const now = clock.now();
      const was = { name: old.name, address: old.address };
      const gone = transition(old, { event: 'replace-requested', by, was }, now);
      if (gone.outcome !== 'moved') return problem('REFUSED', `${old.name}: ${gone.reason}`);
      const taken = transition(heir, { event: 'accept-requested', by }, now);
      if (taken.outcome !== 'moved') return problem('REFUSED', `${heir.name}: ${taken.reason}`);
      const after = changePlaces(gone.device, taken.device, (name) => fleet.byName(name) !== undefined);
      await deps.commit([
        // Names and addresses are there once: this one gives up both before the other takes them.
        { write: 'put-device', device: { ...after.old, addressing: 'heard', address: undefined } },
        ...writesOf(heir, after.heir, taken, {
          event: { event: 'accept-requested', by },
          reason: `takes the place of ${old.name} (it was ${heir.name}), asked by ${by}`,
        }),
        ...writesOf(old, after.old, gone, { event: { event: 'replace-requested', by, was }, reason: gone.reason }),
      ]);
      fleet.put(after.old);
      fleet.put(after.heir);
      deps.tell({ before: old, after: after.old });
      deps.tell({ before: heir, after: after.heir });
      log.info('board replaced', { name: old.name, by: heir.name, now: after.old.name });
      deps.carryOut(after.old, gone.effects);
      deps.carryOut(after.heir, taken.effects);
      return ok(after.heir);
    });

    function writesOf(
      before: Device,
      device: Device,
      { effects }: Transition,
      said: Pick<Extract<Write, { write: 'append-event' }>, 'event' | 'reason'>,
    ): readonly Write[] {
      const { id, state, since: at } = device;
      return [
        { write: 'put-device', device },
        { write: 'append-event', device: id, at, ...said, from: before.state.name, to: state.name },
        { write: 'set-effects', device: id, effects },
      ];
    }
  };

  const recognise: TwoBoards['recognise'] = (newcomerId, knownId) =>
    inBothTurns(newcomerId, knownId, async () => {
      const [newcomer, before] = [fleet.byId(newcomerId), fleet.byId(knownId)];
      const mac = newcomer?.macs[0];
      if (newcomer === undefined || before === undefined || mac === undefined || !isUndecided(newcomer)) return false;
      const macs = [...before.macs, ...newcomer.macs];
      if (macs.length > ADAPTERS_MAX) return false;
      const after: Device = { ...before, macs };
      const { id, state } = after;
      await deps.commit([
        { write: 'delete-device', device: newcomer.id },
        { write: 'put-device', device: after },
        {
          write: 'append-event',
          ...{ device: id, at: clock.now(), event: { event: 'dhcp-seen', mac }, from: state.name, to: state.name },
          reason: `it has another network adapter, ${mac}: it tells the same serial number, and knows the cluster key`,
        },
      ]);
      deps.forget(newcomer, `it is ${before.name} with another network adapter`);
      fleet.put(after);
      deps.tell({ before, after });
      return true;
    });

  return { replace, recognise };
}

/**
 * The heir has name and address of the old one; where the router gives addresses each board keeps the one that it has. The old
 * one is known by a name of its own, which no other board has, and has the heir's address if that was ours to give. Pure.
 */
export function changePlaces(
  old: Device,
  heir: Device,
  isTaken: (name: Hostname) => boolean,
): { readonly old: Device; readonly heir: Device } {
  const freed: Addressing =
    heir.addressing === 'reserved'
      ? { addressing: 'reserved', address: heir.address }
      : { addressing: 'heard', address: undefined };
  const names = { old: formerName(old.name, isTaken), heir: old.name };
  if (old.addressing === 'heard') return { old: { ...old, name: names.old }, heir: { ...heir, name: names.heir } };
  const { addressing, address } = old;
  return { old: { ...old, ...freed, name: names.old }, heir: { ...heir, addressing, address, name: names.heir } };
}

function formerName(name: Hostname, isTaken: (name: Hostname) => boolean): Hostname {
  for (let count = 1; ; count += 1) {
    const tail = count === 1 ? '-old' : `-old${count}`;
    const former = parseHostname(`${name.slice(0, 63 - tail.length)}${tail}`);
    if (!former.ok) throw new Error(former.error.detail);
    if (!isTaken(former.value)) return former.value;
  }
}
