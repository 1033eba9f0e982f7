/** How a board's power, heat and disk are, as its own system tells: what is asked, and what that means in plain words. Pure. */
import type { Hostname } from '../../../config/values.ts';
import type { HealthSign } from '../../http/wire.ts';

/** Reads only; nothing in it takes a second. A board without `vcgencmd` has no line `throttled`. */
export const healthScript = `vcgencmd get_throttled 2> /dev/null
root=$(awk '$5 == "/"' /proc/self/mountinfo | tail -n 1)
echo "root $root"
set -- $root
echo "disk $(readlink "/sys/dev/block/$3")"
echo "df $(df -Pk / | tail -n 1)"
dmesg 2> /dev/null | grep -E 'I/O error|EXT4-fs|journal|JBD2|mmc|nvme' | tail -n 80 | sed 's/^/log /'`;

/** What it is asked for is a board's own word; nothing of it is longer than this. */
const LINE_MAX = 120;
/** kubelet takes no more pods, and evicts some, at 90 %. */
const FULL_PERCENT = 90;

/** `get_throttled` (documentation "vcgencmd"): now, and 16 bits above that the same since it was started. */
const bits = { underVoltage: 1 << 0, capped: 1 << 1, throttled: 1 << 2, hot: 1 << 3 };

/** Worst first; empty of a board that is well, or that says nothing of it. */
export function healthSigns(told: string, name: Hostname): readonly HealthSign[] {
  const lines = told.split('\n');
  const after = (word: string): string =>
    lines.find((line) => line.startsWith(`${word} `))?.slice(word.length + 1) ?? '';
  const throttled = Number(/^throttled=(0x[0-9a-f]{1,8})$/im.exec(told)?.[1] ?? 0);
  const [now, ever] = [throttled & 0xffff, throttled >>> 16];
  const signs: (HealthSign | undefined)[] = [
    voltageSign(now, ever, name),
    cardSign(lines, diskOf(after('disk')), name),
    readOnlySign(after('root'), name),
    fullSign(after('df'), name),
    slowSign(now, ever, name),
  ];
  return signs.filter((sign) => sign !== undefined);
}

function voltageSign(now: number, ever: number, name: Hostname): HealthSign | undefined {
  const deed = `give ${name} a better power supply, or a shorter cable`;
  if (now & bits.underVoltage) return { sentence: 'its power supply is too weak: under-voltage now', deed };
  if (ever & bits.underVoltage)
    return { sentence: 'its power supply was too weak at times: under-voltage since it started', deed };
  return undefined;
}

function slowSign(now: number, ever: number, name: Hostname): HealthSign | undefined {
  const slow = bits.capped | bits.throttled | bits.hot;
  // By the power, which has a sign of its own.
  if (now & slow && !(now & bits.underVoltage))
    return { sentence: 'it is throttled now: it is too hot', deed: `give ${name} air, or a heat sink` };
  return ever & slow ? { sentence: 'it was throttled at times since it started', deed: null } : undefined;
}

function cardSign(lines: readonly string[], disk: string, name: Hostname): HealthSign | undefined {
  const host = /^mmcblk(\d+)$/.exec(disk)?.[1];
  const patterns = [
    `I/O error,? (on )?(dev|device) ${disk}`,
    `EXT4-fs error \\(device ${disk}`,
    `EXT4-fs \\(${disk}\\w*\\): Remounting filesystem read-only`,
    `Aborting journal on device ${disk}`,
    `${disk}: (error|recovery failed|timed out|unknown error)`,
    ...(host === undefined
      ? []
      : [`mmc${host}: .*(Timeout waiting for hardware|[Cc]ard stuck|cache flush error|error -(84|110))`]),
  ];
  const isError = new RegExp(`^log .*(${patterns.join('|')})`);
  const errors = lines.filter((line) => isError.test(line));
  const last = errors.at(-1);
  if (last === undefined) return undefined;
  const words = last
    .slice('log '.length)
    .replace(/^\[[ \d.]+\] /, '')
    .slice(0, LINE_MAX);
  return {
    sentence: `its ${host === undefined ? 'disk' : 'card'} (${disk}) fails: ${errors.length} ${errors.length === 1 ? 'error' : 'errors'} in the log of its kernel, the last: ${words}`,
    deed: `put another ${host === undefined ? 'disk' : 'card'} into ${name}, and bramble reinstall ${name}`,
  };
}

/** `../../block/mmcblk0/mmcblk0p2` in sysfs. One that is not told is a card. */
const diskOf = (link: string): string => /\/block\/([a-z0-9]{1,32})(\/|$)/.exec(link)?.[1] ?? 'mmcblk0';

/** Mount options are the sixth field, those of the file system the last (proc_pid_mountinfo(5)). */
function readOnlySign(mount: string, name: Hostname): HealthSign | undefined {
  const fields = mount.split(' ');
  const isReadOnly = [fields[5], fields.at(-1)].some((options) => options?.split(',').includes('ro'));
  if (!isReadOnly) return undefined;
  return {
    sentence: 'its disk is read-only: its system found an error on it, and writes nothing any more',
    deed: `restart ${name}; if that does not help, put another card in and bramble reinstall ${name}`,
  };
}

function fullSign(row: string, name: Hostname): HealthSign | undefined {
  const percent = Number(/ (\d{1,3})% /.exec(row)?.[1] ?? 0);
  if (percent < FULL_PERCENT) return undefined;
  return {
    sentence: `its disk is ${percent} % full`,
    deed: `make room on ${name} (old images, logs), or put a larger disk in`,
  };
}
