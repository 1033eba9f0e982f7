/** Boards as an installation leaves them: in the daemon's own database, by its own code, with the host key of their image. */
import { must } from '../../../config/result.ts';
import {
  after,
  instant,
  minutes,
  parseDeviceId,
  parseHostname,
  parseIpv4,
  parseMac,
  parseSerial,
} from '../../../config/values.ts';
import { hostKeys } from '../../../daemon/app/boards/host-keys.ts';
import { loadIdentity } from '../../../daemon/app/identity.ts';
import type { Device } from '../../../daemon/lifecycle/device.ts';
import { openStore } from '../../../daemon/store/open.ts';
import { systemRandom } from '../../../daemon/system/random.ts';
import { createLogDouble } from '../../support/doubles.ts';

export type Seeded = {
  readonly id: string;
  readonly name: string;
  readonly address: string;
  readonly mac: string;
  readonly serial: string;
  readonly hostKey: string;
};

/** `first`: the number of the first of them, from 1. The daemon does not run. */
export async function seedBoards(
  data: string,
  first: number,
  count: number,
): Promise<{ readonly boards: readonly Seeded[]; readonly authorized: string }> {
  const identity = await loadIdentity(data, systemRandom, { isNew: first === 1 });
  const store = await openStore({ directory: data, log: createLogDouble(), signal: new AbortController().signal });
  const keys = hostKeys(store);
  const boards: Seeded[] = [];
  for (let number = first; number < first + count; number += 1) {
    const device = boardAt(number);
    await store.commit([
      { write: 'put-device', device },
      { write: 'set-effects', device: device.id, effects: ['await-ssh'] },
      { write: 'put-setting', key: 'names.next', value: String(number + 1) },
    ]);
    const { privateOpenssh } = await keys.forImage(device);
    const { id, name, address = '', macs, serials } = device;
    boards.push({ id, name, address, mac: macs[0] ?? '', serial: serials[0] ?? '', hostKey: privateOpenssh });
  }
  await store.close();
  return { boards, authorized: identity.ssh.publicLine };
}

/** As it is in the database; `number` counts from 1. */
export function boardAt(number: number): Device {
  const hex = number.toString(16).padStart(4, '0');
  const now = instant(Date.now());
  return {
    id: must(parseDeviceId(`d-00000000${hex}`)),
    name: must(parseHostname(`worker-kube${number}`)),
    ...{ addressing: 'reserved', address: must(parseIpv4(`10.77.0.${99 + number}`)) },
    macs: [must(parseMac(`dc:a6:32:00:${hex.slice(0, 2)}:${hex.slice(2)}`))],
    serials: [must(parseSerial(`10000000abcd${hex}`))],
    model: { model: 'pi4', final: true },
    disk: undefined,
    firstSeen: now,
    state: { name: 'starting' },
    since: now,
    deadline: after(now, minutes(15)),
  };
}
