import { type Millis, minutes } from '../../config/values.ts';
import type { DeviceState } from './device.ts';

/** How long a board may stay in a state before that in itself is news; undefined: for ever. Pure. */
export function lifetime(state: DeviceState): Millis | undefined {
  switch (state.name) {
    case 'booting':
      return minutes(5);
    case 'installing':
      // Anew with `install-progressed`, which comes up to 5 min after the installer's own word. It tells each second how far writing
      // and reading back are. It is silent longest while a boot partition of 512 MiB is copied out of the way: on a slow card
      // 4 min at 2 MiB/s, and 3 more to read it. A dead connection it gives up, and says so, after 9 min.
      return minutes(20);
    case 'starting':
      // The article's two minutes for growing the root file system, on the slowest card and board.
      return state.card ? undefined : minutes(15);
    case 'reinstalling':
    case 'wiping':
      // Services that do not want to stop have 90 s of systemd's each, and then it starts.
      return state.start.step === 'restarted' ? minutes(10) : undefined;
    case 'adopting':
      return minutes(10);
    case 'joining':
      // Each of its steps has a deadline of its own (`stepDeadlines`), and on a slow line 50 boards wait hours for their transfers:
      // this is for what was forgotten.
      return state.waits === undefined ? minutes(240) : undefined;
    case 'seen':
    case 'reported':
    case 'pending':
    case 'accepted':
    case 'ready':
    case 'unreachable':
    case 'waiting-for-proof':
    case 'draining':
    case 'stopped':
    case 'local-boot-failed':
    case 'held':
    case 'rejected':
    case 'left':
    case 'replaced':
    case 'failed':
      return undefined;
  }
}
