/** A machine of its own with systemd as process 1, in namespaces. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Host } from './netns.ts';
import { type Finished, finish, startProgram } from './program.ts';

const boot = fileURLToPath(new URL('./boot-systemd.sh', import.meta.url));

export type Machine = {
  /** Runs a shell script on it to its end, within two minutes. */
  readonly sh: (script: string) => Promise<Finished>;
  /** Settles when nothing of it is left. */
  readonly close: () => Promise<void>;
};

/** Settles once it is booted, on the system of this machine. `folder` is empty and its disk; `shared` is its `/srv`. */
export async function bootMachine(
  host: Host,
  { folder, shared }: { readonly folder: string; readonly shared: string },
): Promise<Machine> {
  const hierarchy = existsSync('/sys/fs/cgroup/cgroup.controllers') ? '/sys/fs/cgroup' : '/sys/fs/cgroup/systemd';
  const cgroup = `${hierarchy}/${host.netns}`;
  const program = startProgram([boot, host.netns, folder, cgroup, shared]);
  const close = async (): Promise<void> => {
    await program.kill();
    // Its own are below it, the deepest first; the last of its processes may take a moment to be gone.
    const deadline = Date.now() + 10_000;
    while (existsSync(cgroup) && Date.now() < deadline) {
      await finish(startProgram(['find', cgroup, '-depth', '-type', 'd', '-exec', 'rmdir', '{}', ';']));
      await sleep(50);
    }
  };
  try {
    const deadline = Date.now() + 60_000;
    for (;;) {
      const children = await readFile(`/proc/${program.pid}/task/${program.pid}/children`, 'utf8').catch(() => '');
      const [first] = children.trim().split(' ');
      if (first !== undefined && first !== '') {
        const enter = ['nsenter', '--target', first, '--mount', '--uts', '--ipc', '--net', '--pid', '--cgroup'];
        const sh: Machine['sh'] = (script) =>
          finish(startProgram([...enter, 'env', '-i', 'PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'bash', '-euc', script]), {
            deadlineMs: 120_000,
          });
        const { stdout } = await sh('systemctl is-active lab.target');
        if (stdout === 'active\n') return { sh, close };
      }
      if (Date.now() > deadline) throw new Error(`systemd does not come up: ${program.stderr()}`);
      await sleep(200);
    }
  } catch (error) {
    await close();
    throw error;
  }
}
