/** Every process's arguments and environment on this machine, looked at again and again. */
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';

export type ArgumentsWatch = {
  /** All that was seen, and how often was looked. */
  readonly stop: () => Promise<{ readonly text: string; readonly rounds: number }>;
};

/** `pauseMs` between two looks. */
export function watchArguments(pauseMs = 20): ArgumentsWatch {
  const found = new Set<string>();
  let stopped = false;
  let rounds = 0;
  const look = async (): Promise<void> => {
    const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
    // Some have ended by the time they are read.
    const files = pids.flatMap((pid) => [`/proc/${pid}/cmdline`, `/proc/${pid}/environ`]);
    const texts = await Promise.all(files.map((file) => readFile(file, 'latin1').catch(() => '')));
    for (const text of texts) found.add(text);
    rounds += 1;
  };
  const watching = (async (): Promise<void> => {
    while (!stopped) {
      await look();
      await pause(pauseMs);
    }
  })();
  return {
    stop: async () => {
      stopped = true;
      await watching;
      return { text: [...found].join('\n'), rounds };
    },
  };
}
