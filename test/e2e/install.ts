/**
 * The unattended install in emulated machines: from a blank disk, a join card or somebody's data to a Ready node, with U-Boot as
 * the firmware, a kernel and a system that nobody here wrote, the real daemon and a real control plane.
 */
import assert from 'node:assert/strict';
import { arm64BaseImage } from './install/base-image.ts';
import { makeInstallSite } from './install/site.ts';
import { timeInstallations } from './install/speed.ts';
import { stories } from './install/stories.ts';
import type { Check, Scenario } from './scenario.ts';

/** `BRAMBLE_E2E_INSTALL=netboot,kills` plays those stories only; `speed` is one, too. */
const wanted = process.env['BRAMBLE_E2E_INSTALL']?.split(',');

export const install: Scenario = async (check) => {
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  if (wanted === undefined || wanted.includes('speed')) await speed(check, say);
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

/** The goal of 30 s is for a machine that does nothing else; elsewhere it is only told. */
async function speed(check: Check, say: (line: string) => void): Promise<void> {
  await check('a blank disk: 256 MiB written, and read back as they should be', async () => {
    const [times] = await timeInstallations(1, say);
    assert.ok(times !== undefined);
    const [all, write] = [times.powerOnToRestart, times.writeAndVerify].map((seconds) => seconds.toFixed(1));
    say(`  ${write} s to write and verify them (goal on an idle machine: 30 s), ${all} s from power-on to restart`);
  });
}
