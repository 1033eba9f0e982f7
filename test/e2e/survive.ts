/** What a master goes through in its years: it is killed at any moment, its disk is full, its card gives up. */
import type { Scenario } from './scenario.ts';
import { cable } from './survive/cable.ts';
import { disk } from './survive/disk.ts';
import { elsewhere } from './survive/elsewhere.ts';
import { kill } from './survive/kills.ts';
import type { Stage } from './survive/site.ts';

const stories: Readonly<Record<string, (stage: Stage) => Promise<void>>> = { disk, elsewhere, cable, kill };
/** `BRAMBLE_E2E_SURVIVE=disk` plays that story only. */
const wanted = process.env['BRAMBLE_E2E_SURVIVE']?.split(',');

export const survive: Scenario = async (check) => {
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  for (const [name, story] of Object.entries(stories)) {
    if (wanted !== undefined && !wanted.includes(name)) continue;
    say(`${name}:`);
    // One that breaks off does not take the others along.
    try {
      await story({ check, say });
    } catch (error) {
      await check(`${name} went to its end`, () => {
        throw error;
      });
    }
  }
};
