/**
 * Boards are drained, shut down and started over real SSH, in front of the real control plane; the daemon is killed in the middle.
 * What a board would do with its power (systemctl poweroff) is a stand-in: it writes that down, and takes the board off the network.
 */
import assert from 'node:assert/strict';
import { chmod, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { until } from '../support/until.ts';
import type { Expected, Site } from './join/site.ts';
import { openSite } from './join/site.ts';
import type { Check, Scenario } from './scenario.ts';

const count = 3;
const app = { app: 'web' };

export const power: Scenario = async (check) => {
  const site = await openSite('kubeadm');
  try {
    await standIns(site);
    const boards = await site.expect(count);
    await Promise.all(boards.map(({ switchOn }) => switchOn()));
    await site.ready(boards, 300);
    await drained(check, site, boards);
    await shutDown(check, site, boards);
    await started(check, site, boards);
  } finally {
    await site.close();
  }
};

const callsOf = async (site: Site, { address }: Expected): Promise<readonly string[]> =>
  (await readFile(join(site.folder, `calls-${address}`), 'utf8').catch(() => ''))
    .split('\n')
    .filter((line) => line !== '');

/** First in each board's PATH. */
async function standIns({ folder }: Site): Promise<void> {
  const note = `me=$(ip -4 -o address show eth0 | sed 's|.*inet \\([0-9.]*\\).*|\\1|'); echo "\${0##*/} $*" >> ${folder}/calls-$me`;
  const programs = {
    systemctl: `${note}\n[ "$1" != poweroff ] || exec ip link set eth0 down`,
    // The timer outlives the session.
    'systemd-run': `${note}\nsetsid sh -c 'sleep 2; systemctl poweroff' < /dev/null > /dev/null 2>&1 &`,
  };
  for (const [name, body] of Object.entries(programs)) {
    await writeFile(join(folder, 'bin', name), `#!/bin/sh\n${body}\n`);
    await chmod(join(folder, 'bin', name), 0o755);
  }
}

type Pod = {
  readonly metadata: { readonly name: string; readonly deletionTimestamp?: string };
  readonly spec: { readonly nodeName?: string };
  readonly status: { readonly phase: string };
};
type Node = {
  readonly metadata: { readonly name: string; readonly annotations?: Readonly<Record<string, string>> };
  readonly spec: { readonly unschedulable?: boolean };
};

async function listOf<T>(site: Site, path: string): Promise<readonly T[]> {
  const { body } = await site.api.call('GET', path);
  return (body as { readonly items: readonly T[] }).items;
}
const pods = (site: Site) => listOf<Pod>(site, '/api/v1/namespaces/default/pods?labelSelector=app%3Dweb');
const nodes = (site: Site) => listOf<Node>(site, '/api/v1/nodes');
const stateOf = async (site: Site, name: string) =>
  (await site.client().status()).devices.find((one) => one.name === name);
const places = async (site: Site): Promise<readonly string[]> =>
  (await pods(site)).flatMap(({ metadata, spec, status }) =>
    metadata.deletionTimestamp === undefined && status.phase === 'Running' ? [spec.nodeName ?? ''] : [],
  );

async function drained(check: Check, site: Site, [first]: readonly Expected[]): Promise<void> {
  if (first === undefined) throw new Error('no board');
  const { name } = first;
  const template = { metadata: { labels: app }, spec: { containers: [{ name: 'web', image: 'httpd' }] } };
  const deployment = {
    ...{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' } },
    spec: { replicas: 4, selector: { matchLabels: app }, template },
  };
  const budget = {
    ...{ apiVersion: 'policy/v1', kind: 'PodDisruptionBudget', metadata: { name: 'web' } },
    spec: { maxUnavailable: 1, selector: { matchLabels: app } },
  };
  await site.api.call('POST', '/apis/apps/v1/namespaces/default/deployments', { body: deployment });
  await site.api.call('POST', '/apis/policy/v1/namespaces/default/poddisruptionbudgets', { body: budget });
  await until('its pods run', 120, async () => (await places(site)).length === 4);
  await check(
    'a board is drained: its pods run elsewhere, one at a time as their budget says, and it gets no others',
    async () => {
      assert.ok((await places(site)).includes(name), 'there is something to drain');
      await site.client().drain(name, { by: 'anna', force: false, deleteData: false });
      let least = 4;
      await until('drained', 180, async () => {
        least = Math.min(least, (await places(site)).length);
        return (await stateOf(site, name))?.why.startsWith('drained') === true;
      });
      await until('all run', 60, async () => (await places(site)).length === 4);
      assert.ok(!(await places(site)).includes(name));
      assert.ok(least >= 3, `${least} ran at the least`);
      const node = (await nodes(site)).find(({ metadata }) => metadata.name === name);
      assert.equal(node?.spec.unschedulable, true);
      assert.match(node?.metadata.annotations?.['bramble.dev/cordoned-by'] ?? '', /anna/);
    },
  );
  await check('it works again on the owner’s word', async () => {
    await site.client().uncordon(name, { by: 'anna', force: false });
    await until(
      'it works',
      60,
      async () => (await stateOf(site, name))?.why === 'Node is Ready' && (await isFree(site)),
    );
  });
}

/** Nothing is left of us on any Node. */
const isFree = async (site: Site): Promise<boolean> =>
  (await nodes(site)).every(
    ({ metadata, spec }) =>
      spec.unschedulable !== true && metadata.annotations?.['bramble.dev/cordoned-by'] === undefined,
  );

async function shutDown(check: Check, site: Site, boards: readonly Expected[]): Promise<void> {
  await check('everything is shut down, though the daemon is killed in the middle, twice', async () => {
    const asked = { by: 'ups', all: true, boards: [], keepMaster: true, force: false, deleteData: false };
    await site.client().shutdown(asked);
    await site.kill();
    await site.start();
    await until('a board goes', 120, async () =>
      (await Promise.all(boards.map((board) => callsOf(site, board)))).some((calls) => calls.length > 0),
    );
    await site.kill();
    await site.start();
    await until('the boards are off', 300, async () => (await site.client().power()).run?.phase === 'down');
    for (const { name } of boards) assert.equal((await stateOf(site, name))?.state, 'stopped', name);
  });
  await check('each was told to stop before it was told to go, and no pod was sent away', async () => {
    for (const board of boards) {
      const calls = await callsOf(site, board);
      const [stop, off] = [calls.indexOf('systemctl stop kubelet'), calls.indexOf('systemctl poweroff')];
      assert.ok(stop !== -1 && off > stop, `${board.name}: ${calls.join(', ')}`);
    }
    assert.equal((await pods(site)).filter(({ metadata }) => metadata.deletionTimestamp === undefined).length, 4);
    assert.ok((await nodes(site)).every(({ spec }) => spec.unschedulable === true));
  });
}

async function started(check: Check, site: Site, boards: readonly Expected[]): Promise<void> {
  await check(
    'everything comes back, though the daemon is killed in the middle: nothing is left of the shutdown',
    async () => {
      await site.client().startup({ by: 'anna', boards: [] });
      await site.kill();
      await site.start();
      await until('it says what to switch on', 120, async () =>
        /switch on by hand: worker-kube1, /.test((await site.client().status()).master.advice.join('\n')),
      );
      for (const board of boards) {
        await board.host.exec(['ip', 'link', 'set', 'eth0', 'up']);
        await board.host.exec(['ip', 'route', 'add', 'default', 'via', '10.77.0.1']);
      }
      await site.ready(boards, 300);
      await until('it is over', 60, async () => (await site.client().power()).run === null);
      assert.ok(await isFree(site));
      assert.equal((await site.client().power()).last, `${count} of ${count} boards are back`);
      await until('the pods run', 120, async () => (await places(site)).length === 4);
    },
  );
}
