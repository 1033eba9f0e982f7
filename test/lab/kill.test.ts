/** SIGKILL in every state of a board: the daemon starts again and brings the board to its end, with nobody's help. */

import { join } from 'node:path';
import test from 'ava';
import Database from 'better-sqlite3';
import type { StateName } from '../../daemon/lifecycle/device.ts';
import { type Lab, type LabBoard, startLab } from './lab.ts';

const patience = (): AbortSignal => AbortSignal.timeout(240_000);

/** A board's way, and the states in which a kill may find it: short ones may be over before the signal arrives. */
const way: readonly StateName[] = [
  'seen',
  'booting',
  'reported',
  'accepted',
  'installing',
  'starting',
  'joining',
  'ready',
];

test('killed at each state of a board, one board after another', async (t) => {
  let aim: { readonly state: StateName; readonly shot: () => void } | undefined;
  const stop = new AbortController();
  const lab: Lab = await startLab({
    controlPlane: 'auto',
    signal: stop.signal,
    log: (line) => t.log(line),
    onEvent: ({ source, event }) => {
      if (source !== 'daemon' || event.to !== aim?.state) return;
      process.kill(lab.daemon.pid() ?? 0, 'SIGKILL');
      aim.shot();
      aim = undefined;
    },
  });
  t.teardown(async () => {
    if (!t.passed) t.log(await lab.daemon.lastLines());
    await lab.close();
  });

  const killAt = async (state: StateName, plug: () => Promise<LabBoard>): Promise<LabBoard> => {
    const killed = Promise.withResolvers<void>();
    aim = { state, shot: killed.resolve };
    const board = await plug();
    await killed.promise;
    await lab.daemon.stop('SIGKILL');
    const onDisk = lastStateOnDisk(lab);
    t.log(`aimed at ${state}, found ${onDisk} on disk`);
    if (state !== 'pending')
      t.true(way.indexOf(onDisk) >= way.indexOf(state), `${state} was told and ${onDisk} is on disk`);
    await lab.daemon.start();
    return board;
  };

  for (const state of way) {
    const board = await killAt(state, () => lab.plug({ model: 'pi4' }));
    await lab.until(() => board.state === 'ready', patience());
  }
  const foreign = await killAt('pending', () => lab.plug({ model: 'pi5', disk: 'foreign' }));
  await lab.until(() => foreign.state === 'pending', patience());
  await lab.daemon.client.act(foreign.name ?? '', 'accept', 'lab-test');
  await lab.until(() => foreign.state === 'ready', patience());

  const names = lab.boards.map(({ name }) => name);
  t.is(new Set(names).size, way.length + 1, names.join(' '));
  for (const board of lab.boards) {
    const { state } = await lab.daemon.client.describe(board.name ?? '');
    t.is(state, 'ready', board.name);
  }
});

/** Of the youngest board. The daemon is dead: this is what it will find. */
function lastStateOnDisk(lab: Lab): StateName {
  const database = new Database(join(lab.daemon.dataDirectory, 'bramble.db'), { readonly: true });
  try {
    const row = database
      .prepare<[], { state: StateName }>('SELECT state FROM devices ORDER BY first_seen DESC LIMIT 1')
      .get();
    if (row === undefined) throw new Error('no board on disk');
    return row.state;
  } finally {
    database.close();
  }
}
