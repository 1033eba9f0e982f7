/**
 * One board for each command of a join, each with its connection lost at another one; and as many that are each in the middle of
 * another one when the daemon is killed. All of them are Ready in the end.
 */
import assert from 'node:assert/strict';
import type { Check } from '../scenario.ts';
import type { Board, Cut } from './board.ts';
import type { Expected, Site } from './site.ts';

/** On this machine beside other work; nobody waits that long for one that goes wrong for good. */
const patience = 300;

export type Chance = () => number;

export type FirstBoard = { readonly ready: Expected; readonly commands: readonly string[] };

/** A join that nobody disturbs; without it there is nothing to attack. */
export async function firstBoard(check: Check, site: Site): Promise<FirstBoard> {
  // Where there are no tokens the cluster comes with its first board.
  const boards = await site.expect(site.usesTokens ? 1 : 2);
  const ready = boards.at(-1);
  assert.ok(ready !== undefined);
  let commands: readonly string[] = [];
  await check('a board joins, and each command that it is given is known', async () => {
    const there = await Promise.all(boards.map(({ switchOn }) => switchOn()));
    await site.ready(boards, patience);
    commands = (await there.at(-1)?.commands()) ?? [];
  });
  assert.ok(commands.length > 0, 'no board joins');
  return { ready, commands };
}

/** Which of them it is, counted from 1: the `nth` that is like this. */
export function numberOf(commands: readonly string[], pattern: RegExp, nth = 1): number {
  const [at] = commands.flatMap((command, index) => (pattern.test(command) ? [index + 1] : [])).slice(nth - 1);
  assert.ok(at !== undefined, `no command is like ${pattern}`);
  return at;
}

/** `all`: each way to lose a connection at each command, otherwise one of them, by chance. */
export async function eachStep(
  check: Check,
  site: Site,
  commands: readonly string[],
  { chance, all }: { readonly chance: Chance; readonly all: boolean },
): Promise<void> {
  const cuts = (ways: readonly Cut[]): readonly (readonly [number, Cut])[] =>
    commands.flatMap((_, index) => {
      const chosen = all ? ways : [ways[Math.floor(chance() * ways.length)] ?? 'during'];
      return chosen.map((way): readonly [number, Cut] => [index + 1, way]);
    });

  await check('the connection is lost at each of them: before, while or after it is done', async () => {
    const { expected, seconds } = await cutEach(site, cuts(['before', 'during', 'after']), async () => undefined);
    await sound(site, expected);
    say(`${expected.length} boards, each cut at another place: Ready after ${seconds} s`);
  });
  await check('the daemon is killed while each of them is being done', async () => {
    const places = cuts(['hold', 'hold-after']);
    const { expected, seconds } = await cutEach(site, places, async (boards) => {
      const tokens = site.usesTokens ? (await site.api.tokensNow()).length : 1;
      await site.kill();
      assert.ok(tokens > 0, 'some hold a token at that moment');
      // They go on with what they were told; nobody hears of it.
      for (const board of boards) await board.release();
      await site.start();
    });
    await sound(site, expected);
    say(
      `${expected.length} boards in the middle of ${commands.length} commands, killed at once: Ready after ${seconds} s`,
    );
  });
}

async function cutEach(
  site: Site,
  places: readonly (readonly [number, Cut])[],
  then: (boards: readonly Board[]) => Promise<void>,
): Promise<{ readonly expected: readonly Expected[]; readonly seconds: number }> {
  const expected = await site.expect(places.length);
  const begun = performance.now();
  const boards = await Promise.all(
    expected.map(async ({ prepare, switchOn }, index) => {
      const [command = 0, how = 'before'] = places[index] ?? [];
      await prepare({ command, how });
      return switchOn();
    }),
  );
  await Promise.all(boards.map((board) => board.wasCut()));
  await then(boards);
  await site.ready(expected, patience);
  return { expected, seconds: Math.round((performance.now() - begun) / 1000) };
}

/** What the cluster has of them: a Node each, of its own, fit for work; and nothing else. */
export async function sound(site: Site, expected: readonly Expected[]): Promise<void> {
  const nodes = await site.api.nodes();
  for (const { name, address, id } of expected) {
    const nodeName = site.usesTokens ? name : address;
    const node = nodes.find(({ metadata }) => metadata.name === nodeName);
    assert.equal(node?.metadata.labels?.['bramble.dev/device'], id, `${name} has its Node`);
    const taints = node?.spec?.taints?.map(({ key }) => key) ?? [];
    assert.ok(!taints.includes('bramble.dev/quarantine'), `${name} is out of quarantine`);
  }
  if (site.usesTokens) assert.deepEqual(await site.api.tokensNow(), [], 'no token is left');
}

export const say = (line: string): void => void process.stdout.write(`  ${line}\n`);
