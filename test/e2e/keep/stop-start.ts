/** The whole cluster down and up again, in order, with power that can be switched. */
import assert from 'node:assert/strict';
import { failuresText } from '../../lab/page/fetches.ts';
import { monotonicNow } from '../../lab/page/reader.ts';
import { pageName } from '../../lab/page/workload.ts';
import { type Site, type Stage, withSite } from './site.ts';
import { appOf, isFenced, isReady, spreadOf } from './view.ts';

const workers = 3;
const batch = 2;
const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

/** When a board's system had ended, or it was switched. */
const firstOf = (site: Site, what: string, from: number): number =>
  site.happened.find((each) => each.at >= from && each.what === what)?.at ?? Number.NaN;

export async function stopStart(stage: Stage): Promise<void> {
  await withSite(stage, { workers, powerBatch: batch }, play);
}

async function play(site: Site): Promise<void> {
  const { admin, check, lab, say, strip, view } = site;
  const names = lab.boards.map(({ name }) => name ?? '').sort();
  await site.create(pageName, workers);
  await view.until('its Pods run', 60, () => view.pods().filter(isReady).length === workers);
  const reader = await site.expose(pageName);
  const before = JSON.stringify(spreadOf(view.pods()));
  const uids = view.pods().map(({ metadata }) => metadata.uid);
  // One that the owner took out of work himself stays out of it.
  const [own = ''] = names;
  await admin.call('PATCH', `/api/v1/nodes/${own}`, { body: { spec: { unschedulable: true } }, patch: 'merge' });

  const began = Date.now();
  await check('bramble shutdown --all --keep-master --yes ends with every worker off', async () => {
    const { code, stdout, stderr } = await site.bramble(['shutdown', '--all', '--keep-master', '--yes'], 300);
    assert.equal(code, 0, `${stdout}${stderr}`);
    assert.ok(lab.boards.every(({ hardware }) => !hardware.powered()));
    say(`  ${seconds(Date.now() - began)}`);
  });
  await check('each one halted by itself before its power went', () => {
    for (const name of names) {
      const off = strip.switchings.find((each) => each.name === name && each.power === 'off');
      assert.ok(off !== undefined, `${name} was not switched off`);
      const halted = firstOf(site, `${name} halted`, began);
      assert.ok(halted < off.at, `${name} halted at ${halted}, off at ${off.at}`);
      say(`  ${name}: halted after ${seconds(halted - began)}, off after ${seconds(off.at - began)}`);
    }
  });
  await check('nothing was held gone, and no Pod was moved', () => {
    assert.deepEqual(view.nodes().filter(isFenced), []);
    assert.deepEqual(
      view
        .pods()
        .map(({ metadata }) => metadata.uid)
        .sort(),
      uids.sort(),
    );
  });
  await check('the workers are stopped, and status says so', async () => {
    const { stdout } = await site.bramble(['status']);
    for (const name of names) assert.match(stdout, new RegExp(`${name}\\b.*stopped`));
  });

  const restarted = Date.now();
  await check('bramble startup: every worker Ready again', async () => {
    const { code, stdout, stderr } = await site.bramble(['startup'], 600);
    assert.equal(code, 0, `${stdout}${stderr}`);
    await view.until('Ready', 120, () => lab.boards.every(({ state }) => state === 'ready'));
    say(`  ${seconds(Date.now() - restarted)}`);
  });
  await check('only what bramble cordoned is uncordoned', () => {
    const cordoned = view.nodes().filter(({ spec }) => spec.unschedulable === true);
    assert.deepEqual(
      cordoned.map(({ metadata }) => metadata.name),
      [own],
    );
  });
  await check('the page is back, from all that had it', async () => {
    const from = monotonicNow();
    await view.until('its Pods run', 120, () => view.pods().filter(isReady).length === workers);
    await reader.until('the page', 60, ({ ok, at }) => ok && at > from);
    assert.ok(view.pods().every((pod) => appOf(pod) === pageName));
    say(`  ${before} before, ${JSON.stringify(spreadOf(view.pods()))} after`);
    say(`  after it came back ${failuresText(reader.fetches, from, monotonicNow())}`);
  });
  await check(`they were switched on at most ${batch} at a time`, () => {
    const ons = strip.switchings.filter(({ power, at }) => power === 'on' && at >= restarted);
    assert.deepEqual(ons.map(({ name }) => name).sort(), names);
    const readyBefore = (at: number): number =>
      names.filter((name) => firstOf(site, `${name} ready`, restarted) <= at).length;
    for (const [index, { at }] of ons.entries()) assert.ok(index - readyBefore(at) < batch, JSON.stringify(ons));
  });
}
