/** A board switches itself off, in order: its containers end, what is to be written is on its disk, and SSH returns before it goes. */
import { ok, type Result } from '../../config/result.ts';
import { seconds } from '../../config/values.ts';
import type { Log } from '../ports.ts';
import type { Driver, JoinBoard, StepProblem } from './driver.ts';
import type { Work } from './on-board.ts';
import { programFailed } from './output.ts';
import { runStep } from './steps.ts';

/**
 * Two seconds later, so that this session ends well (facts 7.2). A timer of systemd's outlives the session; a board without
 * systemd has a process of its own for it.
 */
const offScript = `sync
if command -v systemd-run > /dev/null && systemd-run --quiet --on-active=2 --timer-property=AccuracySec=200ms systemctl poweroff; then exit 0; fi
off='sleep 2; systemctl poweroff || poweroff || halt -p'
if command -v setsid > /dev/null; then setsid sh -c "$off" < /dev/null > /dev/null 2>&1 & else nohup sh -c "$off" < /dev/null > /dev/null 2>&1 & fi`;

/** What does not stop in order goes down with the system: that is no reason to leave it on. */
export async function switchOff(
  { clock, transfers, onBoard, log }: Work,
  driver: Pick<Driver, 'stop'> | undefined,
  board: JoinBoard,
  signal: AbortSignal,
): Promise<Result<void, StepProblem>> {
  return onBoard(board, signal, async (session) => {
    const { stop } = driver ?? {};
    if (stop !== undefined) {
      const stopped = await runStep('stop', { clock, signal, transfers }, (context) => stop(session, context));
      if (!stopped.ok) warn(log, board, stopped.error);
    }
    const end = await session.run('sh', ['-c', offScript], { timeout: seconds(30) });
    if (!end.ok) return end;
    return end.value.code === 0 ? ok(undefined) : programFailed('SWITCH_OFF_FAILED', 'poweroff', end.value);
  });
}

const warn = (log: Log, { name }: JoinBoard, { code, detail }: StepProblem): void =>
  log.warn('a board is switched off without having stopped its containers', { name, code, detail });
