/**
 * The unattended install in emulated machines: from a blank disk, a join card or somebody's data to a Ready node, with U-Boot as
 * the firmware, a kernel and a system that nobody here wrote, the real daemon and a real control plane.
 */
import { arm64BaseImage } from './install/base-image.ts';
import { makeInstallSite } from './install/site.ts';
import { stories } from './install/stories.ts';
import type { Scenario } from './scenario.ts';

/** `BRAMBLE_E2E_INSTALL=netboot,kills` plays those stories only. */
const wanted = process.env['BRAMBLE_E2E_INSTALL']?.split(',');

export const install: Scenario = async (check) => {
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  const site = await makeInstallSite(await arm64BaseImage(say), say);
  let failed = true;
  try {
    failed = false;
    for (const [name, story] of Object.entries(stories)) {
      if (wanted !== undefined && !wanted.includes(name)) continue;
      await story({
        site,
        say,
        check: (what, verify) =>
          check(what, async () => {
            try {
              await verify();
            } catch (error) {
              failed = true;
              throw error;
            }
          }),
      });
    }
  } catch (error) {
    failed = true;
    throw error;
  } finally {
    await site.close({ keep: failed });
  }
};
