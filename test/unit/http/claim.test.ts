import test from 'ava';
import fc from 'fast-check';
import { modelFromDeviceTree, parseClaim } from '../../../daemon/http/claim.ts';

const CHALLENGE = '0123456789abcdef'.repeat(2);
const form = (more: Record<string, string> = {}): URLSearchParams =>
  new URLSearchParams({
    mac: 'DC-A6-32-01-02-03',
    serial: '10000000ABCDEF01',
    model: 'Raspberry Pi 4 Model B Rev 1.4\0',
    memory: '4294967296',
    disk: 'mmcblk0|sd|31914983424|ours|c-1|d-1|SC32G\u0007|x ',
    card: '',
    source: 'netboot',
    challenge: CHALLENGE,
    ...more,
  });

test('a whole claim', (t) => {
  const claim = parseClaim(form());
  t.true(claim.ok);
  t.like(claim.ok ? claim.value : {}, {
    mac: 'dc:a6:32:01:02:03',
    serial: '10000000abcdef01',
    model: 'pi4',
    modelText: 'Raspberry Pi 4 Model B Rev 1.4',
    memoryBytes: 4294967296,
    disks: [
      {
        name: 'mmcblk0',
        type: 'sd',
        bytes: 31914983424,
        content: 'ours',
        clusterId: 'c-1',
        deviceId: 'd-1',
        model: 'SC32G|x',
      },
    ],
    card: undefined,
    source: 'netboot',
    challenge: CHALLENGE,
  });
});

test('serial, model and proof may be missing', (t) => {
  const claim = parseClaim(form({ serial: '', model: '', proof: '' }));
  t.like(claim.ok ? claim.value : {}, { serial: undefined, model: undefined, proof: undefined });
});

for (const [field, value] of Object.entries({
  mac: 'dc:a6',
  serial: 'xyz',
  memory: '-1',
  disk: 'sda|usb|1e9|blank|x',
  card: '../sda',
  challenge: '0123',
  source: 'usb',
  proof: 'abc',
})) {
  test(`${field}=${value} is refused, and the message names the field`, (t) => {
    const claim = parseClaim(form({ [field]: value }));
    t.false(claim.ok);
    if (!claim.ok) t.true(claim.error.detail.startsWith(`${field}:`));
  });
}

test('several disks, none, and more than any board has', (t) => {
  const many = (lines: readonly string[]) => {
    const more = form({ card: 'sda' });
    more.delete('disk');
    for (const line of lines) more.append('disk', line);
    return parseClaim(more);
  };
  const two = many(['sda|usb|8000000000|ours|', 'nvme0n1|nvme|256060514304|foreign|||KINGSTON OM8']);
  t.like(two.ok ? two.value : {}, { card: 'sda' });
  t.deepEqual(two.ok ? two.value.disks.map(({ name, type, model }) => [name, type, model]) : [], [
    ['sda', 'usb', ''],
    ['nvme0n1', 'nvme', 'KINGSTON OM8'],
  ]);
  t.true(many([]).ok);
  t.false(many(Array.from({ length: 17 }, (_, index) => `sd${index}|usb|1|blank|`)).ok);
  t.false(many(['sda|usb|1|blank|', 'sda|usb|2|blank|']).ok, 'one name twice');
  for (const line of [
    'sda|ide|1|blank|',
    'sda|usb|1|none|',
    'sda',
    '',
    '|usb|1|blank|',
    's/a|usb|1|blank|',
    'sda|usb|1|ours|c|d e|',
  ])
    t.false(many([line]).ok, line);
});

test('no form makes it throw', (t) => {
  fc.assert(
    fc.property(
      fc.dictionary(
        fc.constantFrom('mac', 'serial', 'model', 'proof', 'disk', 'card', 'challenge', 'source', 'x'),
        fc.string(),
      ),
      (fields) => {
        parseClaim(new URLSearchParams(fields));
      },
    ),
  );
  t.pass();
});

for (const [text, model] of [
  ['Raspberry Pi 2 Model B Rev 1.1', 'pi2'],
  ['Raspberry Pi 3 Model B Rev 1.2', 'pi3'],
  ['Raspberry Pi 3 Model B Plus Rev 1.3', 'pi3b+'],
  ['Raspberry Pi 4 Model B Rev 1.5', 'pi4'],
  ['Raspberry Pi 400 Rev 1.0', 'pi400'],
  ['Raspberry Pi Compute Module 4 Rev 1.1', 'cm4'],
  ['Raspberry Pi 5 Model B Rev 1.0', 'pi5'],
  ['Raspberry Pi 500 Rev 1.0', 'pi500'],
  ['Raspberry Pi Compute Module 5 Rev 1.0', 'cm5'],
  ['Raspberry Pi Zero 2 W Rev 1.0', undefined],
  ['QEMU virt', undefined],
] as const) {
  test(`${text} is ${model}`, (t) => {
    t.is(modelFromDeviceTree(text), model);
  });
}
