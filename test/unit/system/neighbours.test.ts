import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { must } from '../../../config/result.ts';
import { millis, parseIpv4, parseMac } from '../../../config/values.ts';
import { createNeighbours, hardwareAddressOf } from '../../../daemon/system/neighbours.ts';
import { createClockDouble } from '../../support/doubles.ts';

/** As Linux 6.8 writes it. */
const table = `IP address       HW type     Flags       HW address            Mask     Device
10.77.0.100      0x1         0x2         dc:a6:32:01:02:03     *        eth0
10.77.0.101      0x1         0x0         00:00:00:00:00:00     *        eth0
10.77.0.10       0x1         0x6         dc:a6:32:01:02:10     *        eth0
`;

test('who answers for an address; nobody, for one that is not there or never answered', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'neighbours-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const file = join(folder, 'arp');
  await writeFile(file, table);
  const of = (address: string) => hardwareAddressOf(must(parseIpv4(address)), file);
  t.is(await of('10.77.0.100'), must(parseMac('dc:a6:32:01:02:03')));
  t.is(await of('10.77.0.10'), must(parseMac('dc:a6:32:01:02:10')));
  t.is(await of('10.77.0.101'), undefined);
  t.is(await of('10.77.0.1'), undefined);
  t.is(await hardwareAddressOf(must(parseIpv4('10.77.0.1')), join(folder, 'none')), undefined);
});

test('all who ask at once share a look; who is not found waits for one that began after he came', async (t) => {
  const clock = createClockDouble();
  const looks: ((text: string) => void)[] = [];
  const of = createNeighbours({
    clock,
    signal: new AbortController().signal,
    readArp: () => new Promise((resolve) => looks.push(resolve)),
  });
  const ask = (address: string) => of(must(parseIpv4(address)));
  const early = ask('10.77.0.100');
  const late = Promise.all(Array.from({ length: 50 }, () => ask('10.77.0.10')));
  t.is(looks.length, 1);
  looks[0]?.(table.split('\n').slice(0, 2).join('\n'));
  t.is(await early, must(parseMac('dc:a6:32:01:02:03')));
  await clock.whenSleeping(1);
  t.is(looks.length, 2);
  looks[1]?.(table);
  t.deepEqual(new Set(await late), new Set([must(parseMac('dc:a6:32:01:02:10'))]));
  t.is(await ask('10.77.0.100'), must(parseMac('dc:a6:32:01:02:03')));
  t.is(looks.length, 2, 'what was read lately is known');
  await clock.advance(millis(200));
  const again = ask('10.77.0.100');
  t.is(looks.length, 3);
  looks[2]?.('');
  t.is(await again, undefined);
});
