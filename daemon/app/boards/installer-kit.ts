/** The initramfs that every board's installer is started from. */
import type { Problem, Result } from '../../../config/result.ts';
import { installerInitramfs, readBusybox } from '../../../image-builder/index.ts';
import type { Log } from '../../ports.ts';

export type InstallerKit = {
  /** The same bytes for every board. */
  readonly initramfs: () => Promise<Result<Uint8Array, Problem>>;
  /** What keeps boards from being installed, and what to do about it. */
  readonly advice: () => readonly string[];
};

export function installerKit({ log }: { readonly log: Log }): InstallerKit {
  let made: Promise<Result<Uint8Array, Problem>> | undefined;
  let advice: readonly string[] = [];

  async function make(): Promise<Result<Uint8Array, Problem>> {
    const busybox = await readBusybox();
    if (busybox.ok) {
      advice = [];
      return { ok: true, value: await installerInitramfs({ busybox: busybox.value }) };
    }
    // Asked again at the next boot: the owner may have mended it.
    made = undefined;
    if (!advice.includes(busybox.error.detail)) log.error('boards cannot be installed', { ...busybox.error });
    advice = [busybox.error.detail];
    return busybox;
  }

  return {
    initramfs: () => {
      made ??= make();
      return made;
    },
    advice: () => advice,
  };
}
