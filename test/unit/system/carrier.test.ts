import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { carrierChanges } from '../../../daemon/system/carrier.ts';

test('how often the cable was out or in; undefined where there is no interface', async (t) => {
  const sysfs = await mkdtemp(join(tmpdir(), 'carrier-'));
  t.teardown(() => rm(sysfs, { recursive: true }));
  await mkdir(join(sysfs, 'eth0'));
  await writeFile(join(sysfs, 'eth0', 'carrier_changes'), '3\n');
  t.is(await carrierChanges('eth0', sysfs), 3);
  t.is(await carrierChanges('eth1', sysfs), undefined);
});
