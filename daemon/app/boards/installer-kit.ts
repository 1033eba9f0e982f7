/** The initramfs that every board's installer is started from. */

import { ok, type Problem, type Result } from '../../../config/result.ts';
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

type Made = { readonly made: Result<Uint8Array, Problem>; readonly isFinal: boolean };
/** `kit`: of one that was opened; another one if the same base was imported again. */
type Kept = { readonly kit: Base['source'] | undefined; readonly made: Promise<Made['made']> };

export function installerKit(deps: InstallerKitDeps): InstallerKit {
  const { config, log } = deps;
  const names = config.images.modules;
  let kept: Kept | undefined;
  let known: readonly string[] = [];

  function begin(kit: Base | undefined): Kept {
    const begun: Kept = {
      kit: kit?.source,
      made: make(kit).then(
        ({ made, isFinal }) => {
          if (!isFinal) forget();
          return made;
        },
        (error: unknown) => {
          forget();
          throw error;
        },
      ),
    };
    // Tried again at the next boot: the owner may have mended it.
    const forget = (): void => {
      if (kept === begun) kept = undefined;
    };
    return begun;
  }

  async function make(kit: Base | undefined): Promise<Made> {
    const busybox = await (deps.readBusybox ?? readBusybox)();
    if (!busybox.ok) {
      tell([busybox.error]);
      return { made: busybox, isFinal: false };
    }
    // Without a kit no board gets this far.
    const { modules, problems } = kit === undefined ? { modules: [], problems: [] } : await kitModules(kit, names);
    tell(problems);
    const made = ok(await installerInitramfs({ busybox: busybox.value, modules }));
    // What a base does not have it never gets: to unpack it anew at each boot, for seconds, would help nobody.
    return { made, isFinal: problems.every(({ code }) => code === 'MODULE_NOT_FOUND') };
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
      if (kept === undefined || kept.kit !== kit?.source) kept = begin(kit);
      const { made } = kept;
      return await (kit === undefined ? made : closing(kit, async () => await made));
    },
    advice: () => known,
  };
}
