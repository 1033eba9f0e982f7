import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { must } from '../../../config/result.ts';
import { parseIpv4, parseMac } from '../../../config/values.ts';
import { hardwareAddressOf } from '../../../daemon/system/neighbours.ts';

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
