/**
 * On the board: its boot partition gets the installer, and its firmware is pointed at it.
 *
 * Power may go at any moment: `config.txt` is replaced last, by a rename, after all that it names is on the disk and was read
 * back from there. So what starts next is the board's system or the whole installer.
 */
import { ok, type Problem, problem, type Result } from '../../../config/result.ts';
import { type Millis, minutes } from '../../../config/values.ts';
import { bootPlace, CONFIG_MARK, INSTALLER_FOLDER, KEPT_CONFIG, ownName } from '../../boot/own-partition.ts';
import type { SshSession } from '../../join/index.ts';
import type { ByteSource } from '../../ports.ts';

/** `path` below the boot partition. */
export type OwnFile = { readonly path: string; readonly source: ByteSource; readonly sha256: string };

export type InstallerWish = {
  /** The mark on the boot partition has to name it: any other partition there is none of ours. */
  readonly deviceId: string;
  /** The board's own firmware file that has to know our folder's way; undefined: none on this partition reads config.txt. */
  readonly firmware: string | undefined;
  readonly files: readonly OwnFile[];
  /** What the installer is to write there; 0 for a disk that is to be cleared. */
  readonly imageBytes: number;
  readonly config: string;
  readonly cmdline: (volumeId: string) => string;
};

type Done = Promise<Result<void, Problem>>;
type Place = { readonly folder: string; readonly device: string; readonly volumeId: string };

/**
 * The board restarts a second after this has settled well. Codes: BOOT_NOT_MOUNTED, BOOT_READ_ONLY, BOOT_FOREIGN, DISK_TOO_SMALL,
 * BOOT_FULL, FIRMWARE_TOO_OLD, BOOT_WRITE_FAILED, PUT_FILE_FAILED, SSH_….
 */
export async function startIntoInstaller(session: SshSession, wish: InstallerWish): Done {
  const place = await findPlace(session, wish.deviceId);
  if (!place.ok) return place;
  const { folder, device, volumeId } = place.value;
  const large = await isLargeEnough(session, device, wish.imageBytes);
  if (!large.ok) return large;
  const able = await knowsPrefix(session, folder, wish.firmware);
  if (!able.ok) return able;
  const missing = await differing(session, folder, wish.files);
  if (!missing.ok) return missing;
  const room = await hasRoom(session, folder, missing.value);
  if (!room.ok) return room;
  for (const { path, source } of missing.value) {
    const put = await session.putBytes(`${folder}/${path}`, source, 0o644);
    if (!put.ok) return put;
  }
  const cmdline = await session.putFile(`${folder}/${ownName('cmdline.txt')}`, wish.cmdline(volumeId), 0o644);
  if (!cmdline.ok) return cmdline;
  const config = await session.putFile(`${folder}/${NEW_CONFIG}`, wish.config, 0o644);
  if (!config.ok) return config;
  const written = await toDisk(session);
  if (!written.ok) return written;
  const wrong = await differing(session, folder, wish.files);
  if (!wrong.ok) return wrong;
  const [first] = wrong.value;
  if (first !== undefined) return problem('BOOT_WRITE_FAILED', `${first.path} reads back otherwise: is the card worn?`);
  const pointed = await shell(session, pointFirmware, [folder, CONFIG_MARK]);
  if (!pointed.ok) return pointed;
  return await restart(session);
}

const NEW_CONFIG = ownName('config.new');

/** Where the board's own boot partition is: mounted, with our mark for this very board on it. */
async function findPlace(session: SshSession, deviceId: string): Promise<Result<Place, Problem>> {
  const mountinfo = await output(session, 'cat', ['/proc/self/mountinfo']);
  if (!mountinfo.ok) return mountinfo;
  const place = bootPlace(mountinfo.value);
  if (!place.ok) return place;
  const { folder, device } = place.value;
  const foreign = problem('BOOT_FOREIGN', `the partition at ${folder} does not carry the mark of this board`);
  const mark = await session.run('cat', [`${folder}/${INSTALLER_FOLDER}/board.json`]);
  if (!mark.ok) return mark;
  if (mark.value.code !== 0 || markedDevice(mark.value.stdout) !== deviceId) return foreign;
  const id = await output(session, 'blkid', ['-s', 'UUID', '-o', 'value', device]);
  if (!id.ok) return id;
  const volumeId = id.value.trim();
  return /^[0-9A-F]{4}-[0-9A-F]{4}$/.test(volumeId)
    ? ok({ folder, device, volumeId })
    : problem('BOOT_FOREIGN', `${device} at ${folder} is no FAT`);
}

