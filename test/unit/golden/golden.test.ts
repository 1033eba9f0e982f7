/** What foreign clients sent once, at today's servers: every byte that went back then goes back now. */
import { readdirSync, readFileSync } from 'node:fs';
import test from 'ava';
import { replayDhcp, replayMdns, replayTftp } from '../../support/golden/replay.ts';
import { type Exchange, parametersFor, parseExchange, showExchange } from '../../support/golden/text.ts';

const folder = new URL('../../vectors/golden/', import.meta.url);
const replays: Readonly<Record<string, (exchange: Exchange) => Promise<Exchange>>> = {
  dhcp: replayDhcp,
  tftp: replayTftp,
  mdns: replayMdns,
};

for (const name of readdirSync(folder)) {
  const text = readFileSync(new URL(name, folder), 'utf8');
  const replay = replays[name.split('-')[0] ?? ''];
  // Ports, transaction ids and seconds are of no recording: what is answered may hang on the packet only.
  for (const seed of [1, 2]) {
    test(`${name}, parameters ${seed}`, async (t) => {
      const exchange = parseExchange(text, parametersFor(seed));
      t.true(exchange.some(({ by }) => by === 'client') && exchange.some(({ by }) => by === 'server'));
      t.deepEqual(showExchange((await replay?.(exchange)) ?? []), showExchange(exchange));
    });
  }
}
