/** The last words of installers that failed, for `bramble describe`. In memory, and bounded: anybody may fail often. */
import type { DeviceId } from '../../../config/values.ts';

export type InstallerLogs = {
  readonly keep: (id: DeviceId, text: string) => void;
  /** Oldest line first; empty if nothing failed. */
  readonly of: (id: DeviceId) => readonly string[];
  readonly forget: (id: DeviceId) => void;
};

const MOST_BOARDS = 64;
const MOST_CHARACTERS = 16 * 1024;

export function createInstallerLogs(): InstallerLogs {
  const logs = new Map<DeviceId, readonly string[]>();
  return {
    keep: (id, text) => {
      logs.delete(id);
      const [oldest] = logs.keys();
      if (logs.size >= MOST_BOARDS && oldest !== undefined) logs.delete(oldest);
      logs.set(id, lines(text));
    },
    of: (id) => logs.get(id) ?? [],
    forget: (id) => void logs.delete(id),
  };
}

/** It comes from a board and is shown in a terminal. */
const lines = (text: string): readonly string[] =>
  text
    .slice(-MOST_CHARACTERS)
    .split('\n')
    .map((line) => line.replace(/\p{C}+/gu, ' ').trim())
    .filter((line) => line !== '');