function markedDevice(text: string): unknown {
  try {
    const mark: unknown = JSON.parse(text);
    return typeof mark === 'object' && mark !== null && 'deviceId' in mark ? mark.deviceId : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Behind the image the installer keeps this boot partition until all is written (image-builder/installer/keep). Where it cannot, it
 * writes nothing, and the board's own system would start no more.
 */
async function isLargeEnough(session: SshSession, device: string, imageBytes: number): Done {
  if (imageBytes === 0) return ok(undefined);
  // Sectors of 512 bytes, whatever the disk's are (sysfs-block). The link leads to the partition's folder in that of its disk.
  const name = device.slice(device.lastIndexOf('/') + 1);
  const told = await shell(session, 'cd "/sys/class/block/$1" && cat start size ../size', [name]);
  if (!told.ok) return told;
  const [start = Number.NaN, length = Number.NaN, disk = Number.NaN] = told.value.trim().split('\n').map(Number);
  const image = Math.ceil(imageBytes / 512);
  const needed = start < image ? Math.max(image, start + length) + length + GPT_COPY : image;
  if (needed <= disk) return ok(undefined);
  return problem(
    'DISK_TOO_SMALL',
    `its disk has ${disk * 512} bytes; the image and the boot partition, which is kept until that is written, need ${needed * 512}: put in a larger disk, or write its card with "bramble image flash"`,
  );
}
/** Sectors at the end of a disk. */
const GPT_COPY = 33;

/** Firmware from before 2019 would pass over `os_prefix`. The names of its settings stand in it as they are. */
async function knowsPrefix(session: SshSession, folder: string, firmware: string | undefined): Done {
  if (firmware === undefined) return ok(undefined);
  const path = `${folder}/${firmware}`;
  const told = await shell(session, '[ ! -e "$1" ] || grep -qaF os_prefix "$1" || echo old', [path]);
  if (!told.ok) return told;
  return told.value.trim() === ''
    ? ok(undefined)
    : problem('FIRMWARE_TOO_OLD', `${firmware} on its boot partition is too old to start the installer`);
}

/** Those that are not there yet as they should be. */
async function differing(
  session: SshSession,
  folder: string,
  files: readonly OwnFile[],
): Promise<Result<readonly OwnFile[], Problem>> {
  const paths = files.map(({ path }) => `${folder}/${path}`);
  // A file that is not there has no line; the others' sums count all the same.
  const summed = await session.run('sha256sum', ['--', ...paths], { timeout: READ_TIMEOUT });
  if (!summed.ok) return summed;
  const sums = new Set(summed.value.stdout.split('\n'));
  return ok(files.filter(({ path, sha256 }) => !sums.has(`${sha256}  ${folder}/${path}`)));
}
/** Tens of megabytes from a slow card. */
const READ_TIMEOUT: Millis = minutes(3);

/** Whole clusters, the directory's own and the small texts. */
async function hasRoom(session: SshSession, folder: string, files: readonly OwnFile[]): Done {
  const table = await output(session, 'df', ['-Pk', '--', folder]);
  if (!table.ok) return table;
  const available = Number(table.value.trim().split('\n').at(-1)?.split(/\s+/)[3]);
  const needed = files.reduce((sum, { source }) => sum + Math.ceil(source.size / 1024) + 64, 256);
  if (Number.isFinite(available) && available >= needed) return ok(undefined);
  return problem('BOOT_FULL', `its boot partition has ${available} KiB left and the installer needs ${needed}`);
}

/** What is read back afterwards comes from the card, as far as the kernel lets go of what it has. */
const toDisk = (session: SshSession) =>
  shell(session, 'sync && { echo 1 > /proc/sys/vm/drop_caches || true; } 2> /dev/null', []);

/**
 * $1 the boot partition, $2 the first line of our config.txt. Linux's vfat renames over a file by one write of its directory
 * entry; what was there before is kept first, once.
 */
const pointFirmware = `cd "$1"
if [ -e config.txt ] && ! head -n 1 config.txt | grep -qxF "$2"; then
  cp config.txt ${KEPT_CONFIG}.new && sync && mv -f ${KEPT_CONFIG}.new ${KEPT_CONFIG} && sync
fi
mv -f ${NEW_CONFIG} config.txt
sync`;

/** Behind this session's back, so that its end can still be told. */
const restart = async (session: SshSession): Done => {
  const later = 'sleep 1; systemctl reboot || reboot -f';
  const told = await shell(session, `nohup sh -c '${later}' > /dev/null 2>&1 < /dev/null &`, []);
  return told.ok ? ok(undefined) : told;
};

async function output(session: SshSession, program: string, args: readonly string[]): Promise<Result<string, Problem>> {
  const end = await session.run(program, args, { timeout: READ_TIMEOUT });
  if (!end.ok) return end;
  const { code, stdout, stderr } = end.value;
  return code === 0
    ? ok(stdout)
    : problem('BOOT_WRITE_FAILED', `${program} ended with ${code}: ${stderr.trim().slice(0, 300)}`);
}

const shell = (session: SshSession, script: string, args: readonly string[]): Promise<Result<string, Problem>> =>
  output(session, 'sh', ['-euc', script, 'sh', ...args]);
