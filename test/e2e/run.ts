/** `npm run e2e [-- NAME]`: the long scenarios. */
import { clients } from './clients.ts';
import { fuzz } from './fuzz.ts';
import { fuzzLimited } from './fuzz-limited.ts';
import { install } from './install.ts';
import { joinAttacks } from './join.ts';
import { joinK3s } from './join-k3s.ts';
import { joinKubelet } from './join-kubelet.ts';
import { chaos } from './keep/chaos.ts';
import { keep } from './keep.ts';
import { mainJob } from './main-job.ts';
import { namedPackages } from './named-packages.ts';
import { networks } from './networks.ts';
import { packageArm64 } from './package/arm64.ts';
import { packageLife } from './package/life.ts';
import { debianPackage } from './package.ts';
import { power } from './power.ts';
import { type Check, play } from './scenario.ts';
import { starvation } from './starvation.ts';
import { survive } from './survive.ts';

const say = (line: string): void => void process.stdout.write(`${line}\n`);
const scenarios = {
  'main-job': mainJob,
  'named-packages': namedPackages,
  networks,
  clients,
  install,
  k3s: joinK3s,
  join: joinAttacks,
  kubelet: joinKubelet,
  keep,
  power,
  package: async (check: Check) => {
    await debianPackage(check);
    await packageLife(check);
    await packageArm64(check);
  },
  fuzz,
  'fuzz-limited': fuzzLimited,
  starvation,
  survive,
  chaos: (check: Check) => chaos({ check, say }),
};
const names = process.argv.slice(2);
const unknown = names.filter((name) => !Object.hasOwn(scenarios, name));
if (unknown.length > 0) {
  process.stderr.write(`no scenario ${unknown.join(', ')}; there is ${Object.keys(scenarios).join(', ')}\n`);
  process.exit(64);
}
let worst = 0;
for (const [name, scenario] of Object.entries(scenarios)) {
  if (names.length > 0 && !names.includes(name)) continue;
  process.stdout.write(`${name}:\n`);
  worst = Math.max(worst, await play(scenario));
}
process.exit(worst);
