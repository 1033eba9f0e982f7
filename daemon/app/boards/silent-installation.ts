/**
 * The effect `find-installed`: power may fail between the last sector and the installer's word for it. A board that starts from
 * its disk first then runs its finished system, and no installer will ever say so.
 */
import { ok, problem } from '../../../config/result.ts';
import { type Millis, minutes } from '../../../config/values.ts';
import type { JoinBoard, Joiner } from '../../join/index.ts';
import type { Clock } from '../../ports.ts';

/** Where the boot partition is mounted: Raspberry Pi OS and Ubuntu, and all that are older. */
const marks = ['/boot/firmware/bramble/board.json', '/boot/bramble/board.json'];

/** Between two looks at a system that is another one, and the longest that one look waits for an sshd. */
const TURN: Millis = minutes(1);

export type InstallationFinder = (board: JoinBoard, armings: readonly string[], signal: AbortSignal) => Promise<void>;

/**
 * Settles once a system answers with the board's key and carries the mark of one of these installations: an earlier system of the
 * same board has the same key. Otherwise it goes on until `signal` is aborted.
 */
export const installationFinder =
  ({
    joiner,
    clock,
  }: {
    readonly joiner: Pick<Joiner, 'awaitSsh' | 'onBoard'>;
    readonly clock: Clock;
  }): InstallationFinder =>
  async (board, armings, signal) => {
    for (;;) {
      const answered = await joiner.awaitSsh(board, TURN, signal);
      if (answered.ok) {
        const found = await joiner.onBoard(board, signal, async (session) => {
          const read = await session.run('cat', marks);
          if (!read.ok) return read;
          return armings.some((arming) => read.value.stdout.includes(`"arming":${JSON.stringify(arming)}`))
            ? ok(undefined)
            : problem('OTHER_SYSTEM', 'the system that answers is not the one that is being installed');
        });
        if (found.ok) return;
        await clock.sleep(TURN, signal);
      }
    }
  };
