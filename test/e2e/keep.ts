/**
 * The article's own examples on the real control plane, measured where its reader looks: at the page, which comes from real web
 * servers through real kube-proxy.
 */
import { onlyByName, stories } from './keep/stories.ts';
import type { Scenario } from './scenario.ts';

/** `BRAMBLE_E2E_KEEP=page,two` plays those stories only. */
const wanted = process.env['BRAMBLE_E2E_KEEP']?.split(',');

export const keep: Scenario = async (check) => {
  const say = (line: string): void => void process.stdout.write(`${line}\n`);
  const all = wanted === undefined ? stories : { ...stories, ...onlyByName };
  for (const [name, story] of Object.entries(all)) {
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
