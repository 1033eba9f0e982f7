import { instant } from '../../../config/values.ts';
import type { OwnKeys } from '../../../daemon/join/host-key.ts';
import { generateSshKeyPair, type SshKeyPair } from '../../../daemon/join/keys.ts';

/** One board's own host key, in memory (double). With a line it is pinned from the beginning. */
export function ownKeysDouble(line?: string) {
  let planned: SshKeyPair | undefined;
  let pinned = line;
  const told: string[] = [];
  const keys: OwnKeys = {
    pinned: () => pinned,
    plan: async ({ name }) => {
      told.push('plan');
      planned ??= generateSshKeyPair(name);
      return planned;
    },
    pin: async () => {
      told.push('pin');
      pinned = planned?.publicLine;
    },
  };
  return { keys, told, planned: () => planned, pinned: () => pinned };
}

/** A master whose clock cannot be wrong. */
export const anyTime = async () => instant(0);
