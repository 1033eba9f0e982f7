/** A machine of its own with systemd as process 1, in namespaces. */
import { existsSync, mkdtempSync, rmdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Host } from './netns.ts';
import { type Finished, finish, startProgram } from './program.ts';

const boot = fileURLToPath(new URL('./boot-systemd.sh', import.meta.url));

/** What a container may not give: why no such machine can be had here. */
export async function whyNoMachine(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'it needs root';
  if (!existsSync('/lib/systemd/systemd')) return 'there is no systemd here';
  if (!(await readFile('/proc/filesystems', 'utf8')).includes('\toverlay\n')) return 'there is no overlay file system';
  try {
    for (const own of cgroupsOf(await readFile('/proc/self/cgroup', 'utf8'))) rmdirSync(mkdtempSync(`${own}/bramble-`));
    return undefined;
  } catch (error) {
    return `no control group can be made: ${error instanceof Error ? error.message : String(error)}`;
  }
}

export type Machine = {
  /** Runs a shell script on it to its end, within two minutes. */
  readonly sh: (script: string) => Promise<Finished>;
  /** Settles when nothing of it is left. */
  readonly close: () => Promise<void>;
};

/** Settles once it is booted, on the system of this machine. `folder` is empty and its disk; `shared` is its `/srv`. */
export async function bootMachine(
  host: Pick<Host, 'netns'>,
  { folder, shared }: { readonly folder: string; readonly shared: string },
): Promise<Machine> {
  const cgroups = cgroupsOf(await readFile('/proc/self/cgroup', 'utf8')).map((own) => `${own}/${host.netns}`);
  const program = startProgram([boot, host.netns, folder, shared, ...cgroups]);
  const close = async (): Promise<void> => {
    await program.kill();
    // Its own are below it, the deepest first; the last of its processes may take a moment to be gone.
    const deadline = Date.now() + 10_000;
    for (;;) {
      const left = cgroups.filter((cgroup) => existsSync(cgroup));
      if (left.length === 0 || Date.now() > deadline) break;
      await finish(startProgram(['find', ...left, '-depth', '-type', 'd', '-exec', 'rmdir', '{}', ';']));
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

/** The folders of a process's cgroups, from its /proc/PID/cgroup: one below cgroup v2, one per hierarchy of v1. */
function cgroupsOf(table: string): readonly string[] {
  const root = '/sys/fs/cgroup';
  if (existsSync(`${root}/cgroup.controllers`)) return [root];
  return Array.from(table.matchAll(/^\d+:(?:name=)?([^:]*):(.*)$/gm), ([, hierarchy, path]) => {
    const folder = `${root}/${hierarchy === '' ? 'unified' : hierarchy}`;
    return existsSync(folder) ? [`${folder}${path === '/' ? '' : path}`] : [];
  }).flat();
}
