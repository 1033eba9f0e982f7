/** iPXE on a virtual PC: as the ROM of a network card, and as a program with a script of its own. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PeerPrograms } from '../../bench/peers.ts';
import type { Lan } from '../../support/netns.ts';
import { type Guest, startGuest } from './guest.ts';

type Spec = { readonly name: string; readonly mac: string; readonly folder: string };

/** The PC's only way to boot is its network card. */
export async function startIpxeRom(lan: Lan, programs: PeerPrograms, spec: Spec): Promise<Guest> {
  const rom = await programs.find('usr/lib/ipxe/qemu/pxe-e1000.rom');
  return await startGuest(lan, programs, { ...spec, machine: 'x86', rom, options: ['-boot', 'n'] });
}

/** At the script's end it stays on. */
export async function startIpxeScript(
  lan: Lan,
  programs: PeerPrograms,
  spec: Spec & { readonly script: readonly string[] },
): Promise<Guest> {
  const script = join(spec.folder, `${spec.name}.ipxe`);
  await writeFile(script, `${['#!ipxe', ...spec.script, 'shell'].join('\n')}\n`);
  const options = ['-kernel', await programs.find('boot/ipxe.lkrn'), '-initrd', script];
  return await startGuest(lan, programs, { ...spec, machine: 'x86', options });
}
