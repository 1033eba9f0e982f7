import test from 'ava';
import { seconds } from '../../../config/values.ts';
import { negotiate } from '../../../daemon/tftp/negotiate.ts';
import type { TftpOption } from '../../../daemon/tftp/packet.ts';

const parse = (text: string): readonly TftpOption[] =>
  text === ''
    ? []
    : text.split(' ').map((pair) => ({ name: pair.split('=')[0] ?? '', value: pair.split('=')[1] ?? '' }));
const format = (options: readonly TftpOption[]): string =>
  options.map(({ name, value }) => `${name}=${value}`).join(' ');

const table: readonly (readonly [asked: string, answered: string, blksize: number, windowsize: number])[] = [
  ['', '', 512, 1],
  ['tsize=0', 'tsize=3000', 512, 1],
  ['tsize=0 blksize=1024', 'tsize=3000 blksize=1024', 1024, 1],
  ['tsize=0 blksize=1468', 'tsize=3000 blksize=1468', 1468, 1],
  ['blksize=1468 tsize=0', 'blksize=1468 tsize=3000', 1468, 1],
  ['BLKSIZE=1468 TSize=0', 'BLKSIZE=1468 TSize=3000', 1468, 1],
  ['blksize=65464', 'blksize=1468', 1468, 1],
  ['blksize=8', 'blksize=8', 8, 1],
  ['blksize=7', '', 512, 1],
  ['blksize=65465', '', 512, 1],
  ['blksize=-1', '', 512, 1],
  ['blksize=1e3', '', 512, 1],
  ['blksize=', '', 512, 1],
  ['blksize=512 blksize=1024', 'blksize=512', 512, 1],
  ['windowsize=1', 'windowsize=1', 512, 1],
  ['windowsize=4', 'windowsize=4', 512, 4],
  ['windowsize=65535', 'windowsize=16', 512, 16],
  ['windowsize=0', '', 512, 1],
  ['timeout=0', '', 512, 1],
  ['timeout=256', '', 512, 1],
  ['multicast= rollover=0 tsize=0', 'tsize=3000', 512, 1],
];
for (const [asked, answered, blksize, windowsize] of table) {
  test(`asked "${asked}", answered "${answered}"`, (t) => {
    const agreement = negotiate(parse(asked), 3000);
    t.is(format(agreement.acknowledged), answered);
    t.like(agreement, { blksize, windowsize, timeout: undefined });
  });
}

test('an agreed timeout is the one that is waited for', (t) => {
  t.is(negotiate(parse('timeout=5'), 0).timeout, seconds(5));
  t.is(format(negotiate(parse('timeout=5'), 0).acknowledged), 'timeout=5');
});
