/** What foreign clients sent once, at today's servers: every byte that went back then goes back now. */
import { readdirSync, readFileSync } from 'node:fs';
import test from 'ava';
import { replays } from '../../support/golden/replay.ts';
import { parametersFor, parseExchange, showExchange } from '../../support/golden/text.ts';

const protocols = ['dhcp', 'tftp', 'mdns'] as const;
const folder = new URL('../../vectors/golden/', import.meta.url);
for (const name of readdirSync(folder)) {
  const text = readFileSync(new URL(name, folder), 'utf8');
  const protocol = protocols.find((one) => name.startsWith(`${one}-`)) ?? 'dhcp';
  // Ports, transaction ids and seconds are of no recording: what is answered may hang on the packet only.
  for (const seed of [1, 2]) {
    test(`${name}, parameters ${seed}`, async (t) => {
      const exchange = parseExchange(text, parametersFor(seed));
      t.true(exchange.some(({ by }) => by === 'client') && exchange.some(({ by }) => by === 'server'));
      t.deepEqual(showExchange(await replays[protocol](exchange)), showExchange(exchange));
    });
  }
}
