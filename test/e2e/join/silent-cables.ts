/**
 * The cable is pulled without anybody being told: no carrier is lost, nothing is refused, packets are just gone. Once in the middle
 * of each command of a join, for longer than the daemon takes to notice; then it is back.
 */
import assert from 'node:assert/strict';
import type { Host } from '../../support/netns.ts';
import { until } from '../../support/until.ts';
import type { Check } from '../scenario.ts';
import { say, sound } from './each-step.ts';
import type { Site } from './site.ts';

/** Three keepalives of five seconds, and one that is on its way (ssh-connection.ts); on a machine that is busy. */
const noticed = 90;

async function setCable(host: Host, cable: 'in' | 'out'): Promise<void> {
  const does = cable === 'out' ? '-A' : '-D';
  for (const [chain, way] of [
    ['INPUT', '-i'],
    ['OUTPUT', '-o'],
  ] as const) {
    const { code, stderr } = await host.exec(['iptables', does, chain, way, 'eth0', '-j', 'DROP']);
    assert.equal(code, 0, stderr);
  }
}

export async function silentCables(check: Check, site: Site, commands: readonly string[]): Promise<void> {
  const all = await site.expect(commands.length + 1);
  const [bystander, ...pulled] = all;
  assert.ok(bystander !== undefined);
  const boards = await Promise.all(
    pulled.map(async ({ prepare, switchOn }, index) => {
      await prepare({ command: index + 1, how: 'hold' });
      return switchOn();
    }),
  );
  await Promise.all(boards.map((board) => board.wasCut()));
  /** The addresses to which the daemon still has a connection. */
  const connected = async (): Promise<readonly string[]> => {
    const { stdout } = await site.master.exec(['ss', '-Htn', 'state', 'established', '( dport = :22 )']);
    return boards.flatMap(({ address }) => (stdout.includes(`${address}:22`) ? [address] : []));
  };

  await check(
    'the cable is silently pulled in the middle of each command: no session outlives it for long',
    async () => {
      assert.equal((await connected()).length, boards.length, 'each is in the middle of its command');
      await Promise.all(boards.map(({ host }) => setCable(host, 'out')));
      const since = performance.now();
      // What was begun on the board goes on there.
      for (const board of boards) await board.release();
      await until('every session is given up', noticed, async () => (await connected()).length === 0);
      say(`${boards.length} boards: given up within ${Math.round((performance.now() - since) / 1000)} s`);
    },
  );
  await check('meanwhile another board joins', async () => {
    await bystander.switchOn();
    await site.ready([bystander], 120);
  });
  await check('once the cable is back, each of them becomes Ready, and nothing is left behind', async () => {
    await Promise.all(boards.map(({ host }) => setCable(host, 'in')));
    const since = performance.now();
    await site.ready(pulled, 300);
    say(`Ready ${Math.round((performance.now() - since) / 1000)} s after the cables were back`);
    await sound(site, all);
  });
}
