/** Machines in QEMU on the switch of a LAN, by software alone. What it needs is unpacked into the cache, nothing is installed. */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { type PeerPrograms, peerPrograms } from '../../bench/peers.ts';
import type { Lan } from '../../support/netns.ts';
import { finish, type Running, startProgram } from '../../support/program.ts';

const packages = ['qemu-system-arm', 'qemu-system-x86', 'u-boot-qemu', 'u-boot-tools', 'ipxe', 'ipxe-qemu'];

/** Rejects when they cannot be had. */
export const guestPrograms = (): Promise<PeerPrograms> => peerPrograms(packages);

/** `u-boot-qemu 2023.01+dfsg-2+deb12u3`. */
export async function guestVersion(programs: PeerPrograms, name: string): Promise<string> {
  const changes = gunzipSync(await readFile(await programs.find(`usr/share/doc/${name}/changelog.Debian.gz`)));
  return `${name} ${/\(([^)]+)\)/.exec(changes.toString('latin1', 0, 200))?.[1]}`;
}

/** They are emulated, perhaps beside other work. */
export const guestDeadlineMs = 180_000;

export type Guest = {
  /** Its serial line is the standard output. */
  readonly serial: Running;
  /** What is in its memory now. */
  readonly memory: (from: number, length: number) => Promise<Buffer>;
  readonly off: () => Promise<void>;
};

export type GuestSpec = {
  /** Of its interface on the switch; at most 15 characters. */
  readonly name: string;
  readonly mac: string;
  readonly machine: 'arm64' | 'x86';
  /** Beside the machine itself, its serial line and its network card. */
  readonly options: readonly string[];
  /** MiB; 256 if not given. */
  readonly memory?: number;
  /** ROM of the network card; none: the firmware cannot boot by it. */
  readonly rom?: string;
  /** For what it leaves there. */
  readonly folder: string;
};

const machines = {
  // Not virtio-net: U-Boot does not listen while it counts down, and a burst of broadcasts in that time, such as our looks for
  // addresses that are used, leaves its virtio driver deaf for good (test-lab 6.4).
  arm64: {
    program: 'qemu-system-aarch64',
    options: ['-M', 'virt,gic-version=3', '-cpu', 'cortex-a72', '-accel', 'tcg'],
    card: 'e1000',
  },
  // graphics=off: the BIOS, and so iPXE, speaks on the serial line.
  x86: { program: 'qemu-system-x86_64', options: ['-M', 'pc,graphics=off', '-accel', 'tcg'], card: 'e1000' },
} as const;

/** Switches it on. It is off at the latest when the LAN is closed. */
export async function startGuest(lan: Lan, programs: PeerPrograms, spec: GuestSpec): Promise<Guest> {
  const { name, mac, folder } = spec;
  const { program, options, card } = machines[spec.machine];
  await plugTap(lan, name);
  const monitor = join(folder, `${name}.monitor`);
  const path = await programs.find(program);
  // Its BIOS and the like lie in the package, not where the program looks for them.
  const data = ['qemu', 'seabios'].map((share) => join(path, '..', '..', 'share', share));
  const serial = startProgram(
    [
      ...[
        'ip',
        'netns',
        'exec',
        lan.netns,
        path,
        ...options,
        '-m',
        `${spec.memory ?? 256}`,
        ...data.flatMap((place) => ['-L', place]),
      ],
      ...['-display', 'none', '-serial', 'stdio', '-monitor', `unix:${monitor},server,nowait`, '-no-reboot'],
      ...['-netdev', `tap,id=lan,ifname=${name},script=no,downscript=no`],
      ...['-device', `${card},netdev=lan,mac=${mac},romfile=${spec.rom ?? ''}`, ...spec.options],
    ],
    { env: programs.env },
  );
  return {
    serial,
    off: serial.kill,
    memory: async (from, length) => {
      const dump = join(folder, `${name}.memory`);
      await command(monitor, `pmemsave ${from} ${length} "${dump}"`);
      return await readFile(dump);
    },
  };
}

/** A port of the switch for QEMU. One that is there stays: a guest may be switched on again. */
export async function plugTap(lan: Lan, name: string): Promise<void> {
  if ((await finish(startProgram(['ip', '-n', lan.netns, 'link', 'show', name]))).code === 0) return;
  for (const change of [`tuntap add ${name} mode tap`, `link set ${name} master br0 up`]) {
    const { code, stderr } = await finish(startProgram(['ip', '-n', lan.netns, ...change.split(' ')]));
    if (code !== 0) throw new Error(`ip ${change}: ${stderr}`);
  }
}

/** Settles once QEMU has carried it out: with its next prompt. */
async function command(monitor: string, line: string): Promise<void> {
  const socket = createConnection(monitor).setEncoding('utf8');
  let told = '';
  const prompts = async (count: number): Promise<void> => {
    while (told.split('(qemu) ').length <= count) told += (await once(socket, 'data')).join('');
  };
  await prompts(1);
  socket.write(`${line}\n`);
  await prompts(2);
  socket.destroy();
}
