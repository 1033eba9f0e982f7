/** Each board's SSH host key: made with its first image, the same for every later one. And its node password. */
import { randomBytes } from 'node:crypto';
import type { DeviceId } from '../../../config/values.ts';
import { generateSshKeyPair, type SshKeyPair } from '../../join/keys.ts';
import type { Device } from '../../lifecycle/device.ts';
import type { Store } from '../../store/store.ts';

export type HostKeys = {
  /** Made and committed at the first call; calls meanwhile get the same. */
  readonly forDevice: (device: Device) => Promise<SshKeyPair>;
  /** Undefined: none was made yet. */
  readonly stored: (device: Device) => SshKeyPair | undefined;
  readonly publicOf: (device: Device) => string | undefined;
  /** 32 hex digits; made and committed at the first call, the same for good. */
  readonly nodePassword: (device: Pick<Device, 'id'>) => Promise<string>;
};

const PRIVATE = 'ssh-host-key';
const PUBLIC = 'ssh-host-key.pub';
const PASSWORD = 'node-password';

export function hostKeys(store: Pick<Store, 'readBoardSecret' | 'commit'>): HostKeys {
  const publicOf = ({ id }: Device): string | undefined => store.readBoardSecret(id, PUBLIC);

  function stored(device: Device): SshKeyPair | undefined {
    const privateOpenssh = store.readBoardSecret(device.id, PRIVATE);
    const publicLine = publicOf(device);
    return privateOpenssh !== undefined && publicLine !== undefined ? { privateOpenssh, publicLine } : undefined;
  }

  /** Two images may be made at once: a second key would shut the first image out. */
  const underWay = new Map<DeviceId, Promise<SshKeyPair>>();

  async function forDevice(device: Device): Promise<SshKeyPair> {
    const known = stored(device) ?? underWay.get(device.id);
    if (known !== undefined) return await known;
    const making = make(device).finally(() => underWay.delete(device.id));
    underWay.set(device.id, making);
    return await making;
  }

  async function make(device: Device): Promise<SshKeyPair> {
    const made = generateSshKeyPair(device.name);
    await store.commit([
      { write: 'put-board-secret', device: device.id, key: PRIVATE, value: made.privateOpenssh },
      { write: 'put-board-secret', device: device.id, key: PUBLIC, value: made.publicLine },
    ]);
    return made;
  }

  const passwords = new Map<DeviceId, Promise<string>>();

  async function nodePassword({ id }: Pick<Device, 'id'>): Promise<string> {
    const known = store.readBoardSecret(id, PASSWORD) ?? passwords.get(id);
    if (known !== undefined) return await known;
    const value = randomBytes(16).toString('hex');
    const made = store
      .commit([{ write: 'put-board-secret', device: id, key: PASSWORD, value }])
      .then(() => value)
      .finally(() => passwords.delete(id));
    passwords.set(id, made);
    return await made;
  }

  return { forDevice, stored, publicOf, nodePassword };
}
