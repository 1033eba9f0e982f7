/**
 * TFTP packets as boards sent them (UDP payload). The captures are published ones: `source` names them as the project's
 * reference on Raspberry Pi network boot does (GitHub threads of raspberrypi/firmware and raspberrypi/rpi-eeprom).
 */
import type { TftpPacket } from '../../daemon/tftp/packet.ts';

export type TftpVector = { readonly name: string; readonly source: string; readonly hex: string; readonly packet: TftpPacket };

export const tftpVectors: readonly TftpVector[] = [
  {
    name: 'Pi 3B mask ROM asks for bootcode.bin, no options',
    source: 'tcpdump printed in Raspberry Pi documentation boot-net.adoc',
    hex: '0001' + '626f6f74636f64652e62696e00' + '6f6374657400',
    packet: { opcode: 'RRQ', file: 'bootcode.bin', mode: 'octet', options: [] },
  },
  {
    name: 'bootcode.bin asks for start.elf, tsize only',
    source: 'firmware#1700',
    hex: '0001' + '38396562396262392f73746172742e656c6600' + '6f6374657400' + '7473697a6500' + '3000',
    packet: {
      opcode: 'RRQ',
      file: '89eb9bb9/start.elf',
      mode: 'octet',
      options: [{ name: 'tsize', value: '0' }],
    },
  },
  {
    name: 'OACK to it',
    source: 'firmware#1700',
    hex: '0006' + '7473697a6500' + '3239363532313600',
    packet: { opcode: 'OACK', options: [{ name: 'tsize', value: '2965216' }] },
  },
  {
    name: 'the firmware ends an existence probe',
    source: 'firmware#1700',
    hex: '0005' + '0000' + '4561726c79207465726d696e61746500',
    packet: { opcode: 'ERROR', code: 0, message: 'Early terminate' },
  },
  {
    name: 'Pi 4 EEPROM of 2020 asks with blksize 1024',
    source: 'rpi-eeprom#74',
    hex:
      '0001' + '64393738303535382f7374617274342e656c6600' + '6f6374657400' +
      '7473697a6500' + '3000' + '626c6b73697a6500' + '3130323400',
    packet: {
      opcode: 'RRQ',
      file: 'd9780558/start4.elf',
      mode: 'octet',
      options: [
        { name: 'tsize', value: '0' },
        { name: 'blksize', value: '1024' },
      ],
    },
  },
  {
    name: 'Pi 4/5 EEPROM since 2022-10 asks with blksize 1468',
    source: 'release notes of firmware-2711; rpi-eeprom#857; the file name of the vector above',
    hex:
      '0001' + '64393738303535382f7374617274342e656c6600' + '6f6374657400' +
      '7473697a6500' + '3000' + '626c6b73697a6500' + '3134363800',
    packet: {
      opcode: 'RRQ',
      file: 'd9780558/start4.elf',
      mode: 'octet',
      options: [
        { name: 'tsize', value: '0' },
        { name: 'blksize', value: '1468' },
      ],
    },
  },
];
