/** What happens to machines, each story with machines of its own. */
import type { Check } from '../scenario.ts';
import { joinCard } from './cards.ts';
import { cuts } from './cuts.ts';
import { foreignDisk } from './foreign-disk.ts';
import { netboot } from './netboot.ts';
import { pair } from './pair.ts';
import { reinstall } from './reinstall.ts';
import type { InstallSite } from './site.ts';

export type Story = (stage: {
  readonly site: InstallSite;
  readonly check: Check;
  readonly say: (line: string) => void;
}) => Promise<void>;

export const stories: Readonly<Record<string, Story>> = {
  netboot,
  card: joinCard,
  cuts,
  pair,
  foreign: foreignDisk,
  reinstall,
};
