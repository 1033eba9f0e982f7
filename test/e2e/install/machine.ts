/** A Pi 4 of this test: a machine in QEMU with U-Boot as its firmware, a disk, and a cable to the LAN. */
import { appendFile, mkdir, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PeerPrograms } from '../../bench/peers.ts';
import type { Lan } from '../../support/netns.ts';
import { killNow } from '../../support/program.ts';
import { type Guest, plugTap } from '../clients/guest.ts';
import { startUBoot } from '../clients/u-boot.ts';
import { piFirmware } from './firmware.ts';

export type MachineSpec = {
  /** At most 10 characters. */
  readonly name: string;
  readonly mac: string;
  /** 8 hex digits. */
  readonly serial: string;
  readonly diskBytes: number;
};

export type Machine = MachineSpec & {
  /** The file with its disk; a hole where nothing was written. */
  readonly disk: string;
  /** What its serial line said in all its lives. */
  readonly log: string;
  readonly powerOn: () => Promise<void>;
  /** At once, wherever it is: what is not on the disk is lost. */
  readonly cutPower: () => Promise<void>;
  /** Once the serial line shows it in this life. Rejects at the deadline with its last lines. */
  readonly says: (pattern: RegExp, deadlineMs: number) => Promise<RegExpExecArray>;
  /** Once it restarts itself: it is then off, so that its disk can be looked at. */
  readonly restarts: (deadlineMs: number) => Promise<void>;
  /** The end of what it said. */
  readonly lastLines: () => Promise<string>;
};

const memory = 1024;

/** Off at first. Everything of it lies in `folder`. */
export async function makeMachine(
  lan: Lan,
  programs: PeerPrograms,
  folder: string,
  spec: MachineSpec,
): Promise<Machine> {
  const { name, mac, serial, diskBytes } = spec;
  await mkdir(folder, { recursive: true });
  const disk = join(folder, `${name}.disk`);
  const log = join(folder, `${name}.serial.log`);
  const handle = await open(disk, 'a');
  await handle.truncate(diskBytes);
  await handle.close();
  await plugTap(lan, `${name}-v`);
  let guest: Guest | undefined;

  const powerOn = async (): Promise<void> => {
    if (guest !== undefined) throw new Error(`${name} is on`);
    const started = await startUBoot(lan, programs, {
      ...{ name, mac, folder, memory, script: await piFirmware({ serial, mac }) },
      options: [
        // What was written survives the death of QEMU, though not one of the machine that it runs on.
        ...['-drive', `file=${disk},format=raw,if=virtio,cache=unsafe,discard=unmap`],
        // Linux's own card. The firmware's has the same address; only one of them is listening at a time.
        ...['-netdev', `tap,id=linux,ifname=${name}-v,script=no,downscript=no`],
        ...['-device', `virtio-net-pci,netdev=linux,mac=${mac},romfile=`],
        ...['-device', 'virtio-rng-pci'],
      ],
    });
    guest = started;
    void started.serial.exited.then(async () => {
      if (guest === started) guest = undefined;
      await appendFile(log, `${started.serial.stdout()}\n${started.serial.stderr()}\n--- off ---\n`);
    });
  };
  const cutPower = async (): Promise<void> => {
    if (guest === undefined) return;
    const { serial: line } = guest;
    killNow(line.pid);
    await line.exited;
  };
  const running = (): Guest => {
    if (guest === undefined) throw new Error(`${name} is off: see ${log}`);
    return guest;
  };
  return {
    ...{ ...spec, disk, log, powerOn, cutPower },
    lastLines: async () =>
      tail(guest?.serial.stdout() ?? (await readFile(log, 'utf8').catch(() => 'never switched on'))),
    says: (pattern, deadlineMs) => lastLines(running().serial.waitFor(pattern, deadlineMs), name),
    restarts: async (deadlineMs) => {
      if (guest === undefined) return;
      const { serial: line } = guest;
      const { promise: late, reject } = Promise.withResolvers<never>();
      const timer = setTimeout(
        () => reject(new Error(`${name} has not restarted in ${deadlineMs} ms:\n${tail(line.stdout())}`)),
        deadlineMs,
      );
      await Promise.race([line.exited, late]).finally(() => clearTimeout(timer));
      if (/Kernel panic/.test(line.stdout())) throw new Error(`${name} panicked:\n${tail(line.stdout())}`);
    },
  };
}

/** A failed wait of a program tells all that it said; this is enough for a person. */
async function lastLines<Value>(wait: Promise<Value>, name: string): Promise<Value> {
  try {
    return await wait;
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    const [, what = 'what it should say'] = /^[^\n]*?: (.*)/.exec(text) ?? [];
    throw new Error(`${name}: ${what.slice(-200)}\n${tail(text)}`, { cause: error });
  }
}

export const tail = (text: string, lines = 25): string =>
  text
    .replaceAll('\r', '')
    .split('\n')
    .slice(-lines)
    .map((line) => `    | ${line.slice(0, 200)}`)
    .join('\n');
