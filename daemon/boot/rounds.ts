/**
 * How often in a row an installed board's boot ROM was sent to its disk and came back. In memory, and in no time at all: the
 * count belongs to the state that the board is in, which changes as soon as its system is heard (SSH, its Node).
 */
import type { DeviceId, Instant } from '../../config/values.ts';
import type { Device } from '../lifecycle/device.ts';

/** So many in a row are no boot. */
export const ROUNDS = 3;
/** Of an image's first start: Raspberry Pi OS restarts twice by itself, after growing its partition and after its set-up. */
export const FIRST_ROUNDS = 5;

export type BootRounds = {
  /** One more. Returns how many there are by now if that is no boot any more. */
  readonly another: (device: Device) => number | undefined;
};

export function createBootRounds(): BootRounds {
  const counted = new Map<DeviceId, { readonly since: Instant; readonly rounds: number }>();
  return {
    another: ({ id, state, since }) => {
      const limit = limitOf(state);
      if (limit === undefined) {
        counted.delete(id);
        return undefined;
      }
      const before = counted.get(id);
      const rounds = (before?.since === since ? before.rounds : 0) + 1;
      counted.set(id, { since, rounds });
      return rounds < limit ? undefined : rounds;
    },
  };
}

function limitOf(state: Device['state']): number | undefined {
  switch (state.name) {
    case 'starting':
      return state.card ? undefined : FIRST_ROUNDS;
    case 'joining':
    case 'unreachable':
    case 'waiting-for-proof':
    case 'stopped':
      return ROUNDS;
    case 'failed':
      return state.resume.at === 'start' || state.resume.at === 'join' ? ROUNDS : undefined;
    // While its Node is Ready it may restart as often as it likes.
    case 'ready':
    case 'seen':
    case 'booting':
    case 'reported':
    case 'pending':
    case 'accepted':
    case 'installing':
    case 'local-boot-failed':
    case 'reinstalling':
    case 'wiping':
    case 'held':
    case 'rejected':
      return undefined;
  }
}
