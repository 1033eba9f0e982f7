/** What `bramble doctor` makes of what it sees. Pure. A finding is data: each thing that is looked at adds its own. */
import type { Config } from '../config/schema.ts';
import { type Model, models } from '../config/values.ts';
import type { StatusView } from '../daemon/http/wire.ts';
import {
  asksNetwork,
  type BaseRecord,
  baseProblems,
  bootOrderIn,
  type EepromChip,
  eepromChips,
  explainBootOrder,
} from '../image-builder/index.ts';

export type Finding = {
  /** `wrong`: boards are kept from their work, and the text ends with what to do. */
  readonly level: 'well' | 'note' | 'wrong';
  readonly about: About;
  readonly text: string;
};

type About =
  | 'daemon'
  | 'images'
  | 'boot kit'
  | 'EEPROM'
  | 'interface'
  | 'DHCP'
  | 'ports'
  | 'files'
  | 'names'
  | 'clock'
  | 'disk'
  | 'cluster'
  | 'access';

export type DoctorFacts = {
  readonly config: {
    readonly netboot: Pick<Config['netboot'], 'enable' | 'eeprom'>;
    readonly images: Pick<Config['images'], 'default' | 'models' | 'kit'>;
  };
  /** Or why it does not answer. */
  readonly status: StatusView | string;
  /** Those that are imported; or why nobody knows. */
  readonly bases: readonly Pick<BaseRecord, 'name' | 'id' | 'format'>[] | string;
  /** Files of `images.additions` that no image can be made with, with the reason. */
  readonly unread: readonly string[];
  /** What the kit lacks, by model; undefined: there is none. */
  readonly kit: { readonly name: string; readonly missing: ReadonlyMap<Model, readonly string[]> } | undefined;
  readonly eeproms: Readonly<Record<EepromChip, EepromFact>>;
};
export type EepromFact =
  | { readonly is: 'none' }
  | { readonly is: 'bad'; readonly detail: string }
  | { readonly is: 'there'; readonly config: string; readonly hasRecovery: boolean };

export const findings = (facts: DoctorFacts): readonly Finding[] => [
  ...ofDaemon(facts),
  ...ofImages(facts),
  ...facts.unread.map((text): Finding => ({ level: 'wrong', about: 'images', text: `images.additions: ${text}` })),
  ...ofKit(facts),
  ...eepromChips.flatMap((chip) => ofEeprom(chip, facts)),
];

function ofDaemon({ status }: DoctorFacts): readonly Finding[] {
  if (typeof status === 'string') return [{ level: 'wrong', about: 'daemon', text: status }];
  const { degraded, advice } = status.master;
  const level = degraded ? 'wrong' : 'note';
  const told = advice.map((text): Finding => ({ level, about: 'daemon', text }));
  return [{ level: 'well', about: 'daemon', text: `answers, version ${status.version}` }, ...told];
}

function ofImages({ bases, config }: DoctorFacts): readonly Finding[] {
  if (typeof bases === 'string') return [{ level: 'note', about: 'images', text: bases }];
  if (bases.length === 0)
    return [{ level: 'wrong', about: 'images', text: 'no base image is imported: sudo bramble image add FILE' }];
  const problems = baseProblems(bases, config.images);
  return [
    { level: 'well', about: 'images', text: bases.map(({ name }) => name).join(', ') },
    ...problems.map((text): Finding => ({ level: 'wrong', about: 'images', text })),
  ];
}

function ofKit({ kit, status }: DoctorFacts): readonly Finding[] {
  if (kit === undefined) return [];
  const known = typeof status === 'string' ? [] : status.devices;
  const stuck = known.filter(({ model }) => models.some((name) => name === model && kit.missing.has(name)));
  const started = models.filter((model) => !kit.missing.has(model));
  const advice = 'import a newer Raspberry Pi OS (64-bit) and name it as images.kit';
  const none = started.length === 0;
  const starts = `${kit.name} starts the installer on ${none ? `no board: ${advice}` : started.join(', ')}`;
  return [
    { level: none ? 'wrong' : 'well', about: 'boot kit', text: starts },
    ...stuck.map(({ name, model }): Finding => {
      const lack = [...kit.missing].find(([missing]) => missing === model)?.[1].join(', ') ?? '';
      return {
        level: 'wrong',
        about: 'boot kit',
        text: `${name} is a ${model}, for which it lacks ${lack}: ${advice}`,
      };
    }),
  ];
}

const families: Readonly<Record<EepromChip, string>> = {
  '2711': 'Pi 4, 400, CM4 (eeprom/2711)',
  '2712': 'Pi 5, 500, CM5 (eeprom/2712)',
};

function ofEeprom(chip: EepromChip, { config, eeproms }: DoctorFacts): readonly Finding[] {
  const fact = eeproms[chip];
  const { enable, eeprom } = config.netboot;
  const finding = (level: Finding['level'], text: string): Finding => ({
    level,
    about: 'EEPROM',
    text: `${families[chip]}: ${text}`,
  });
  switch (fact.is) {
    case 'none':
      return eeprom ? [finding('note', 'netboot.eeprom is true, and there is no pieeprom.upd')] : [];
    case 'bad':
      return [finding(eeprom || enable ? 'wrong' : 'note', `${fact.detail}: no board gets it`)];
    case 'there': {
      const order = bootOrderIn(fact.config);
      const meaning = order === undefined ? 'the bootloader’s own, without network' : explainBootOrder(order);
      const use = [
        eeprom ? 'boards that netboot get it' : 'boards that netboot do not get it (netboot.eeprom is false)',
        ...(enable && fact.hasRecovery ? ['a join card can carry it'] : []),
        ...(enable && !fact.hasRecovery ? ['no join card carries it: recovery.bin is missing'] : []),
      ];
      const said = finding('note', `BOOT_ORDER ${order ?? ''} (${meaning}); ${use.join('; ')}`);
      const lost = finding(
        'wrong',
        'its BOOT_ORDER has no network in it: a board that gets it never asks for a boot again',
      );
      return (eeprom || enable) && !asksNetwork(order) ? [said, lost] : [said];
    }
  }
}

const eepromOnce =
  'a join card. To do without: once an EEPROM whose BOOT_ORDER asks the network (0xf21: SD card, then network), by Raspberry Pi Imager (Bootloader, Network boot) or a join card with netboot.enable';

/** What a factory-fresh board needs once before bramble can install it (facts 2.1, 2.2). */
export const factoryFresh: Readonly<Record<Model, string>> = {
  pi2: 'a join card; v1.2 only: a v1.1 has no 64 bits, and no installer',
  pi3: 'a join card. To do without: once a join card with netboot.enable, which burns a bit that CANNOT BE TAKEN BACK',
  'pi3b+': 'nothing: it boots from the network as it comes (a 3A+ has no network port: never)',
  pi4: eepromOnce,
  pi400: eepromOnce,
  cm4: 'nothing, as it is delivered; the public default EEPROM image takes that away',
  pi5: eepromOnce,
  pi500: eepromOnce,
  cm5: 'nothing, as it is delivered; the public default EEPROM image takes that away',
};
