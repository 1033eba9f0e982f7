/** A rack over hours, with lost packets, cables that are pulled, switches that restart, and an API server that goes away. */
import test from 'ava';
import fc from 'fast-check';
import { seconds } from '../../../../config/values.ts';
import { createRackDouble, type RackDouble } from './rack-double.ts';

/** The same numbers for the same seed (mulberry32). */
function numbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Since when each board is off, and what never may be. Looks each second. */
function watchRack(rack: RackDouble, limit: number) {
  const offSince = new Map<string, number>();
  const wrongs: string[] = [];
  let most = 0;
  let before: readonly string[] = [];
  return {
    wrongs,
    most: () => most,
    look: (): void => {
      const { second } = rack.world;
      for (const name of rack.names) {
        if (rack.isOn(name)) offSince.delete(name);
        else if (!offSince.has(name)) offSince.set(name, second);
      }
      const fenced = rack.fenced();
      most = Math.max(most, fenced.length);
      if (fenced.length > limit) wrongs.push(`${second}: ${fenced.length} are fenced`);
      for (const name of fenced.filter((one) => !before.includes(one))) {
        if (second < 60) wrongs.push(`${second}: ${name} in the first minute`);
        const off = offSince.get(name);
        if (off === undefined) wrongs.push(`${second}: ${name} is there`);
        else if (second - off < 3) wrongs.push(`${second}: ${name} after ${second - off} s`);
      }
      before = fenced;
    },
  };
}

test('hours of a rack with lost packets: nobody who is there is fenced, whoever is alone away is, and all come back', async (t) => {
  const seed = Math.floor(Math.random() * 2 ** 32);
  t.log(`seed ${seed}`);
  const chance = numbers(seed);
  const rack = createRackDouble({ boards: 10, chance, loss: 0.02 });
  const { kill } = rack.start();
  t.teardown(kill);
  const watch = watchRack(rack, 2);
  await rack.run(seconds(90), watch.look);
  for (let round = 0; round < 25; round += 1) {
    const victim = rack.names[Math.floor(chance() * rack.names.length)] ?? '';
    rack.cables.delete(victim);
    await rack.run(seconds(30), watch.look);
    t.deepEqual(rack.fenced(), [victim], `round ${round}, seed ${seed}`);
    rack.cables.add(victim);
    // Lost packets, too, make it look unsteady; and a flapping one has to be well for longer.
    for (let second = 0; second < 1800 && rack.fenced().length > 0; second += 5) await rack.run(seconds(5), watch.look);
    t.deepEqual(rack.fenced(), [], `round ${round}, seed ${seed}`);
  }
  t.deepEqual(watch.wrongs, [], `seed ${seed}`);
  t.is(watch.most(), 1);
});

const events = fc.array(
  fc.record({
    what: fc.constantFrom(
      'pull',
      'pull',
      'pull',
      'plug',
      'switch',
      'all-plugged',
      'all-plugged',
      'link',
      'api',
      'restart',
    ),
    board: fc.nat({ max: 9 }),
    wait: fc.integer({ min: 1, max: 60 }),
  }),
  { minLength: 1, maxLength: 25 },
);

test('any story: never more than the limit, never one that is there, and in the end everybody is in', async (t) => {
  let fencings = 0;
  await fc.assert(
    fc.asyncProperty(events, fc.nat(), async (story, seed) => {
      const rack = createRackDouble({ boards: 10, chance: numbers(seed), loss: 0.02 });
      let daemon = rack.start();
      let { second: started } = rack.world;
      const watch = watchRack(rack, 2);
      await rack.run(seconds(70), watch.look);
      for (const { what, board, wait } of story) {
        const name = rack.names[board] ?? '';
        if (what === 'pull') rack.cables.delete(name);
        if (what === 'plug') rack.cables.add(name);
        if (what === 'switch') for (const one of rack.names.slice(board)) rack.cables.delete(one);
        if (what === 'all-plugged') for (const one of rack.names) rack.cables.add(one);
        rack.world.link = what === 'link' ? 'down' : 'up';
        rack.world.isApiUp = what !== 'api';
        if (what === 'restart') {
          await daemon.kill();
          daemon = rack.start();
          started = rack.world.second;
        }
        const before = rack.fenced();
        await rack.run(seconds(wait), watch.look);
        const isBlind = rack.world.link === 'down' || rack.world.second - started < 60;
        const news = rack.fenced().filter((one) => !before.includes(one));
        fencings += news.length;
        if (isBlind && news.length > 0) watch.wrongs.push(`${news.join()} fenced blindly`);
      }
      Object.assign(rack.world, { link: 'up', isApiUp: true });
      for (const one of rack.names) rack.cables.add(one);
      await rack.run(seconds(900), watch.look);
      await daemon.kill();
      return watch.wrongs.length === 0 && rack.fenced().length === 0;
    }),
    { numRuns: 30 },
  );
  t.log(`${fencings} Nodes were fenced on the way`);
  t.true(fencings > 0);
});
