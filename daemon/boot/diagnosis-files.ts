/** Boards that stop while they fetch what they start from. Pure. */
import { seconds } from '../../config/values.ts';
import type { Clues } from './clues.ts';
import type { Rule } from './diagnosis.ts';
import { awaitsNetboot, everyText, inSeconds, restartIt } from './diagnosis-words.ts';
import { isInitramfs, isKernel, isNeeded } from './sight.ts';

/** Firmware asks for one file right after another, or begins again (`TFTP_FILE_TIMEOUT` 30 s at the longest). */
const still = seconds(20);
/** So long nothing comes from a firmware that waits for nothing. */
const hangs = seconds(45);
/** From the last byte of the kernel to the installer's first DISCOVER on the slowest board, twice over. */
const kernelStarts = seconds(90);
const moment = seconds(5);

export const fileRules: readonly Rule[] = [
  {
    code: 'OTHER_SERIAL',
    finds: (clues) => {
      const serial = clues.boot.flatMap(({ sight }) => (sight.sight === 'other-serial' ? [sight.serial] : []))[0];
      if (!stopsAtFiles(clues) || serial === undefined || clues.quiet < moment) return undefined;
      return {
        sentence: `it asks for files in the folder ${serial}, which is not its serial number: another Pi uses its hardware address, or its EEPROM names a folder (TFTP_PREFIX_STR)`,
        deed: `set TFTP_PREFIX=0 in its EEPROM, or bramble forget ${clues.name} if another Pi is behind its network adapter`,
      };
    },
  },
  {
    code: 'FOLDER_UNKNOWN',
    finds: (clues) => {
      const folder = clues.missing.map(ownFolder).find((name) => name !== undefined);
      const isServed = clues.boot.some(({ sight }) => sight.sight === 'asked' && isNeeded(sight.path));
      if (!stopsAtFiles(clues) || folder === undefined || isServed || clues.quiet < moment) return undefined;
      return {
        sentence: `it asks for its files only in the folder ${folder}/: its EEPROM is set to that (TFTP_PREFIX=1)`,
        deed: `set TFTP_PREFIX=0 in the EEPROM of ${clues.name} (rpi-eeprom-config --edit), then ${restartIt(clues)}`,
      };
    },
  },
  {
    code: 'NO_BOOTCODE',
    finds: (clues) => {
      if (!stopsAtFiles(clues) || !clues.missing.includes('bootcode.bin') || clues.quiet < moment) return undefined;
      return {
        sentence:
          'its ROM asks for bootcode.bin, which the boot kit does not have: a Pi 2 or 3 starts from nothing else',
        deed: `import a Raspberry Pi OS that knows the Pi 3 and name it as images.kit, then ${restartIt(clues)}`,
      };
    },
  },
  {
    code: 'FILE_MISSING',
    finds: (clues) => {
      const names = clues.missing.filter((path) => isNeeded(path) && clues.fetched(path) === undefined);
      const isOver = clues.quiet >= moment || (clues.discover?.count ?? 0) >= 3;
      if (!stopsAtFiles(clues) || clues.fetched(isKernel) !== undefined || names.length === 0 || !isOver)
        return undefined;
      return {
        sentence: `it asks for ${names.join(', ')}, which the boot kit does not have${everyText(clues)}`,
        deed: `import a newer Raspberry Pi OS and name it as images.kit, then ${restartIt(clues)}`,
      };
    },
  },
  {
    code: 'EEPROM_AGAIN',
    finds: (clues) => {
      const times = clues.fetched('pieeprom.upd')?.count ?? 0;
      if (!awaitsNetboot(clues) || times < 3 || clues.fetched(isKernel) !== undefined) return undefined;
      return {
        sentence: `it fetches its new EEPROM image at each start, ${times} times by now, and does not keep it: is it write-protected?`,
        deed: `take the write protection off ${clues.name}, or its image out of the folder of EEPROM images`,
      };
    },
  },
  {
    code: 'ANSWERS_LOST',
    finds: (clues) => {
      const cut = cuts(clues);
      const hasFetched = clues.boot.some(({ sight }) => sight.sight === 'fetched');
      if (!stopsAtFiles(clues) || hasFetched || cut === undefined || cut.percent > 0) return undefined;
      return {
        sentence: `it asks for ${cut.path}, and nothing of our answers reaches it: something drops what comes from another UDP port than 69`,
        deed: `look at the firewall of the master (TFTP answers from a port of its own) and at its cable, then ${restartIt(clues)}`,
      };
    },
  },
  {
    code: 'TRANSFER_BROKEN',
    finds: (clues) => {
      const cut = cuts(clues);
      if (!stopsAtFiles(clues) || cut === undefined) return undefined;
      const isLossy = cut.count >= 3;
      if (!isLossy && clues.fetched(cut.path) !== undefined) return undefined;
      return {
        sentence: isLossy
          ? `the transfer of its files breaks off again and again, ${cut.count} times by now, last of ${cut.path} after ${cut.percent} %: packets get lost`
          : `it fell silent after ${cut.percent} % of ${cut.path}`,
        deed: `look at the network cable and the power supply of ${clues.name}, try another port of the switch, then ${restartIt(clues)}`,
      };
    },
  },
  {
    code: 'CONFIG_NOT_ASKED',
    finds: (clues) => {
      const firmware = ['start4.elf', 'start.elf'].find(clues.hasAsked);
      const isOver = clues.quiet >= still || (clues.discover?.count ?? 0) >= 4;
      if (!stopsAtFiles(clues) || firmware === undefined || clues.hasAsked('config.txt') || !isOver) return undefined;
      return {
        sentence: `it asked for ${firmware} and never for config.txt${everyText(clues)}: its firmware does not get that far`,
        deed: `update its EEPROM (Raspberry Pi Imager, Bootloader), or import a newer Raspberry Pi OS as images.kit, then ${restartIt(clues)}`,
      };
    },
  },
  {
    code: 'OLD_KERNEL',
    finds: (clues) => {
      const old = /^kernel(|7|7l|8-32)\.img$/;
      const kernel = clues.boot.flatMap(({ sight }) =>
        sight.sight === 'fetched' && old.test(sight.path) ? [sight.path] : [],
      )[0];
      if (!stopsAtFiles(clues) || kernel === undefined || clues.quiet < moment) return undefined;
      return {
        sentence: `it starts ${kernel}, the kernel of an older model, and not the one that config.txt names: it does not read config.txt`,
        deed: `update its EEPROM (Raspberry Pi Imager, Bootloader), or start it from a join card, then ${restartIt(clues)}`,
      };
    },
  },
  {
    code: 'CONFIG_IGNORED',
    finds: (clues) => {
      if (!stopsAtFiles(clues) || clues.fetched(isKernel) === undefined || clues.hasAsked(isInitramfs))
        return undefined;
      if (clues.quiet < moment) return undefined;
      return {
        sentence:
          'it loaded a kernel without asking for the initramfs that config.txt names: its firmware passed over config.txt',
        deed: `update its EEPROM (Raspberry Pi Imager, Bootloader), or start it from a join card, then ${restartIt(clues)}`,
      };
    },
  },
  {
    code: 'NO_INSTALLER',
    finds: (clues) => {
      if (!stopsAtFiles(clues) || clues.fetched(isKernel) === undefined) return undefined;
      // A kernel that panics starts the board again after ten seconds (`renderCmdlineTxt`).
      if (clues.kernelBoots < 3 && clues.quiet < kernelStarts) return undefined;
      const how =
        clues.kernelBoots < 3
          ? `not heard for ${inSeconds(clues.quiet)}`
          : `never heard, ${clues.kernelBoots} starts in a row`;
      return {
        sentence: `its kernel was loaded, and its installer was ${how}: the kernel does not start, or has no driver for its network adapter`,
        deed: `look at the screen of ${clues.name}; import a newer Raspberry Pi OS as images.kit, or name the driver in images.modules`,
      };
    },
  },
  {
    code: 'FIRMWARE_HANGS',
    finds: (clues) => {
      const last = clues.boot.filter(({ sight }) => sight.sight === 'asked').at(-1)?.sight;
      if (!stopsAtFiles(clues) || clues.fetched(isKernel) !== undefined || clues.quiet < hangs) return undefined;
      const after = last?.sight === 'asked' ? ` after ${last.path}` : '';
      return {
        sentence: `its firmware stopped${after} and asked for nothing more`,
        deed: `${restartIt(clues)}; if it stops there again, update its EEPROM, or start it from a join card`,
      };
    },
  },
];

/** It asks for files, and neither its installer nor a system was heard since. */
const stopsAtFiles = (clues: Clues): boolean =>
  awaitsNetboot(clues) &&
  clues.asksForFiles &&
  clues.installerAsked === undefined &&
  !clues.installerReported &&
  clues.systemAsked === undefined &&
  !clues.boot.some(({ sight }) => sight.sight === 'sent-to-disk');

/** Of `TFTP_PREFIX_STR`; the firmware's own folders are no such. */
function ownFolder(path: string): string | undefined {
  const slash = path.lastIndexOf('/');
  return slash > 0 && isNeeded(path.slice(slash + 1)) ? path.slice(0, slash) : undefined;
}

/** The transfer that broke off last, and how many did in all. */
function cuts({
  boot,
}: Clues): { readonly path: string; readonly percent: number; readonly count: number } | undefined {
  const broken = boot.filter(({ sight }) => sight.sight === 'cut').toSorted((a, b) => a.last.rested - b.last.rested);
  const last = broken.at(-1)?.sight;
  if (last?.sight !== 'cut') return undefined;
  return { path: last.path, percent: last.percent, count: broken.reduce((sum, { count }) => sum + count, 0) };
}
