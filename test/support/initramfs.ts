/** The initramfs that the daemon makes, with the busybox that `.ci/setup` has fetched. */
import { must } from '../../config/result.ts';
import { installerInitramfs, readBusybox } from '../../image-builder/index.ts';

export const madeInitramfs = async (): Promise<Uint8Array> =>
  await installerInitramfs({ busybox: must(await readBusybox()) });
