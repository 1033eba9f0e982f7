/** Imported images, for people. Pure. */
import { sizeText } from '../../config/values.ts';
import { type BaseRecord, type ImportedBase, type Partition, securityNote } from '../../image-builder/index.ts';
import type { BaseUses } from '../base-uses.ts';
import { type Column, table } from './table.ts';
import { harmless, type Paint } from './terminal.ts';

export function basesText(
  bases: readonly BaseRecord[],
  look: { readonly width: number; readonly paint: Paint },
): string {
  if (bases.length === 0) return 'no image is imported yet: bramble image add FILE\n';
  const columns: readonly Column<BaseRecord>[] = [
    { title: 'NAME', text: ({ name }) => name },
    { title: 'FORMAT', text: ({ format }) => format },
    { title: 'SIZE', text: ({ bytes }) => sizeText(bytes) },
    { title: 'ID', text: ({ id }) => id },
    { title: 'SYSTEM', text: ({ found }) => found },
  ];
  return table(columns, bases, look);
}

/** What `image add` ends with. */
export function addedText(base: ImportedBase): string {
  const name = harmless(base.name);
  const lines = [
    `${name}: ${harmless(base.found)}`,
    base.known ? `${name}: was imported already` : `${name}: ${checkedWords(base)}`,
    ...updatesNote(base),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

/** A line of its own, where nobody keeps the system up any more. */
export function updatesNote(base: Pick<BaseRecord, 'name' | 'flavour' | 'format'>): readonly string[] {
  const note = securityNote(base);
  return note === undefined ? [] : [`${harmless(base.name)}: ${note}`];
}

const checkedWords = ({ checked, sha256 }: BaseRecord): string => {
  if (checked === undefined) return `no checksum was given or found; the SHA-256 of the image is ${sha256}`;
  const what = checked.of === 'published' ? 'the download' : 'the image';
  return `the checksum of ${what} is right (${harmless(checked.from)})`;
};

export type ShownBase = BaseRecord & { readonly partitions: readonly Partition[]; readonly uses: BaseUses };

export function baseText(base: ShownBase): string {
  const { published, bootPartition, label } = base;
  const fields: readonly (readonly [string, string])[] = [
    ['Name', base.name],
    ['Id', base.id],
    ['System', base.found],
    ['Flavour', base.flavour],
    ['Format', base.format],
    ['Size', `${sizeText(base.bytes)} (${base.bytes} bytes)`],
    ['SHA-256', base.sha256],
    ['Boot', `partition ${bootPartition.number}, FAT ${label === '' ? 'without label' : `“${label}”`}`],
    ...(published === undefined
      ? []
      : ([
          [
            'Imported',
            `${published.name}, ${sizeText(published.bytes)}${published.packing === 'none' ? '' : `, packed as ${published.packing}`}`,
          ],
          ['Its SHA-256', published.sha256],
        ] as const)),
    ['Checked', checkedWords(base)],
    ...(securityNote(base) === undefined ? [] : [['Updates', securityNote(base) ?? ''] as const]),
  ];
  const head = fields.map(([title, text]) => `${`${title}:`.padEnd(13)}${harmless(text) || '–'}\n`).join('');
  const partitions = base.partitions.map(
    ({ number, offset, bytes, type }) => `  ${number}  type ${type}, ${sizeText(bytes)} from byte ${offset}\n`,
  );
  const uses = usesWords(base.uses).map((word) => `  ${harmless(word)}\n`);
  const section = (title: string, lines: readonly string[]): string =>
    `\n${title}:\n${lines.length === 0 ? '  none\n' : lines.join('')}`;
  return head + section('Partitions', partitions) + section('Used by', uses);
}

/** One line each; empty if nobody would miss it. */
export const usesWords = ({ boards, keys }: BaseUses): readonly string[] => [
  ...keys.map((key) => `${key} of bramble.yaml`),
  ...boards.map((board) => `the board ${board}, whose installation is not over`),
];
