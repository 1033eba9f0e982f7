import test from 'ava';
import { diskFirst } from '../../../daemon/boot/boot-order.ts';

const config = (order: string) => `[all]\nBOOT_UART=0\nBOOT_ORDER=${order}\nTFTP_PREFIX=1\n`;

test('the network goes behind the disks, all else stays where it is (read from right to left)', (t) => {
  const cases = [
    ['0xf12', '0xf21'],
    ['0xf142', '0xf214'],
    ['0xf416', undefined],
    ['0xF124', '0xf214'],
    ['0xf2461', undefined],
    ['0xf25641', undefined],
    ['0xf1247', '0xf2714'],
    ['0xf2', undefined],
    ['0xf21', undefined],
    ['0x12', '0x21'],
  ] as const;
  for (const [from, to] of cases) {
    const order = diskFirst(config(from));
    t.is(order?.to, to, from);
    if (to !== undefined) t.is(order?.config, config(to), 'every other line as it was');
  }
});

test('what is not understood is not touched', (t) => {
  t.is(diskFirst('[all]\nBOOT_UART=0\n'), undefined, 'the default is not network first');
  t.is(diskFirst('[gpio4=1]\nBOOT_ORDER=0xf12\n'), undefined);
  t.is(diskFirst('BOOT_ORDER=0xf12\nBOOT_ORDER=0xf21\n'), undefined);
  t.is(diskFirst('BOOT_ORDER=banana\n'), undefined);
  t.is(diskFirst(''), undefined);
});
