import { createHash } from 'node:crypto';
import test from 'ava';
import {
  asksNetwork,
  bootOrderIn,
  eepromConfig,
  eepromSignature,
  explainBootOrder,
} from '../../../image-builder/eeprom.ts';
import { eepromImage } from '../../support/eeprom.ts';

test('an image says what its board will do', (t) => {
  const conf = '[all]\nBOOT_UART=0\nBOOT_ORDER=0xf41\nBOOT_ORDER=0xF21\n';
  const read = eepromConfig('2711', eepromImage(conf));
  t.deepEqual(read, { ok: true, value: conf });
  t.is(bootOrderIn(conf), '0xf21');
  t.is(bootOrderIn('[all]\nBOOT_UART=1\n'), undefined);
});

test('what is no image for this chip is told', (t) => {
  const code = (chip: '2711' | '2712', image: Uint8Array): string => {
    const read = eepromConfig(chip, image);
    return read.ok ? 'ok' : read.error.detail;
  };
  t.regex(code('2712', eepromImage('a')), /2097152 bytes, this one has 524288/);
  t.regex(code('2711', new Uint8Array(512 * 1024)), /no bootconf\.txt/);
  t.regex(code('2711', Buffer.alloc(512 * 1024, 'x')), /sections/);
  t.regex(code('2711', eepromImage('# größer\nBOOT_ORDER=0xf21\n')), /ASCII/);
  const endless = eepromImage('a');
  endless.writeUInt32BE(0xffff_fff0, 4);
  t.regex(code('2711', endless), /sections/);
});

test('the boot order in words, from right to left; one without network never asks us', (t) => {
  t.is(explainBootOrder('0xf21'), 'SD card or eMMC, then network, then from the start again');
  t.is(explainBootOrder('0xf461'), 'SD card or eMMC, then NVMe, then USB disk, then from the start again');
  t.is(explainBootOrder('f21'), undefined);
  t.deepEqual(['0xf21', '0xf461', '0x2', undefined].map(asksNetwork), [true, false, true, false]);
});

test('pieeprom.sig: the image’s SHA-256 and when it was put there', (t) => {
  const image = eepromImage('a');
  t.is(eepromSignature(image, 1_780_000_000), `${createHash('sha256').update(image).digest('hex')}\nts: 1780000000\n`);
});
