/** The lab with the real daemon and a real control plane, for guests in QEMU: their base is imported as a person would do it. */
import { rmSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { DeviceView } from '../../../daemon/http/wire.ts';
import type { PeerPrograms } from '../../bench/peers.ts';
import { type Lab, startLab } from '../../lab/lab.ts';
import { type Finished, finish, startProgram } from '../../support/program.ts';
import { guestPrograms } from '../clients/guest.ts';
import { type Machine, type MachineSpec, makeMachine, tail } from './machine.ts';

export type InstallSite = {
  readonly lab: Lab;
  /** Disks, serial logs and images. */
  readonly folder: string;
  /** The command line as a person runs it; fails with its words unless it ends with `code`. */
  readonly bramble: (args: readonly string[], options?: { readonly code?: number }) => Promise<string>;
  readonly machine: (spec: MachineSpec) => Promise<Machine>;
  readonly device: (machine: Machine) => Promise<DeviceView | undefined>;
  /** Settles once the daemon says so of the machine. Rejects at the deadline with what it says instead. */
  readonly until: (
    machine: Machine,
    holds: (device: DeviceView) => boolean,
    what: string,
    deadlineMs: number,
  ) => Promise<DeviceView>;
  readonly eventually: (holds: () => Promise<boolean>, what: string, deadlineMs: number) => Promise<void>;
  /** The daemon's own, which every board accepts. */
  readonly privateKey: () => Promise<string>;
  readonly close: (outcome: { readonly keep: boolean }) => Promise<void>;
};

const cli = fileURLToPath(new URL('../../../cli/main.ts', import.meta.url));
/** What Debian's kernel needs on QEMU's virtual hardware; those of Raspberry Pis have theirs built in. */
const modules = ['virtio_pci', 'virtio_blk', 'virtio_net'];
/** Not the small disk that the firmware lies on. */
const disk = [{ type: 'virtio', min: '256MB' }];

/** `base` is the path of an image. Needs root. */
export async function makeInstallSite(
  base: string,
  say: (line: string) => void,
  controlPlane: 'auto' | 'simulator' = 'auto',
): Promise<InstallSite> {
  const programs: PeerPrograms = await guestPrograms();
  const folder = await mkdtemp(join(tmpdir(), 'bramble-install-'));
  // The last resort, when the process ends without having closed.
  const onExit = (): void => rmSync(folder, { recursive: true, force: true });
  process.once('exit', onExit);
  const name = basename(base, '.img');
  const lab = await startLab({
    controlPlane,
    images: { default: name, models: {}, kit: name, modules, disk },
    signal: new AbortController().signal,
    log: say,
    onEvent: ({ event, source }) => {
      if (source === 'daemon') say(`  ${event.device}: ${event.from} → ${event.to} (${event.reason})`);
    },
  });
  const config = join(lab.directory, 'bramble.yaml');
  const socket = join(lab.directory, 'brambled.sock');
  const machines: Machine[] = [];

  const run = (args: readonly string[]): Promise<Finished> => {
    const env = { BRAMBLE_CONFIG: config, BRAMBLE_SOCKET: socket };
    return finish(startProgram([process.execPath, cli, ...args], { env }), { deadlineMs: 600_000 });
  };
  const bramble: InstallSite['bramble'] = async (args, { code: wanted = 0 } = {}) => {
    const { code, stdout, stderr } = await run(args);
    if (code !== wanted) throw new Error(`bramble ${args.join(' ')} ended with ${code}:\n${tail(stdout + stderr)}`);
    return stdout;
  };
  const device: InstallSite['device'] = async ({ mac }) =>
    (await lab.daemon.client.status()).devices.find(({ macs }) => macs.includes(mac));
  const eventually: InstallSite['eventually'] = async (holds, what, deadlineMs) => {
    const end = performance.now() + deadlineMs;
    while (!(await holds())) {
      if (performance.now() > end) throw new Error(`${deadlineMs} ms went by without: ${what}`);
      await sleep(200);
    }
  };
  const until: InstallSite['until'] = async (machine, holds, what, deadlineMs) => {
    let now: DeviceView | undefined;
    const looks = async (): Promise<boolean> => {
      now = await device(machine).catch(() => undefined);
      return now !== undefined && holds(now);
    };
    try {
      await eventually(looks, `${machine.name} is ${what}`, deadlineMs);
    } catch (cause) {
      const state = now === undefined ? 'unknown to the daemon' : `${now.state}: ${now.why}`;
      const message = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`${message}; it is ${state}\n${await machine.lastLines()}`, { cause });
    }
    if (now === undefined) throw new Error('unreachable');
    return now;
  };
  const privateKey = async (): Promise<string> => {
    const pair: unknown = JSON.parse(await readFile(join(lab.daemon.dataDirectory, 'keys', 'ssh.json'), 'utf8'));
    if (typeof pair === 'object' && pair !== null && 'privateOpenssh' in pair) return String(pair.privateOpenssh);
    throw new Error('the daemon has no key');
  };
  const close: InstallSite['close'] = async ({ keep }) => {
    for (const machine of machines) await machine.cutPower();
    if (keep) say(`serial logs and disks: ${folder}\n${await lab.daemon.lastLines()}`);
    await lab.close();
    process.off('exit', onExit);
    if (!keep) await rm(folder, { recursive: true, force: true });
  };
  try {
    await bramble(['image', 'add', base]);
  } catch (error) {
    await close({ keep: false });
    throw error;
  }
  return {
    ...{ lab, folder, bramble, device, until, eventually, privateKey, close },
    machine: async (spec) => {
      const made = await makeMachine(lab.lan, programs, folder, spec);
      machines.push(made);
      return made;
    },
  };
}
