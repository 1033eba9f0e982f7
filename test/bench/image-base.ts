/** A base as large as a published one, and the desk that makes boards' images of it as the daemon does. */
import { randomBytes } from 'node:crypto';
import { open } from 'node:fs/promises';
import { parseConfig } from '../../config/load.ts';
import { must } from '../../config/result.ts';
import { parseIpv4, subnetOf } from '../../config/values.ts';
import { type ImageDesk, imageDesk } from '../../daemon/app/boards/images.ts';
import { generateSshKeyPair } from '../../daemon/join/keys.ts';
import { systemClock as clock } from '../../daemon/system/clock.ts';
import { createLog } from '../../daemon/system/log.ts';
import { systemRandom as random } from '../../daemon/system/random.ts';
import { makeLabBase } from '../support/images.ts';

const baseBytes = 2 * 2 ** 30;

/** Noise behind the partitions: a published image is full, and a copy of holes would cost nothing. */
export async function makeNoisyBase(file: string): Promise<void> {
  await makeLabBase({ file, format: 'cloud-init' });
  const handle = await open(file, 'r+');
  const noise = randomBytes(2 ** 24);
  for (let at = (await handle.stat()).size; at < baseBytes; at += noise.length) {
    await handle.write(noise, 0, Math.min(noise.length, baseBytes - at), at);
  }
  await handle.close();
}

/** `data` holds `bases/`. Each board gets a new host key, as at its first image. */
export function benchDesk(data: string): ImageDesk {
  const config = parseConfig(`data: ${data}`);
  if (!config.ok) throw new Error(JSON.stringify(config.error));
  const self = must(parseIpv4('10.77.0.1'));
  return imageDesk({
    config: config.value,
    clusterId: '0'.repeat(16),
    authorizedKey: generateSshKeyPair('bramble').publicLine,
    hostKeyFor: async ({ name }) => generateSshKeyPair(name),
    storedHostKey: () => undefined,
    site: () => ({ subnet: subnetOf(self, 24), gateway: self, dns: [self] }),
    random,
    log: createLog({ stream: process.stderr, level: 'warn', format: 'json', clock }),
  });
}
