/** Boards' images by the daemon's own way, and by `cp` and mtools. */
import { mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { must } from '../../config/result.ts';
import { parseDeviceId, parseHostname, parseIpv4 } from '../../config/values.ts';
import type { Device } from '../../daemon/lifecycle/device.ts';
import { type ByteSource, readOnlyDevice } from '../../image-builder/device.ts';
import { openFileSource } from '../../image-builder/disk.ts';
import { listFiles, openVolume, readFile as readFat } from '../../image-builder/fat/volume.ts';
import { type Base, decodeOverlay, overlaySource } from '../../image-builder/index.ts';
import { aDevice, states } from '../support/boards.ts';
import { finish, startProgram } from '../support/program.ts';
import { benchDesk } from './image-base.ts';

export type MakerName = 'bramble' | 'copy-mtools';
export type ImageMaker = {
  readonly name: MakerName;
  /** The mean of several boards, one after the other; `bytes` are what the largest takes on the disk. */
  readonly make: () => Promise<{ readonly ms: number; readonly bytes: number }>;
};

/** A shelf of ours; of the peer's, which take a second and 2 GiB each, a few. */
const boards = { bramble: 100, 'copy-mtools': 3 };

/** `data` holds `bases/` with `base` in it. Rejects if the two ways do not end in the same files. */
export async function imageMakers(
  data: string,
  base: Base,
): Promise<{ readonly makers: readonly ImageMaker[]; readonly close: () => Promise<void> }> {
  const desk = benchDesk(data);
  const signal = new AbortController().signal;
  const makeOurs = async (device: Device): Promise<string> => {
    const event = await desk.make(device, signal);
    if (event.event !== 'image-made') throw new Error(JSON.stringify(event));
    return join(data, 'overlays', `${device.id}.overlay`);
  };

  const copies: Copy[] = [];
  for (let number = 0; number < boards['copy-mtools']; number++) {
    const overlay = must(decodeOverlay(await readFile(await makeOurs(board(number)))));
    const image = must(overlaySource(base.source, overlay));
    const tree = join(data, 'trees', `${number}`);
    await writeChanged(tree, base, image);
    copies.push({ image, tree, file: join(data, `copy-${number}.img`) });
  }
  for (const copy of copies) {
    await compare(base, copy.image, await makeCopy(base, copy));
    await rm(copy.file);
  }
  const ours = Array.from({ length: boards.bramble }, (_, number) => () => makeOurs(board(number)));
  const theirs = copies.map((copy) => () => makeCopy(base, copy));
  const makers: readonly ImageMaker[] = [
    { name: 'bramble', make: () => measured(ours) },
    { name: 'copy-mtools', make: () => measured(theirs) },
  ];
  return { makers, close: desk.close };
}

/** Each image is taken away again, outside of the time. */
async function measured(makes: readonly (() => Promise<string>)[]): Promise<{ ms: number; bytes: number }> {
  let [ms, bytes] = [0, 0];
  for (const make of makes) {
    const start = performance.now();
    const file = await make();
    ms += performance.now() - start;
    bytes = Math.max(bytes, (await stat(file)).blocks * 512);
    await rm(file);
  }
  return { ms: ms / makes.length, bytes };
}

/** `tree` holds the files that its user would have written by hand; writing them is not measured. */
type Copy = { readonly image: ByteSource; readonly tree: string; readonly file: string };

/**
 * `cp` as anybody calls it: it keeps holes where it sees some (a published image has hardly any) and does not wait for
 * the disk, as we do. One mcopy for all files.
 */
async function makeCopy(base: Base, { tree, file }: Copy): Promise<string> {
  await run(['cp', join(base.directory, 'base.img'), file]);
  await run(['sh', '-c', 'mcopy -s -o -Q -i "$0" "$1"/* ::', `${file}@@${base.bootPartition.offset}`, tree]);
  return file;
}

async function run(command: readonly string[]): Promise<void> {
  const env = { MTOOLSRC: '/dev/null', MTOOLS_SKIP_CHECK: '1' };
  const { code, stderr } = await finish(startProgram(command, { env }), { deadlineMs: 300_000 });
  if (code !== 0) throw new Error(`${command.join(' ')}: ${stderr}`);
}

const board = (number: number): Device =>
  aDevice(states.accepted, {
    id: must(parseDeviceId(`d-${number.toString(16).padStart(12, '0')}`)),
    name: must(parseHostname(`worker-kube${number + 1}`)),
    address: must(parseIpv4(`10.77.0.${100 + number}`)),
  });

/** Every file of the boot partition. */
async function bootFiles({ bootPartition }: Base, image: ByteSource): Promise<ReadonlyMap<string, Buffer>> {
  const volume = must(await openVolume(readOnlyDevice(image), bootPartition));
  const files = new Map<string, Buffer>();
  for (const { path } of must(await listFiles(volume))) {
    files.set(path, Buffer.from(must(await readFat(volume, path)) ?? []));
  }
  return files;
}

async function writeChanged(tree: string, base: Base, image: ByteSource): Promise<void> {
  const before = await bootFiles(base, base.source);
  for (const [path, bytes] of await bootFiles(base, image)) {
    if (before.get(path)?.equals(bytes) === true) continue;
    await mkdir(dirname(join(tree, path)), { recursive: true });
    await writeFile(join(tree, path), bytes);
  }
}

async function compare(base: Base, image: ByteSource, file: string): Promise<void> {
  const copy = await openFileSource(file);
  const [mine, other] = [await bootFiles(base, image), await bootFiles(base, copy)];
  await copy.close();
  const paths = [...new Set([...mine.keys(), ...other.keys()])];
  const differing = paths.filter((path) => mine.get(path)?.equals(other.get(path) ?? Buffer.of()) !== true);
  if (differing.length > 0) throw new Error(`our image and the copy differ in ${differing.join(', ')}`);
}
