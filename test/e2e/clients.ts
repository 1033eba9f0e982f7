/**
 * Foreign clients: those of ordinary systems at once, U-Boot and iPXE in emulated machines, all of them at the real daemon.
 * Then one exchange of each is recorded off the wire and played to the servers' own code: it must answer the same bytes.
 * The golden files under test/vectors/golden/ are such recordings; `sudo node test/e2e/clients/main.ts` writes them anew.
 */
import assert from 'node:assert/strict';
import { replays } from '../support/golden/replay.ts';
import { parametersFor, parseExchange, showExchange } from '../support/golden/text.ts';
import { withBrambled } from './clients/brambled.ts';
import { commandLineClients } from './clients/command-line.ts';
import { ipxe, ipxeAsGuest, uBootAsPi4 } from './clients/firmware.ts';
import { guestPrograms } from './clients/guest.ts';
import { withSite } from './clients/recording.ts';
import { recordings } from './clients/recordings.ts';
import type { Scenario } from './scenario.ts';

export const clients: Scenario = async (check) => {
  const programs = await guestPrograms();
  await withBrambled((site) => commandLineClients(check, site));
  await withBrambled(async (site) => {
    await uBootAsPi4(check, site, programs);
    await ipxe(check, site, programs);
    await check('brambled reported no error to them', async () => assert.deepEqual(await site.errors(), []));
  });
  await ipxeAsGuest(check, programs);
  for (const { client, record } of recordings) {
    await check(`${client}: what is on the wire now is what the code says by itself`, async () => {
      for (const { protocol, text } of await withSite(record)) {
        const exchange = parseExchange(text, parametersFor(1));
        assert.ok(exchange.some(({ by }) => by === 'server'));
        assert.deepEqual(showExchange(await replays[protocol](exchange)), showExchange(exchange));
      }
    });
  }
};
