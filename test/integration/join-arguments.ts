/** Every process's arguments on this machine, looked at again and again. */
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';

export type ArgumentsWatch = {
  /** All the command lines that were seen, and how often was looked. */
  readonly stop: () => Promise<{ readonly text: string; readonly rounds: number }>;
};

export function watchArguments(): ArgumentsWatch {
  const found = new Set<string>();
  let stopped = false;
  let rounds = 0;
  const look = async (): Promise<void> => {
    const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
    // Some have ended by the time they are read.
    const texts = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => '')));
    for (const text of texts) found.add(text);
    rounds += 1;
  };
  const watching = (async (): Promise<void> => {
    while (!stopped) {
      await look();
      await pause(20);
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
