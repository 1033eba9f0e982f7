/** Which system an image holds and how it takes its settings, told by what its boot partition holds. Pure. */
import type { FileInfo } from './fat/volume.ts';
import type { FirstBootFormat } from './wish.ts';

export const flavours = ['hypriotos', 'raspberry-pi-os', 'ubuntu', 'unknown'] as const;
/** Whose image it is, as far as the boot files differ. */
export type Flavour = (typeof flavours)[number];

export type Recognised = {
  readonly flavour: Flavour;
  readonly format: FirstBootFormat;
  /** A sentence for people. */
  readonly found: string;
};

export type BootPartitionFacts = {
  /** Of the FAT; empty if it has none. */
  readonly label: string;
  readonly files: readonly FileInfo[];
  /** Lower-case name → content, of `recognisedTexts` where they are there. */
  readonly texts: ReadonlyMap<string, string>;
};

/** Small files that say whose image it is. */
export const recognisedTexts = ['issue.txt', 'os-release', 'user-data'] as const;

const SSH = 'its boards are joined over SSH, as they are';

/** A refusal: it is no image for a Raspberry Pi, or none of a system. */
export type Refusal = { readonly refused: string };

export function recognise(facts: BootPartitionFacts): Recognised | Refusal {
  const names = new Set(facts.files.map(({ path }) => path.toLowerCase()));
  const refused = refusal(facts, names);
  if (refused !== undefined) return { refused };
  const cloudInit = names.has('user-data') && names.has('meta-data');
  if (names.has('device-init.yaml')) {
    return { flavour: 'hypriotos', format: 'device-init', found: 'HypriotOS with device-init (up to 1.1)' };
  }
  if (isHypriotOs(facts)) {
    return cloudInit
      ? { flavour: 'hypriotos', format: 'cloud-init', found: `HypriotOS${version(facts)} with cloud-init` }
      : none('hypriotos', `HypriotOS${version(facts)} without device-init.yaml or user-data`);
  }
  if (isUbuntu(facts, names)) {
    return cloudInit
      ? { flavour: 'ubuntu', format: 'cloud-init', found: 'Ubuntu with cloud-init (NoCloud)' }
      : none('ubuntu', 'Ubuntu without user-data and meta-data');
  }
  const other = others.find(([, file]) => file.test([...names].join('\n')));
  if (other !== undefined && !cloudInit) return none('unknown', other[0]);
  return isRaspberryPiOs(facts, names) ? raspberryPiOs(facts, names, cloudInit) : unknown(facts, cloudInit);
}

const none = (
  flavour: Flavour,
  what: string,
  why = 'takes no settings at the first boot that bramble writes',
): Recognised => ({
  flavour,
  format: 'none',
  found: `${what}; it ${why}: ${SSH}`,
});

/** Their build puts the version there: `HYPRIOT_IMAGE_VERSION=v1.12.3`. */
const isHypriotOs = ({ label, texts }: BootPartitionFacts): boolean =>
  /^hypriot/i.test(label) ||
  /^HYPRIOT_/m.test(texts.get('os-release') ?? '') ||
  /hypriot/i.test(texts.get('user-data') ?? '');

const version = ({ texts }: BootPartitionFacts): string => {
  const found = /^HYPRIOT_IMAGE_VERSION="?v?([\w.-]+)/m.exec(texts.get('os-release') ?? '')?.[1];
  return found === undefined ? '' : ` ${found}`;
};

/** Their boot partition’s label; since 25.10 kernels lie in `current/`. */
const isUbuntu = ({ label }: BootPartitionFacts, names: ReadonlySet<string>): boolean =>
  label.toLowerCase() === 'system-boot' || (names.has('vmlinuz') && names.has('initrd.img') && names.has('user-data'));

/** pi-gen writes issue.txt; the label is `bootfs`, `boot` before 2023. */
const isRaspberryPiOs = ({ label, texts }: BootPartitionFacts, names: ReadonlySet<string>): boolean =>
  /^Raspberry Pi reference/m.test(texts.get('issue.txt') ?? '') ||
  (/^boot(fs)?$/i.test(label) && names.has('cmdline.txt') && names.has('config.txt'));

function raspberryPiOs(facts: BootPartitionFacts, names: ReadonlySet<string>, cloudInit: boolean): Recognised {
  const date = /^Raspberry Pi reference (\d{4}-\d{2}-\d{2})/m.exec(facts.texts.get('issue.txt') ?? '')?.[1];
  const what = `Raspberry Pi OS${date === undefined ? '' : ` of ${date}`}`;
  if (cloudInit) return { flavour: 'raspberry-pi-os', format: 'cloud-init', found: `${what} with cloud-init` };
  const own = ['rpi-preseed.toml', 'custom.toml', 'firstrun.sh', 'userconf.txt', 'userconf'].find((name) =>
    names.has(name),
  );
  return own === undefined
    ? none('raspberry-pi-os', `${what} without cloud-init (it came with Trixie, after 2025-10-01)`)
    : none(
        'raspberry-pi-os',
        `${what} without cloud-init`,
        `takes its settings from ${own}, which bramble does not write`,
      );
}

/** Systems for the Pi that go their own way at the first boot, by a file of theirs. */
const others: readonly (readonly [name: string, file: RegExp])[] = [
  ['DietPi', /^dietpi\.txt$/m],
  ['Armbian', /^armbianenv\.txt$|^armbian_first_run/m],
  ['Alpine Linux', /^\.alpine-release$|\.apkovl\.tar\.gz$/m],
  ['LibreELEC', /^system$/m],
  ['balenaOS', /^device-type\.json$/m],
  ['Talos Linux', /^efi\/talos\//m],
  ['Debian for Raspberry Pi', /^sysconf\.txt$/m],
  ['openSUSE', /^efi\/opensuse\//m],
  ['Fedora', /^efi\/fedora\//m],
];

function unknown({ label, files }: BootPartitionFacts, cloudInit: boolean): Recognised {
  const what = `an unknown system (boot partition ${label === '' ? 'without label' : `“${label}”`}, ${files.length} files)`;
  return cloudInit
    ? { flavour: 'unknown', format: 'cloud-init', found: `${what} with cloud-init` }
    : none('unknown', what);
}

/** What a Pi’s firmware starts, or is: without any of it no Pi boots from this partition. */
const piFile = /(^|\/)(bootcode\.bin|start\w*\.elf|bcm27\d\d[\w.-]*\.dtb|kernel\w*\.img|vmlinu[xz][\w.-]*)$/m;

function refusal({ label, files }: BootPartitionFacts, names: ReadonlySet<string>): string | undefined {
  const list = [...names].join('\n');
  if (/^efi\/microsoft\/|^bootmgr$/m.test(list)) return 'a Windows disk, no image for a Raspberry Pi';
  if (names.has('os_list_v3.json') || names.has('recovery.img') || /^os\/[^/]+\/os\.json$/m.test(list)) {
    return 'NOOBS or PINN, a menu that installs other systems: add the image of one system';
  }
  if (/^efi\/boot\/boot(x64|ia32)\.efi$/m.test(list) && !/^bcm27/m.test(list)) {
    return 'a PC’s disk (UEFI for x86), no image for a Raspberry Pi';
  }
  if (piFile.test(list)) return undefined;
  const some = files.slice(0, 5).map(({ path }) => path);
  const held = files.length === 0 ? 'it is empty' : `it holds ${some.join(', ')}${files.length > 5 ? ', …' : ''}`;
  return `no image for a Raspberry Pi: its boot partition${label === '' ? '' : ` “${label}”`} has neither firmware nor kernel (${held})`;
}
