/** SIGKILL at any moment, again and again, while boards boot: what was promised is on the disk, and nothing twice. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { wants } from '../../../daemon/lifecycle/wants.ts';
import { createReader } from '../../../daemon/store/reader.ts';
import { walDamage } from '../../../daemon/store/wal.ts';
import { launcher } from '../../support/daemon.ts';
import { offers, type Stage, site } from './site.ts';

/** `BRAMBLE_SURVIVE_KILLS=50` is a look at it. */
const kills = Number(process.env['BRAMBLE_SURVIVE_KILLS'] ?? 1000);
const servedFor = 300;
const up = /"service is up","service":"dhcp"/;
const main = fileURLToPath(new URL('../../../daemon/main.ts', import.meta.url));

export async function kill({ check, say }: Stage): Promise<void> {
  const place = await site();
  try {
    const begun = performance.now();
    const first = await place.start();
    const longest = performance.now() - begun;
    process.kill(first.program.pid, 'SIGKILL');
    await first.program.exited;
    // What it costs to read the source again and again is none of this story.
    const env = { NODE_COMPILE_CACHE: join(place.folder, 'cache') };
    const sockets = 'udp:67,udp:68,udp:69,udp:5353';
    const daemon = [
      launcher,
      'eth0',
      sockets,
      '--',
      process.execPath,
      main,
      '--config',
      join(place.folder, 'bramble.yaml'),
    ];
    const boards = place.boards(2, Math.max(200, (kills * longest) / 2 / 900), 900);
    const found = { atStart: 0, served: 0, offers: 0, boards: 0, commits: 0 };
    const began = performance.now();
    await check(`${kills} times SIGKILL: nothing that was offered is lost, nothing is given twice`, async () => {
      for (let round = 1; round <= kills; round++) {
        const program = place.master.spawn(daemon, { env });
        // Some while it starts, most while it serves.
        if (round % 4 > 0) await program.waitFor(up);
        await delay(Math.random() * (round % 4 > 0 ? servedFor : longest));
        process.kill(program.pid, 'SIGKILL');
        await program.exited;
        if (up.test(program.stderr())) found.served += 1;
        else found.atStart += 1;
        Object.assign(found, judge(place.data, boards.stdout(), `after kill ${round}`));
        if (round % 50 === 0) say(`  ${round} kills, ${found.boards} boards, ${found.commits} commits`);
      }
      assert.ok(found.served >= kills / 20, `only ${found.served} of ${kills} found it serving`);
      assert.ok(found.boards > 2, 'new boards came meanwhile');
    });
    const seconds = (performance.now() - began) / 1000;
    say(
      `  ${kills} kills in ${seconds.toFixed(0)} s, ${found.atStart} of them while it started; ${found.boards} boards in ${found.commits} commits, ${found.offers} were offered an address`,
    );
    await check('and then it starts, and serves every one of them what it had', async () => {
      const before = offers(boards.stdout()).size;
      const last = await place.start();
      const { devices } = await last.client.status();
      assert.ok(devices.length >= before, `${devices.length} of ${before} boards`);
      await last.program.kill();
      judge(place.data, boards.stdout(), 'at the end');
    });
  } finally {
    await place.close();
  }
}

/** Reads the files as they lie there; throws what is wrong with them. */
function judge(data: string, heard: string, when: string) {
  const path = join(data, 'bramble.db');
  const log = `${path}-wal`;
  assert.equal(walDamage(readIfThere(log)), undefined, `${when}: write-ahead log`);
  const database = new Database(path, { readonly: true });
  try {
    const reader = createReader(database);
    assert.deepEqual(reader.integrity(), [], `${when}: integrity`);
    const { devices, effects, revision } = reader.snapshot();
    const addressOf = new Map(
      devices.flatMap(({ macs, address }) => macs.map((mac) => [String(mac), address] as const)),
    );
    const offered = offers(heard);
    for (const [mac, addresses] of offered)
      assert.deepEqual([...addresses], [addressOf.get(mac)], `${when}: ${mac} was offered that, and the disk has this`);
    assert.equal(new Set(devices.map(({ address }) => address)).size, devices.length, `${when}: addresses`);
    assert.equal(new Set(devices.map(({ name }) => name)).size, devices.length, `${when}: names`);
    for (const { id, state } of devices)
      assert.deepEqual(effects.get(id) ?? [], wants(state), `${when}: effects of ${id}`);
    return { boards: devices.length, commits: revision, offers: offered.size };
  } finally {
    database.close();
  }
}

function readIfThere(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch {
    return new Uint8Array();
  }
}
