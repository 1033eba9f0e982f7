/**
 * U-Boot on a virtual ARM machine in the part of a Pi 4's boot firmware: a stack of protocols that nobody here wrote asks for
 * what a Pi asks for, in its order (facts 5.2), and tells what it got. The files are checked in the machine's own memory.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PeerPrograms } from '../../bench/peers.ts';
import type { Lan } from '../../support/netns.ts';
import { finish, startProgram } from '../../support/program.ts';
import { type Guest, startGuest } from './guest.ts';

export type UBootSpec = {
  readonly name: string;
  readonly mac: string;
  readonly script: readonly string[];
  readonly folder: string;
  /** Beside the small disk with the script. */
  readonly options?: readonly string[];
  /** MiB; 256 if not given. */
  readonly memory?: number;
};

/** It runs the script from a small disk, as an EEPROM would be there; `resetting` on the serial line says that it ended. */
export async function startUBoot(lan: Lan, programs: PeerPrograms, spec: UBootSpec): Promise<Guest> {
  const { folder, name } = spec;
  const [source, script, disk] = ['cmd', 'scr', 'img'].map((end) => join(folder, `${name}.${end}`));
  if (source === undefined || script === undefined || disk === undefined) throw new Error('unreachable');
  await writeFile(source, `${spec.script.join('\n')}\n`);
  const mkimage = await programs.find('mkimage');
  await run(
    [mkimage, '-q', '-A', 'arm64', '-T', 'script', '-C', 'none', '-n', 'firmware', '-d', source, script],
    programs,
  );
  await run(['truncate', '-s', '4M', disk], programs);
  await run(['mformat', '-i', disk, '-v', 'EEPROM', '::'], programs);
  await run(['mcopy', '-i', disk, script, '::/boot.scr'], programs);
  const firmware = await programs.find('usr/lib/u-boot/qemu_arm64/u-boot.bin');
  const options = ['-bios', firmware, '-drive', `file=${disk},format=raw,if=virtio`, ...(spec.options ?? [])];
  const memory = spec.memory ?? 256;
  return await startGuest(lan, programs, { name, mac: spec.mac, machine: 'arm64', folder, options, memory });
}

async function run(command: readonly string[], { env }: PeerPrograms): Promise<void> {
  const { code, stderr } = await finish(startProgram(command, { env }));
  if (code !== 0) throw new Error(`${command.join(' ')}: ${stderr}`);
}

/** Where the script loads each file to: beyond U-Boot itself, which sits at the end of the 256 MiB at 0x40000000. */
export const loadAddress = '0x44000000';

/** Vendor class and machine identifier of a Pi 4; U-Boot sends option 97 in the order of the text. */
export function asPi4({ mac, serial }: { readonly mac: string; readonly serial: string }): readonly string[] {
  const bytes = mac.split(':');
  const littleEndian = serial.match(/../g)?.reverse().join('') ?? '';
  return [
    'setenv bootp_vci PXEClient:Arch:00000:UNDI:002001',
    'setenv bootp_arch 0',
    `setenv pxeuuid 52506934-1431-d000-${bytes[2]}${bytes[3]}-${bytes[4]}${bytes[5]}${littleEndian}`,
    'setenv autoload no',
  ];
}
