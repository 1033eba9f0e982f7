/** V7 as the collection of facts prints it (facts 9), copied a second time; and the file names of facts 4.2. */
import test from 'ava';
import { decodePacket } from '../../../daemon/tftp/packet.ts';
import { judgeRequest } from '../../../daemon/tftp/request.ts';
import { tftpVectors } from '../../vectors/tftp.ts';

const printed = [
  [21, '0001626f6f74636f64652e62696e006f6374657400'],
  [35, '000138396562396262392f73746172742e656c66006f63746574007473697a65003000'],
  [16, '00067473697a65003239363532313600'],
  [20, '000500004561726c79207465726d696e61746500'],
  [49, '000164393738303535382f7374617274342e656c66006f63746574007473697a65003000626c6b73697a65003130323400'],
  [49, '000164393738303535382f7374617274342e656c66006f63746574007473697a65003000626c6b73697a65003134363800'],
] as const;
for (const [index, [length, hex]] of printed.entries()) {
  test(`V7, packet ${index + 1}: the bytes that are printed`, (t) => {
    t.is(tftpVectors[index]?.hex, hex);
    t.is(hex.length / 2, length);
    t.true(decodePacket(Buffer.from(hex, 'hex')).ok);
  });
}
test('V7 is all of it', (t) => t.is(tftpVectors.length, printed.length));

const names = [
  ['09b92bda/start4.elf', '09b92bda/start4.elf'],
  ['dc-a6-32-01-36-c2/config.txt', 'dc-a6-32-01-36-c2/config.txt'],
  ['7bf18f79//config.txt', '7bf18f79/config.txt'],
  ['/kernel8.img', 'kernel8.img'],
] as const;
for (const [asked, file] of names) {
  test(`the file name ${asked}`, (t) => {
    t.deepEqual(judgeRequest({ opcode: 'RRQ', file: asked, mode: 'octet', options: [] }), { ok: true, value: file });
  });
}
