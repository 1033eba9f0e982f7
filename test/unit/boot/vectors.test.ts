/** What the file names in published logs mean (facts 3.2, 3.3, 4.2, 5). */
import test from 'ava';
import { parseBootRequest } from '../../../daemon/boot/files.ts';

const names = [
  ['b66c4c16/start.elf', 'b66c4c16', 'start.elf', 'firmware#1605: the prefix is the serial number of option 97'],
  ['91cdf03d/start4.elf', '91cdf03d', 'start4.elf', 'PI4LOG'],
  ['09b92bda/start4.elf', '09b92bda', 'start4.elf', 'SID: padded with a zero'],
  ['89eb9bb9/start.elf', '89eb9bb9', 'start.elf', 'firmware#1700'],
  ['d9780558/start4.elf', 'd9780558', 'start4.elf', 'rpi-eeprom#74'],
  ['dc-a6-32-01-36-c2/start4.elf', undefined, 'start4.elf', 'TFTP_PREFIX=2'],
  ['bd989ae1/bcm2712-rpi-5-b.dtb', 'bd989ae1', 'bcm2712-rpi-5-b.dtb', 'rpi-eeprom#563'],
  ['7bf18f79//overlays/bcm2712d0.dtbo', '7bf18f79', 'overlays/bcm2712d0.dtbo', 'TOS: a doubled slash'],
  ['bootcode.bin', undefined, 'bootcode.bin', 'BN: the ROM of a Pi 3 knows no prefix'],
  ['bootsig.bin', undefined, 'bootsig.bin', 'BN'],
] as const;
for (const [name, serial, path, source] of names) {
  test(`${name} (${source})`, (t) => {
    const request = parseBootRequest(name);
    t.is<string | undefined, string | undefined>(request.serial, serial);
    t.deepEqual(request.file, { from: 'kit', path });
  });
}
