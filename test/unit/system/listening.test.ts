import test from 'ava';
import { isListening } from '../../../daemon/system/listening.ts';

const head = '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode';
const line = (local: string, state: string): string =>
  `${head}\n   0: ${local} 00000000:0000 ${state} 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0\n`;

/** As Linux 6.8 writes them, on a little-endian machine. */
const table: readonly (readonly [name: string, text: string, listens: boolean])[] = [
  ['on every address', line('00000000:0016', '0A'), true],
  ['on one address', line('01004D0A:0016', '0A'), true],
  ['on every address, IPv6', line('00000000000000000000000000000000:0016', '0A'), true],
  ['another port', line('00000000:0017', '0A'), false],
  ['a connection', line('01004D0A:0016', '01'), false],
  ['for this machine alone', line('0100007F:0016', '0A'), false],
  ['for this machine alone, IPv6', line('00000000000000000000000001000000:0016', '0A'), false],
  ['for this machine alone, mapped', line('0000000000000000FFFF00000100007F:0016', '0A'), false],
  ['nobody', `${head}\n`, false],
  ['no table', '', false],
];
for (const [name, text, listens] of table) test(name, (t) => t.is(isListening(text, 22), listens));
