import test from 'ava';
import fc from 'fast-check';
import { modelFromDeviceTree, parseClaim } from '../../../daemon/http/claim.ts';

const form = (more: Record<string, string> = {}): URLSearchParams =>
  new URLSearchParams({
    mac: 'DC-A6-32-01-02-03',
    serial: '10000000ABCDEF01',
    model: 'Raspberry Pi 4 Model B Rev 1.4\0',
    memory: '4294967296',
    'disk-bytes': '31914983424',
    'disk-content': 'blank',
    source: 'netboot',
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
    disk: { bytes: 31914983424, content: 'blank' },
    source: 'netboot',
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
  'disk-bytes': '1e9',
  'disk-content': 'full',
  source: 'usb',
  proof: 'abc',
})) {
  test(`${field}=${value} is refused, and the message names the field`, (t) => {
    const claim = parseClaim(form({ [field]: value }));
    t.false(claim.ok);
    if (!claim.ok) t.true(claim.error.detail.startsWith(`${field}:`));
  });
}

test('no form makes it throw', (t) => {
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom('mac', 'serial', 'model', 'proof', 'x'), fc.string()), (fields) => {
      parseClaim(new URLSearchParams(fields));
    }),
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
