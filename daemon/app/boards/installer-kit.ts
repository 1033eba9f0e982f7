/** The initramfs that every board's installer is started from. */

import type { Problem, Result } from '../../../config/result.ts';
import type { Config } from '../../../config/schema.ts';
import { type Base, installerInitramfs, kitModules, readBusybox } from '../../../image-builder/index.ts';
import type { Log } from '../../ports.ts';
import { closing } from './base-shelf.ts';

export type InstallerKit = {
  /** The same bytes for every board. */
  readonly initramfs: () => Promise<Result<Uint8Array, Problem>>;
  /** What keeps boards from being installed, and what to do about it. */
  readonly advice: () => readonly string[];
};

export type InstallerKitDeps = {
  readonly config: Pick<Config, 'images'>;
  /** The base that boards netboot from, which is closed here; another one once the owner imported it. */
  readonly kit: () => Promise<Base | undefined>;
  readonly readBusybox?: typeof readBusybox;
  readonly log: Log;
};

export function installerKit(deps: InstallerKitDeps): InstallerKit {
  const { config, log } = deps;
  const names = config.images.modules;
  let kept: { readonly kit: string | undefined; readonly made: Promise<Result<Uint8Array, Problem>> } | undefined;
  let known: readonly string[] = [];

  async function make(kit: Base | undefined): Promise<Result<Uint8Array, Problem>> {
    const busybox = await (deps.readBusybox ?? readBusybox)();
    if (!busybox.ok) {
      // Asked again at the next boot: the owner may have mended it.
      kept = undefined;
      tell([busybox.error]);
      return busybox;
    }
    // Without a kit no board gets this far.
    const { modules, problems } = kit === undefined ? { modules: [], problems: [] } : await kitModules(kit, names);
    tell(problems);
    return { ok: true, value: await installerInitramfs({ busybox: busybox.value, modules }) };
  }

  /** Once each: all boards ask. */
  function tell(problems: readonly Problem[]): void {
    for (const problem of problems)
      if (!known.includes(problem.detail)) log.error('boards cannot be installed', { ...problem });
    known = problems.map(({ detail }) => detail);
  }

  return {
    initramfs: async () => {
      const kit = names.length === 0 ? undefined : await deps.kit();
      if (kept === undefined || kept.kit !== kit?.id) kept = { kit: kit?.id, made: make(kit) };
      const { made } = kept;
      return await (kit === undefined ? made : closing(kit, async () => await made));
    },
    advice: () => known,
  };
}
