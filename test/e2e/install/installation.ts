/** The steps that every story goes through, each with its deadline: of an idle machine times ten. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Machine } from './machine.ts';
import type { InstallSite } from './site.ts';

/** From power-on to the first word with the daemon. */
export const bootDeadline = 300_000;
/** Of the whole image, written and read back. */
export const writeDeadline = 900_000;
/** From the first boot of the new system to a Ready node. */
export const joinDeadline = 1_200_000;

/** Waits until it is being installed and takes the image that its disk is to hold; the path of that image. */
export async function imageWhileInstalling(site: InstallSite, machine: Machine): Promise<string> {
  const { name } = await site.until(machine, ({ state }) => state === 'installing', 'installing', bootDeadline);
  const image = join(site.folder, `${machine.name}.expected`);
  await site.bramble(['image', 'build', '--for', name, '-o', image]);
  return image;
}

/** Waits for the restart at the end of the installation; off since then, the disk holds what the installer left. */
export async function installed(site: InstallSite, machine: Machine): Promise<void> {
  await machine.restarts(writeDeadline);
  const device = await site.device(machine);
  assert.ok(device?.state === 'starting', `${machine.name} went off as ${device?.state}: ${await machine.lastLines()}`);
}

/** Every byte of the image; behind it nothing but zeros, unless the disk was not blank. */
export async function assertDiskHolds(
  machine: Machine,
  image: string,
  behind: 'zeros' | 'anything' = 'zeros',
): Promise<void> {
  const [disk, expected] = [await open(machine.disk), await open(image)];
  try {
    const { size } = await expected.stat();
    const pieces = [Buffer.alloc(2 ** 22), Buffer.alloc(2 ** 22)] as const;
    const end = behind === 'zeros' ? machine.diskBytes : size;
    for (let at = 0; at < end; ) {
      const length = Math.min(pieces[0].length, at < size ? size - at : end - at);
      const { bytesRead } = await disk.read(pieces[0], 0, length, at);
      assert.equal(bytesRead, length);
      pieces[1].fill(0);
      if (at < size) await expected.read(pieces[1], 0, length, at);
      if (!pieces[0].subarray(0, length).equals(pieces[1].subarray(0, length))) {
        const offset = pieces[0].findIndex((byte, index) => byte !== pieces[1][index]);
        assert.fail(`${machine.disk} is not ${image}: the first byte that differs is ${at + offset} of ${size}`);
      }
      at += length;
    }
  } finally {
    await disk.close();
    await expected.close();
  }
}

export async function sha256Of(file: string): Promise<string> {
  const handle = await open(file);
  const hash = createHash('sha256');
  for await (const chunk of handle.createReadStream({ highWaterMark: 2 ** 22 })) hash.update(chunk);
  return hash.digest('hex');
}

/** Its disk's own system has joined. */
export async function ready(site: InstallSite, machine: Machine): Promise<string> {
  const { name } = await site.until(machine, ({ state }) => state === 'ready', 'Ready', joinDeadline);
  return name;
}
