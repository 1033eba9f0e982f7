/** Settles after so many milliseconds; rejects with `CommandFailed` when the user wants to stop. */
import { setTimeout as sleep } from 'node:timers/promises';
import { CommandFailed, exitCodes } from './exit-codes.ts';

export async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  await sleep(milliseconds, undefined, { signal }).catch(() => {
    throw new CommandFailed(exitCodes.failure, 'interrupted: what was begun goes on');
  });
}
