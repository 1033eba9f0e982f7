/** How much processor time a program and all its children took, also those that are gone: the kernel counts by cgroup. */
import { access, mkdir, readFile, rmdir } from 'node:fs/promises';
import { join } from 'node:path';

export type CpuMeter = {
  /** Starts `command` inside; for `startProgram`. */
  readonly inside: (command: readonly string[]) => readonly string[];
  readonly seconds: () => Promise<number>;
  /** When all that ran inside is gone. */
  readonly remove: () => Promise<void>;
};

const [version1, version2] = ['/sys/fs/cgroup/cpuacct', '/sys/fs/cgroup'];
let meters = 0;

/** Needs root. */
export async function cpuMeter(): Promise<CpuMeter> {
  const isVersion1 = await access(join(version1, 'cpuacct.usage')).then(
    () => true,
    () => false,
  );
  const folder = join(isVersion1 ? version1 : version2, `bramble-bench-${process.pid}-${meters++}`);
  // One that stayed may have our number: only differences are read.
  await mkdir(folder, { recursive: true });
  return {
    inside: (command) => ['sh', '-c', `echo $$ > ${folder}/cgroup.procs && exec "$@"`, 'sh', ...command],
    seconds: async () => {
      if (isVersion1) return Number(await readFile(join(folder, 'cpuacct.usage'), 'utf8')) / 1e9;
      const [, microseconds] = /^usage_usec (\d+)$/m.exec(await readFile(join(folder, 'cpu.stat'), 'utf8')) ?? [];
      return Number(microseconds) / 1e6;
    },
    // Busy for a moment after the last one: then it stays, empty, until the next start of the machine.
    remove: () => rmdir(folder).catch(() => undefined),
  };
}
