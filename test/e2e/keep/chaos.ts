/**
 * Boards are pulled, plugged, cordoned and uncordoned, and applications scaled, 200 times at random on the real scheduler, while
 * balance does its work at twenty times the pace. The kubelets are stand-ins, and so is failover: a pulled board is fenced by
 * hand. At the end all is even, nothing went round in circles, and it is quiet.
 */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Gate } from '../../../daemon/cluster/gate.ts';
import type { ApiClient } from '../../lab/control-plane/api-client.ts';
import { findAssets } from '../../lab/control-plane/start.ts';
import {
  type BalanceSite,
  type DaemonNow,
  isReady,
  readyByNode,
  startBalanceSite,
  until,
} from '../../support/balance-site.ts';
import { createRandomDouble } from '../../support/doubles.ts';
import type { Check } from '../scenario.ts';

const boards = Array.from({ length: 8 }, (_, index) => `worker-kube${index + 1}`);
/** How many replicas each begins with; those of one stay so, and surge. */
const applications = [1, 1, 1, 1, 2, 3, 4, 6, 8, 12].map((replicas, index) => ({ name: `app-${index}`, replicas }));
const steps = 200;
const pace = 20;
const cooldownMs = (5 * 60_000) / pace;
const fence = { key: 'bramble.dev/unreachable', value: '', effect: 'NoExecute' };
/** So many boards are there for work at least. */
const least = 4;

type Rack = { readonly away: Set<string>; readonly cordoned: Set<string>; readonly wanted: Map<string, number> };

export async function chaos({ check, say }: { readonly check: Check; readonly say: (line: string) => void }) {
  const assets = await findAssets();
  if (assets === undefined) throw new Error('there is no control plane: run .ci/control-plane');
  const seed = Number(process.env['BRAMBLE_SEED'] ?? randomInt(2 ** 31));
  say(`seed ${seed} (BRAMBLE_SEED plays it again)`);
  const site = await startBalanceSite(assets);
  try {
    for (const name of boards) await site.boards.add(name);
    for (const { name, replicas } of applications) await site.deploy(name, replicas);
    const all = applications.reduce((sum, { replicas }) => sum + replicas, 0);
    await until(site.pods, (pods) => pods.filter(isReady).length === all, 120_000);
    const asked = { evictions: 0, surges: 0 };
    const daemon = site.daemon({ pace, around: (gate) => counting(gate, asked) });
    await daemon.log.when('balance sees the cluster');
    const wanted = new Map(applications.map(({ name, replicas }) => [name, replicas]));
    const rack: Rack = { away: new Set(), cordoned: new Set(), wanted };
    const done = await makeTrouble(site, rack, seed);
    say(
      `${steps} steps: ${Object.entries(done)
        .map(([what, count]) => `${count} ${what}`)
        .join(', ')}`,
    );
    for (const name of [...rack.away]) await plug(site, rack, name);
    for (const name of [...rack.cordoned]) await cordon(site.api, rack, name, false);
    const calmAt = performance.now();
    await judge({ check, say }, site, daemon, rack, calmAt);
    say(`${asked.evictions} evictions, ${asked.surges} surges`);
    await check(`there were no more moves than three for each step`, () => {
      assert.ok(asked.evictions + asked.surges > 0, 'nothing was ever moved');
      assert.ok(asked.evictions + asked.surges <= 3 * steps, JSON.stringify(asked));
    });
  } finally {
    await site.close();
  }
}

const counting = (gate: Gate, asked: { evictions: number; surges: number }): Gate => ({
  ...gate,
  evict: async (pod, signal) => {
    const end = await gate.evict(pod, signal);
    if (end.ok) asked.evictions += 1;
    return end;
  },
  scale: async (deployment, from, to, note, signal) => {
    if (to > from) asked.surges += 1;
    return await gate.scale(deployment, from, to, note, signal);
  },
});

async function makeTrouble(site: BalanceSite, rack: Rack, seed: number): Promise<Readonly<Record<string, number>>> {
  const random = createRandomDouble(seed);
  const below = (count: number): number => (random.bytes(2)[0] ?? 0) % count;
  const one = (names: readonly string[]): string => names[below(names.length)] ?? '';
  const done: Record<string, number> = {};
  for (let step = 0; step < steps; step++) {
    const usable = boards.filter((name) => !rack.away.has(name) && !rack.cordoned.has(name));
    const roomy = usable.length > least;
    const possible: readonly (readonly [string, () => Promise<void>])[] = [
      ...(roomy ? ([['pulled', () => pull(site, rack, one(usable))]] as const) : []),
      ...(roomy ? ([['cordoned', () => cordon(site.api, rack, one(usable), true)]] as const) : []),
      ...(rack.away.size > 0 ? ([['plugged', () => plug(site, rack, one([...rack.away]))]] as const) : []),
      ...(rack.cordoned.size > 0
        ? ([['uncordoned', () => cordon(site.api, rack, one([...rack.cordoned]), false)]] as const)
        : []),
      ['scaled', () => scale(site.api, rack, one(applications.slice(4).map(({ name }) => name)), 2 + below(11))],
    ];
    const [what, act] = possible[below(possible.length)] ?? ['nothing', async () => undefined];
    await act();
    done[what] = (done[what] ?? 0) + 1;
    await delay(100 + below(256) * 6);
  }
  return done;
}

