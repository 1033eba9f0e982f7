import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { carrierChanges, hasCarrier } from '../../../daemon/system/carrier.ts';

test('how often the cable was out or in; undefined where there is no interface', async (t) => {
  const sysfs = await mkdtemp(join(tmpdir(), 'carrier-'));
  t.teardown(() => rm(sysfs, { recursive: true }));
  await mkdir(join(sysfs, 'eth0'));
  await writeFile(join(sysfs, 'eth0', 'carrier_changes'), '3\n');
  t.is(await carrierChanges('eth0', sysfs), 3);
  t.is(await carrierChanges('eth1', sysfs), undefined);
});

test('whether the cable is in; undefined while the interface is down, and where there is none', async (t) => {
  const sysfs = await mkdtemp(join(tmpdir(), 'carrier-'));
  t.teardown(() => rm(sysfs, { recursive: true }));
  for (const [name, text] of Object.entries({ in0: '1\n', out0: '0\n', down0: '' })) {
    await mkdir(join(sysfs, name));
    await writeFile(join(sysfs, name, 'carrier'), text);
  }
  const found = await Promise.all(['in0', 'out0', 'down0', 'none0'].map((name) => hasCarrier(name, sysfs)));
  t.deepEqual(found, [true, false, undefined, undefined]);
});
