/** Somebody on the LAN has read a board's k3s token: k3s binds it to no name, so other locks have to hold. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { caHash } from '../../../daemon/join/index.ts';
import { until } from '../../support/until.ts';
import type { Check } from '../scenario.ts';
import { everyEvent } from './secrets.ts';
import type { Expected, Site } from './site.ts';
import { tokenOf } from './stolen-tokens.ts';
import type { Theft } from './thief/main.ts';

const program = fileURLToPath(new URL('./thief/main.ts', import.meta.url));
const address = '10.77.0.250';
const quarantine = 'bramble.dev/quarantine';

/** The numbers of the commands that fetch the first file and that start the agent. `ready`: a board that is. */
export async function k3sThieves(
  check: Check,
  site: Site,
  { fetching, start }: { readonly fetching: number; readonly start: number },
  ready: Expected,
): Promise<void> {
  const [victim, installing, started] = await site.expect(3);
  assert.ok(victim !== undefined && installing !== undefined && started !== undefined);
  const thief = await site.host('thief', { address: `${address}/24` });
  await victim.prepare({ command: start, how: 'hold' });
  await installing.prepare({ command: fetching, how: 'hold' });
  await started.prepare({ command: start, how: 'hold-after' });
  const boards = await Promise.all([victim, installing, started].map((one) => one.switchOn()));
  await Promise.all(boards.map((board) => board.wasCut()));
  const { id, secret } = await tokenOf(site, victim);
  const token = `K10${caHash(site.server.caPem)}::${id}.${secret}`;
  let thefts = 0;
  const steal = async (nodeName: string, labels: Theft['labels'] = {}, nodeAddress = address): Promise<string> => {
    thefts += 1;
    const theft: Theft = {
      ...{ server: site.server.server, token, nodeName, labels },
      ...{ nodePassword: 'ee'.repeat(16), nodeAddresses: [nodeAddress] },
    };
    const file = join(site.folder, `theft-${thefts}`);
    await writeFile(file, JSON.stringify(theft), { mode: 0o600 });
    return (await thief.exec([process.execPath, program, file], { deadlineMs: 60_000 })).stdout.trim();
  };
  const taintsOf = async (name: string): Promise<readonly string[] | undefined> => {
    const node = (await site.api.nodes()).find(({ metadata }) => metadata.name === name);
    return node && (node.spec?.taints?.map(({ key }) => key) ?? []);
  };
  const isTold = async (name: string): Promise<boolean> => {
    const { master } = await site.client().status();
    return master.advice.some((line) => line.includes(name));
  };
  const suspected = async (name: string): Promise<void> => {
    await until(`Node ${name} is in quarantine`, 60, async () => (await taintsOf(name))?.includes(quarantine) === true);
    await until('the owner is told in the status', 60, () => isTold(name));
    const told = await everyEvent(site);
    assert.ok(
      told.some(({ event, reason }) => event === 'node-suspected' && reason.includes(name)),
      `an event names ${name}`,
    );
  };

  await check('a stolen k3s token with the name of a board that is Ready: refused by its node password', async () => {
    assert.match(await steal(ready.name), /Node password rejected/);
    assert.deepEqual(await taintsOf(ready.name), []);
  });
  await check('with a new name: its Node is in quarantine and the owner is told', async () => {
    assert.equal(await steal('worker-thief1'), 'joined');
    await suspected('worker-thief1');
  });
  await check('with a new name and the label of the board it was stolen from: the same', async () => {
    assert.equal(await steal('worker-thief2', { 'bramble.dev/device': victim.id }), 'joined');
    await suspected('worker-thief2');
  });
  await check('with a new name and the address of a board that is Ready: the same', async () => {
    assert.equal(await steal('worker-thief3', {}, ready.address), 'joined');
    await suspected('worker-thief3');
  });
  await check(
    'with the name of a board that is joining, whatever it is doing and before it was there itself: refused by its node password',
    async () => {
      for (const { name, id } of [victim, installing, started]) {
        assert.match(await steal(name, { 'bramble.dev/device': id }), /Node password rejected/, name);
      }
      assert.equal(await taintsOf(victim.name), undefined, 'its agent has not started');
      assert.equal(await taintsOf(installing.name), undefined);
      for (const board of boards) await board.release();
      await site.ready([victim, installing, started], 300);
      // The third's last word was kept from us, so it was joined twice.
      for (const { name } of [victim, installing]) {
        const { events } = await site.client().describe(name);
        assert.ok(!events.some(({ event }) => event === 'join-failed'), `${name}: it cost no attempt`);
      }
    },
  );
  await check('and then it is of no use any more', async () => {
    // The API server remembers for ten seconds whom it has let in.
    const how = { as: `${id}.${secret}`, from: thief };
    const refused = async (): Promise<boolean> => (await site.api.call('GET', '/api/v1/nodes', how)).status === 401;
    await until('it is refused', 60, refused);
    assert.notEqual(await steal('worker-thief4'), 'joined');
    assert.equal(await taintsOf('worker-thief4'), undefined);
  });
}
