/** `image flash`: an image onto a card or a USB disk of this machine. */
import { realpath } from 'node:fs/promises';
import type { Command } from 'commander';
import { sizeText } from '../../config/values.ts';
import {
  type BlockDisk,
  deviceNumber,
  diskContents,
  flashCandidates,
  flashDisk,
  flashTarget,
  type ImageStream,
  imageFile,
  readBlockDevices,
} from '../../image-builder/index.ts';
import { CommandFailed, exitCodes } from '../exit-codes.ts';
import { progressOn } from '../output/progress.ts';
import { table } from '../output/table.ts';
import { harmless, painter, type Terminal } from '../output/terminal.ts';
import { boardName, type CardDeps, eepromOption, newBoard, notesOf } from './image-cards.ts';

type FlashFlags = {
  readonly for?: string;
  readonly new?: true;
  readonly joinCard?: true;
  readonly eeprom?: string;
  readonly yes?: true;
};

const help = `
Without a device it shows the disks that may be written: SD cards and USB disks
that nothing uses. The disk gets its partition table last, after everything was
read back from it, so that a card that was interrupted starts nothing.`;

export function addImageFlash(image: Command, deps: CardDeps): void {
  image
    .command('flash')
    .description('write an image to a card: of a board (--for), the join card (--join-card), or a file')
    .usage('[options] (--for NAME | --join-card | FILE) /dev/…')
    .argument('[file-and-device...]')
    .option('--for <name>', 'the image of this board', boardName)
    .option('--new', `with --for: ${newBoard}`)
    .option('--join-card', 'the card that installs any board')
    .addOption(eepromOption('with --join-card: whose EEPROM it sets, see bramble image join-card'))
    .option('-y, --yes', 'do not ask')
    .addHelpText('after', help)
    .action(async (words: readonly string[], flags: FlashFlags) => {
      const { terminal } = deps;
      const [first, second] = words;
      const own = flags.for !== undefined || flags.joinCard === true;
      const [file, device] = own ? [undefined, first] : [first, second];
      if (flags.for !== undefined && flags.joinCard === true) throw usage('--for or --join-card, not both');
      if (words.length > (own ? 1 : 2)) throw usage(`one image and one device: ${words.join(' ')}`);
      if (device === undefined) throw await listed(terminal, own || file !== undefined);
      // Of a file it is told at once whether it is an image at all.
      const stream = file === undefined ? undefined : await opened(file);
      const disk = await chosen(device, terminal);
      if (flags.yes !== true) await confirmed(device, disk, terminal);
      await unchanged(device, disk, terminal);
      await write(device, disk, stream ?? (await fromDaemon(flags, disk, deps)), terminal);
    });
}

const usage = (message: string): CommandFailed => new CommandFailed(exitCodes.usage, message);
const failure = (message: string): CommandFailed => new CommandFailed(exitCodes.failure, message);

/** A script whose variable is empty must not take the list for a written card. */
async function listed(terminal: Terminal, hasImage: boolean): Promise<CommandFailed> {
  const disks = flashCandidates(await readBlockDevices());
  const columns = [
    { title: 'DEVICE', text: ({ name }: BlockDisk) => `/dev/${name}` },
    { title: 'SIZE', text: ({ bytes }: BlockDisk) => sizeText(bytes) },
    { title: 'DISK', text: nameOf },
  ];
  if (disks.length > 0) terminal.out(table(columns, disks, { width: terminal.columns, paint: painter(terminal) }));
  if (!hasImage) return usage('what is to be written? --for NAME, --join-card, or an image file');
  return usage(
    disks.length === 0
      ? 'no disk that may be written: put an SD card into a reader; one that is mounted has to be unmounted first'
      : 'name the device that is to be written',
  );
}

const nameOf = ({ vendor, model }: BlockDisk): string => [vendor, model].filter((part) => part !== '').join(' ');

async function opened(file: string): Promise<ImageStream> {
  const image = await imageFile(file);
  if (!image.ok) throw failure(image.error.detail);
  return image.value;
}

/**
 * The disk, if it may be written. BRAMBLE_FLASH_ALLOW names disks (`loop3,sdf`) that may be although they are built in: for
 * tests, which have no card to lose. One that is in use is refused all the same.
 */
async function chosen(device: string, terminal: Terminal): Promise<BlockDisk> {
  const number = await deviceNumber(device);
  if (number === undefined) throw failure(`${device} is no disk: name one such as /dev/sdb`);
  const allowed = new Set((terminal.env['BRAMBLE_FLASH_ALLOW'] ?? '').split(','));
  const target = flashTarget(number, await readBlockDevices(), allowed);
  if (!target.ok) throw failure(`${device} ${target.error.detail}`);
  return target.value;
}

async function confirmed(device: string, disk: BlockDisk, terminal: Terminal): Promise<void> {
  const contents = await diskContents(device, disk.bytes).catch((error: unknown) => {
    throw accessFailure(device, error);
  });
  const path = await realpath(device);
  terminal.out(`${harmless(`${path}: ${nameOf(disk) || 'a disk'}, ${sizeText(disk.bytes)}; on it: ${contents}`)}\n`);
  if (terminal.ask === undefined) throw usage('nobody is there to be asked: --yes writes without asking');
  const answer = await terminal.ask(`Everything on ${path} will be lost. Type yes to go on: `);
  if (answer.trim().toLowerCase() !== 'yes') throw failure('nothing was written');
}

/** A card may have been changed for another one while the question stood there. */
async function unchanged(device: string, before: BlockDisk, terminal: Terminal): Promise<void> {
  const { name, number, bytes, path, model } = await chosen(device, terminal);
  const same = name === before.name && number === before.number && bytes === before.bytes;
  if (!same || path !== before.path || model !== before.model) throw failure(`${device} is another disk by now`);
}

async function fromDaemon(flags: FlashFlags, disk: BlockDisk, { client, terminal }: CardDeps): Promise<ImageStream> {
  const image =
    flags.for === undefined
      ? await client().joinCard({ eeprom: flags.eeprom })
      : await client().boardImage(flags.for, { by: terminal.user, most: disk.bytes, isNew: flags.new === true });
  terminal.err(notesOf(image));
  return image;
}

async function write(device: string, disk: BlockDisk, image: ImageStream, terminal: Terminal): Promise<void> {
  const progress = progressOn(terminal);
  const written = await flashDisk({
    path: device,
    bytes: disk.bytes,
    image,
    onProgress: (step, done, of) => progress.tell(step, done, of),
    signal: terminal.signal,
  }).finally(progress.end);
  if (written.ok) {
    terminal.out(`${harmless(device)} is written and was read back: it can be taken out\n`);
    return;
  }
  const { code, detail } = written.error;
  const advice = code === 'IMAGE_IO' && /EACCES|EPERM/.test(detail) ? '; run it with sudo' : '';
  throw failure(`${detail}${advice}`);
}

function accessFailure(device: string, error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === 'EACCES' || code === 'EPERM') return failure(`no permission for ${device}: run it with sudo`);
  return error instanceof Error && code !== undefined ? failure(error.message) : error;
}