async function pull({ boards: kubelets, api }: BalanceSite, { away }: Rack, name: string): Promise<void> {
  away.add(name);
  kubelets.pull(name);
  await taint(api, name, (taints) => [...taints, fence]);
}
async function plug({ boards: kubelets, api }: BalanceSite, { away }: Rack, name: string): Promise<void> {
  away.delete(name);
  await kubelets.plug(name);
  await taint(api, name, (taints) => taints.filter(({ key }) => key !== fence.key));
}

type Taints = readonly { readonly key: string; readonly value?: string; readonly effect: string }[];
async function taint(api: ApiClient, name: string, change: (taints: Taints) => Taints): Promise<void> {
  const path = `/api/v1/nodes/${name}`;
  for (let attempt = 0; ; attempt++) {
    const { spec, metadata } = await api.call<{ spec: { taints?: Taints } }>('GET', path);
    const { resourceVersion } = metadata;
    const body = {
      metadata: { ...(resourceVersion && { resourceVersion }) },
      spec: { taints: change(spec.taints ?? []) },
    };
    try {
      await api.call('PATCH', path, { body, patch: 'merge' });
      return;
    } catch (error) {
      if (attempt === 10) throw error;
    }
  }
}

async function cordon(api: ApiClient, { cordoned }: Rack, name: string, unschedulable: boolean): Promise<void> {
  if (unschedulable) cordoned.add(name);
  else cordoned.delete(name);
  await api.call('PATCH', `/api/v1/nodes/${name}`, { body: { spec: { unschedulable } }, patch: 'merge' });
}
async function scale(api: ApiClient, { wanted }: Rack, name: string, replicas: number): Promise<void> {
  wanted.set(name, replicas);
  const path = `/apis/apps/v1/namespaces/default/deployments/${name}/scale`;
  await api.call('PATCH', path, { body: { spec: { replicas } }, patch: 'merge' });
}

async function judge(
  { check, say }: { readonly check: Check; readonly say: (line: string) => void },
  site: BalanceSite,
  daemon: DaemonNow,
  rack: Rack,
  calmAt: number,
): Promise<void> {
  const spreads = async () => {
    const pods = await site.pods();
    return applications.map(({ name }) => {
      const own = pods.filter(({ metadata }) => metadata.labels?.['app'] === name);
      const counts = readyByNode(own);
      return { name, wanted: rack.wanted.get(name) ?? 0, of: own.length, counts };
    });
  };
  const isEven = ({ counts, wanted, of }: Awaited<ReturnType<typeof spreads>>[number]): boolean => {
    const each = boards.map((board) => counts[board] ?? 0);
    const sum = each.reduce((a, b) => a + b, 0);
    return sum === wanted && of === wanted && Math.max(...each) - Math.min(...each) <= 1;
  };
  await check('it ends even: of each application, no board has two pods more than another', async () => {
    await until(spreads, (seen) => seen.every(isEven), 240_000);
    await until(
      async () => daemon.desk.api.balance(),
      ({ state }) => state === 'idle',
      240_000,
    );
    const pods = readyByNode(await site.pods());
    say(
      `even ${((performance.now() - calmAt) / 1000).toFixed(0)} s after the last step; pods by board: ${boards.map((name) => pods[name] ?? 0).join(' ')}`,
    );
  });
  await check('then it is quiet: nothing moves for two cool-downs more', async () => {
    const moves = () => daemon.stamped.filter(({ message }) => message === 'a move begins').length;
    const before = moves();
    await delay(2 * cooldownMs);
    assert.equal(moves(), before);
  });
  const begins = daemon.stamped.filter(({ message }) => message === 'a move begins');
  const ends = daemon.stamped.filter(
    ({ message }) => message === 'a move has ended' || message === 'a move came to nothing',
  );
  await check('never two moves of one application at the same time', () => {
    const open = new Map<unknown, unknown>();
    for (const { message, fields } of daemon.stamped) {
      if (message === 'a move begins') {
        assert.equal(open.get(fields['title']), undefined, String(fields['title']));
        open.set(fields['title'], fields['pod']);
      } else if (ends.some((end) => end.fields === fields)) open.delete(fields['title']);
    }
  });
  await check(
    'nothing goes round: nobody is taken off a board that he was just put on, nor put back, within a cool-down',
    () => {
      const landed = ends.filter(({ fields }) => fields['end'] === 'landed');
      assert.ok(landed.length > 0);
      for (const { at, fields } of begins) {
        const same = landed.filter(
          (end) => end.fields['title'] === fields['title'] && at > end.at && at - end.at < cooldownMs * 0.9,
        );
        for (const end of same) {
          const node = String(end.fields['said']).replace('moved to ', '');
          assert.notEqual(
            fields['from'],
            node,
            `${fields['title']} was put on ${node} ${Math.round(at - end.at)} ms before`,
          );
          assert.notEqual(fields['to'], end.fields['from'], `${fields['title']} goes back to ${end.fields['from']}`);
        }
      }
    },
  );
  const count = (how: string): number => ends.filter(({ fields }) => fields['end'] === how).length;
  say(`${begins.length} moves: ${count('landed')} landed, ${count('overtaken')} overtaken, ${count('missed')} missed`);
}
