/** A disk that is full, and one that the kernel lets nobody write to any more, as it does with a failing card. */
import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Running } from '../../support/program.ts';
import {
  type Addresses,
  becomes,
  firstAddresses,
  known,
  offers,
  readyz,
  run,
  type Site,
  type Stage,
  sameAddresses,
  site,
} from './site.ts';

export async function disk({ check, say }: Stage): Promise<void> {
  const place = await site({ isOwnDisk: true });
  try {
    const image = join(place.folder, 'disk.img');
    const mount = join(place.folder, 'disk');
    await run('truncate', '-s', '24M', image);
    await run('mkfs.ext4', '-q', '-m', '0', image);
    await run('mount', '-o', 'loop,errors=remount-ro', image, mount);
    const daemon = await place.start();
    const first = await firstAddresses(place);

    const ballast = join(mount, 'ballast');
    await run('sh', '-c', 'dd if=/dev/zero of="$1" bs=4k 2>/dev/null; sync; df -k --output=avail "$1"', 'sh', ballast);
    await unwritable('full', place, first, { check, say });
    await check('the status names it, and what is not served for it', async () => {
      assert.match(await daemon.bramble('status'), /database.*(full|disk)/i);
    });
    await rm(ballast);
    await check('it recovers by itself when there is room', async () => {
      await becomes(async () => ((await readyz(place)).status === 200 ? true : undefined), 'ready again');
      await served(place.boards(known + 10, 100_000, known + 10), known + 10, place);
    });

    const device = basename((await run('findmnt', '-no', 'SOURCE', mount)).trim());
    await writeFile(`/sys/fs/ext4/${device}/trigger_fs_error`, 'an error that this test wants\n');
    await unwritable('read-only', place, first, { check, say });
    await check('the daemon goes on until it is told to end', async () => {
      assert.match(await daemon.bramble('status'), /database.*(readonly|read-only|disk I\/O)/i);
      process.kill(daemon.program.pid, 'SIGKILL');
      await daemon.program.exited;
    });
    await run('umount', mount);
    // A copy, as of a card that is taken out: whoever made a namespace meanwhile still has the other one mounted.
    const repaired = `${image}.repaired`;
    await run('cp', image, repaired);
    await run('sh', '-c', 'e2fsck -fy "$1" >/dev/null || [ $? -lt 4 ]', 'sh', repaired);
    await run('mount', '-o', 'loop', repaired, mount);
    await place.start();
    await check('after a repair and a start every board has its address', async () => {
      await sameAddresses(place, first);
    });
  } finally {
    await place.close();
  }
}

async function unwritable(what: string, place: Site, first: Addresses, { check, say }: Stage): Promise<void> {
  await check(`${what}: no new board is promised anything, and readyz says why`, async () => {
    const boards = place.boards(known + 9, 100_000, known + 9);
    const { text } = await becomes(async () => {
      const ready = await readyz(place);
      return ready.status === 503 ? ready : undefined;
    }, 'readyz is 503');
    say(`  readyz: ${text.replaceAll('\n', ' ')}`);
    assert.match(text, /database/);
    await boards.kill();
    const promised = [...offers(boards.stdout()).keys()].filter((mac) => !first.has(mac));
    assert.deepEqual(promised, []);
  });
  await check(`${what}: boards that are known get their own addresses`, () => sameAddresses(place, first));
}

async function served(boards: Running, number: number, place: Site): Promise<void> {
  const youngest = `dc:a6:32:01:00:${(number - 1).toString(16).padStart(2, '0')}`;
  await boards.waitUntil(() => offers(boards.stdout()).get(youngest), `${youngest} is served`, 60_000);
  await boards.kill();
  assert.equal((await readyz(place)).status, 200);
}
