/**
 * Tells systemd how the daemon is (sd_notify(3)). Node has no datagram sockets of the unix kind, so systemd-notify(1)
 * carries the message; the unit has to say `NotifyAccess=all`, since the message does not come from the main process.
 */
import { type Millis, millis, seconds } from '../../config/values.ts';
import type { Log, Shell } from '../ports.ts';

export type SdNotify = {
  /** All sockets are bound, the database is writable. Once. */
  readonly ready: () => Promise<void>;
  /** At least every `watchdogInterval`, and only while every loop makes progress. */
  readonly watchdog: () => Promise<void>;
  readonly stopping: () => Promise<void>;
  /** The line in `systemctl status`. */
  readonly status: (text: string) => Promise<void>;
};

type Environment = Readonly<Record<string, string | undefined>>;

/** Does nothing where systemd is not the one who started us. Never rejects: a failure is logged. */
export function createSdNotify(deps: {
  readonly env: Environment;
  readonly shell: Shell;
  readonly log: Log;
}): SdNotify {
  const { env, shell, log } = deps;
  const tell = async (...assignments: readonly string[]): Promise<void> => {
    if (env['NOTIFY_SOCKET'] === undefined) return;
    // Not tied to the daemon's own life: STOPPING=1 is sent when that is over.
    const options = { signal: new AbortController().signal, timeout: seconds(5) };
    try {
      const { code, stderr } = await shell('systemd-notify', assignments, options);
      if (code !== 0) log.warn('systemd-notify failed', { assignments, code, stderr });
    } catch (error) {
      log.warn('systemd-notify failed', { assignments, error });
    }
  };
  return {
    ready: () => tell('READY=1'),
    watchdog: () => tell('WATCHDOG=1'),
    stopping: () => tell('STOPPING=1'),
    status: (text) => tell(`STATUS=${text.replaceAll('\n', ' ')}`),
  };
}

/** A third of what systemd waits for (sd_watchdog_enabled(3)); `undefined` if it does not wait for us. */
export function watchdogInterval(env: Environment, pid: number): Millis | undefined {
  const microseconds = Number(env['WATCHDOG_USEC']);
  const forUs = env['WATCHDOG_PID'] === undefined || env['WATCHDOG_PID'] === String(pid);
  return forUs && microseconds > 0 ? millis(Math.floor(microseconds / 3000)) : undefined;
}
