/** What the installer wrote to a disk, write by write, and what a power cut may leave of it. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

export const SECTOR = 512;

/** `data` went to `sector` on; `durable`: the program ended only when it was on the disk, and all that was written before. */
export type DiskWrite = { readonly sector: number; readonly data: Buffer; readonly durable: boolean };

/** In order, as record-writes.sh wrote them down. */
export async function recordedWrites(folder: string): Promise<readonly DiskWrite[]> {
  const index = (await readFile(join(folder, 'index'), 'utf8')).trimEnd().split('\n');
  return await Promise.all(
    index.map(async (line) => {
      const [name = '', offset = '', durable] = line.split(' ');
      const data = await readFile(join(folder, `${name}.data`));
      if (data.length % SECTOR !== 0 || Number(offset) % SECTOR !== 0) throw new Error(`not whole sectors: ${line}`);
      return { sector: Number(offset) / SECTOR, data, durable: durable === 'yes' };
    }),
  );
}

/** Writes between two moments at which all before was on the disk: any part of them may be there after a power cut. */
export type Epoch = readonly DiskWrite[];

export function epochsOf(writes: readonly DiskWrite[]): readonly Epoch[] {
  const epochs: DiskWrite[][] = [[]];
  for (const write of writes) {
    epochs.at(-1)?.push(write);
    if (write.durable) epochs.push([]);
  }
  return epochs.filter((epoch) => epoch.length > 0);
}

export const sectorOf = (disk: Buffer, sector: number): Buffer => disk.subarray(sector * SECTOR, (sector + 1) * SECTOR);

export function apply(disk: Buffer, { sector, data }: DiskWrite): void {
  data.copy(disk, sector * SECTOR);
}

/** What a sector holds or may hold once any part of the epoch was written: each write may be there or not, by sectors. */
export function* valuesOf(disk: Buffer, epoch: Epoch, sector: number): Generator<Buffer> {
  yield sectorOf(disk, sector);
  for (const { sector: first, data } of epoch) {
    if (first <= sector && sector < first + data.length / SECTOR) yield sectorOf(data, sector - first);
  }
}

/** Sectors that have to hold something as long as `sector0` is what sector 0 holds. */
export type Promised = {
  readonly name: string;
  readonly sector0: Buffer;
  readonly from: number;
  readonly content: Buffer;
};

/**
 * What speaks against it that at each power cut, after any part of any epoch, sector 0 is one of the promised ones and all
 * that it promises is there. Exact: every combination of sectors that may have been written is covered, since a sector that
 * is right in all its values is right in each combination, and one that is not is wrong in one of them.
 */
export function* brokenPromises(
  before: Buffer,
  epochs: readonly Epoch[],
  promises: readonly Promised[],
): Generator<string> {
  const disk = Buffer.from(before);
  for (const [number, epoch] of epochs.entries()) {
    for (const sector0 of valuesOf(disk, epoch, 0)) {
      const promised = promises.find((one) => one.sector0.equals(sector0));
      if (promised === undefined) {
        yield `epoch ${number}: sector 0 is none that leads anywhere`;
        continue;
      }
      const { name, from, content } = promised;
      for (let at = 0; at < content.length / SECTOR; at += 1) {
        // It is what was promised: the promise is looked at for each of its values.
        if (from + at === 0) continue;
        const wanted = sectorOf(content, at);
        for (const value of valuesOf(disk, epoch, from + at)) {
          if (!value.equals(wanted)) yield `epoch ${number}: sector ${from + at} is not that of ${name}`;
        }
      }
    }
    for (const write of epoch) apply(disk, write);
  }
}
