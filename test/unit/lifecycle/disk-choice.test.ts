import test from 'ava';
import fc from 'fast-check';
import { diskTypes } from '../../../config/values.ts';
import type { DiskReport } from '../../../daemon/lifecycle/device.ts';
import { chooseDisk, type DiskRule, type FoundDisks } from '../../../daemon/lifecycle/disk-choice.ts';
import { aDisk } from '../../support/boards.ts';

const card = aDisk({ content: 'ours' });
const nvme = aDisk({ name: 'nvme0n1', type: 'nvme', model: 'KINGSTON OM8PGP4', bytes: 256_060_514_304 });
const stick = aDisk({ name: 'sda', type: 'usb', model: 'SanDisk 3.2Gen1', bytes: 61_530_439_680, content: 'foreign' });
const second = aDisk({ name: 'sdb', type: 'usb', model: 'Portable SSD T5', bytes: 500_107_862_016 });

const netboot = (...disks: readonly DiskReport[]): FoundDisks => ({ disks, source: 'netboot', card: undefined });
const fromCard = (...disks: readonly DiskReport[]): FoundDisks => ({ disks, source: 'join-card', card: 'mmcblk0' });

const cases: readonly (readonly [string, FoundDisks, readonly DiskRule[], string])[] = [
  ['no disk at all', netboot(), [], ''],
  ['a netboot: SD before NVMe before USB', netboot(stick, nvme, card), [], 'mmcblk0'],
  ['a netboot without a card', netboot(second, stick, nvme), [], 'nvme0n1'],
  ['a netboot with two of a kind: the first by name', netboot(second, stick), [], 'sda'],
  [
    'sda before sdaa, mmcblk2 before mmcblk10',
    netboot(aDisk({ name: 'mmcblk10' }), aDisk({ name: 'mmcblk2' })),
    [],
    'mmcblk2',
  ],
  ['a join card: over itself, whatever else is there', fromCard(nvme, card), [], 'mmcblk0'],
  [
    'a reinstallation: over the disk it came from',
    { disks: [card, nvme], source: 'reinstall', card: 'nvme0n1' },
    [],
    'nvme0n1',
  ],
  [
    'a reinstallation: that disk, whatever a rule says',
    { disks: [card, nvme], source: 'reinstall', card: 'mmcblk0' },
    [{ type: 'nvme' }, { type: 'sd' }],
    'mmcblk0',
  ],
  [
    'a reinstallation whose disk is not known: none',
    { disks: [card, nvme], source: 'reinstall', card: undefined },
    [{ type: 'nvme' }],
    '',
  ],
  ['a join card that could not be found: none', { disks: [card, nvme], source: 'join-card', card: undefined }, [], ''],
  [
    'a join card that was pulled out: none',
    { disks: [nvme], source: 'join-card', card: 'mmcblk0' },
    [{ type: 'nvme' }],
    '',
  ],
  ['by type', fromCard(card, nvme), [{ type: 'nvme' }], 'nvme0n1'],
  ['the first rule that fits a disk', netboot(card, stick), [{ type: 'nvme' }, { type: 'usb' }, { type: 'sd' }], 'sda'],
  ['no rule fits: none is touched', netboot(card, stick), [{ type: 'nvme' }], ''],
  ['by model, whatever the case', netboot(card, stick, second), [{ model: '*ssd t?' }], 'sdb'],
  ['a model is the whole name', netboot(card, stick, second), [{ model: 'SSD' }], ''],
  ['by size', netboot(card, stick, nvme), [{ min: 64e9, max: 300e9 }], 'nvme0n1'],
  ['all that a rule names', netboot(card, stick, nvme), [{ type: 'usb', min: 100e9 }], ''],
];
for (const [title, found, rules, name] of cases) {
  test(title, (t) => {
    const chosen = chooseDisk(found, rules);
    t.is(chosen.name, name);
    t.is(chosen.content === 'none', name === '');
  });
}

test('never a disk that no rule fits, nor one that is not there', (t) => {
  const disk = fc.record({
    name: fc.constantFrom('mmcblk0', 'sda', 'nvme0n1'),
    type: fc.constantFrom(...diskTypes),
    model: fc.string({ maxLength: 64 }),
    bytes: fc.nat(),
    content: fc.constantFrom('blank' as const, 'foreign' as const),
  });
  const rule = fc.record({ type: fc.constantFrom(...diskTypes), min: fc.nat() });
  fc.assert(
    fc.property(fc.array(disk), fc.array(rule, { minLength: 1 }), (disks, rules) => {
      const chosen = chooseDisk({ disks, source: 'netboot', card: undefined }, rules);
      const allowed = disks.filter((one) => rules.some(({ type, min }) => type === one.type && min <= one.bytes));
      return chosen.content === 'none' ? allowed.length === 0 : allowed.some((one) => one === chosen);
    }),
  );
  t.pass();
});

test('a pattern of many stars takes no longer than its length', (t) => {
  const found = netboot(aDisk({ model: 'a'.repeat(64) }));
  t.is(chooseDisk(found, [{ model: `${'*a'.repeat(31)}*b` }]).content, 'none');
  t.is(chooseDisk(found, [{ model: '*a'.repeat(32) }]).name, 'mmcblk0');
});
