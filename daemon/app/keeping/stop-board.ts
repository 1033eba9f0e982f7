/** One board is switched off: it does so itself, over SSH; then nothing is heard of it; then its power goes, where that can be switched. */
import type { Problem, Result } from '../../../config/result.ts';
import { type Ipv4, minutes, seconds } from '../../../config/values.ts';
import type { PowerDriver } from '../../cluster/power/driver.ts';
import type { JoinBoard, Joiner } from '../../join/index.ts';
import type { Device } from '../../lifecycle/device.ts';
import type { LifecycleEvent } from '../../lifecycle/event.ts';
import type { Clock, Log } from '../../ports.ts';

export type StopBoardDeps = {
  readonly joiner: Pick<Joiner, 'switchOff'>;
  readonly driver: PowerDriver;
  /** Also one that refuses us is alive. */
  readonly isAlive: (address: Ipv4, signal: AbortSignal) => Promise<boolean>;
  readonly clock: Pick<Clock, 'sleep'>;
  readonly log: Log;
};

export type StopBoard = (board: JoinBoard, device: Device, signal: AbortSignal) => Promise<LifecycleEvent>;

/** Looks in a row, a second apart, in which nothing is heard of it. */
const SILENT_LOOKS = 5;
/** Services that do not want to stop have 90 s of systemd's. */
const LOOKS = 150;
/** From silence to the power: its disk may still be writing what it holds (facts 7.2). */
const POWER_PAUSE = seconds(10);
/** Between two tries. */
const PAUSE = minutes(1);

/** Tells of trouble that is news, and goes on trying. Idempotent: one that is off already is silent. */
export function stopBoard({ joiner, driver, isAlive, clock, log }: StopBoardDeps): StopBoard {
  async function once(board: JoinBoard, signal: AbortSignal): Promise<Problem | undefined> {
    const told: Result<void, Problem> = await joiner.switchOff(board, signal);
    if (await isSilent(board.address, told.ok ? LOOKS : SILENT_LOOKS, signal)) return undefined;
    return told.ok ? { code: 'STILL_ON', detail: 'it was told to switch itself off, and still answers' } : told.error;
  }

  async function isSilent(address: Ipv4, looks: number, signal: AbortSignal): Promise<boolean> {
    for (let look = 0, silent = 0; look < looks; look += 1) {
      const [alive] = await Promise.all([isAlive(address, signal), clock.sleep(seconds(1), signal)]);
      silent = alive ? 0 : silent + 1;
      if (silent >= SILENT_LOOKS) return true;
    }
    return false;
  }

  return async (board, device, signal) => {
    const trouble =
      device.state.name === 'draining' && device.state.work.step === 'stopping' && device.state.work.trouble;
    const told = trouble ? trouble.code : undefined;
    for (let pause = told !== undefined; ; pause = true) {
      if (pause) await clock.sleep(PAUSE, signal);
      const why = await once(board, signal);
      if (why === undefined) break;
      if (why.code !== told) return { event: 'stop-failed', code: why.code, detail: why.detail };
    }
    if (driver.name === 'manual') return { event: 'stopped' };
    await clock.sleep(POWER_PAUSE, signal);
    const off = await driver.switch('off', device, signal);
    if (off.ok) return { event: 'stopped' };
    // It has ended in order: what draws power now is a halted board.
    log.warn('the power of a board is still on', { name: device.name, detail: off.error.detail });
    return { event: 'stopped', power: off.error.detail };
  };
}
