/** `npm run bench -- NAME [--json] [--runs N]`: median of at least three runs; speed is measured here and nowhere else. */
import { parseArgs } from 'node:util';
import { bench as balance } from './balance.ts';
import { bench as boot } from './boot.ts';
import { bench as dhcp } from './dhcp.ts';
import { bench as failover } from './failover.ts';
import { bench as footprint } from './footprint.ts';
import { bench as image } from './image.ts';
import { resultTable } from './result.ts';
import { bench as tftp } from './tftp.ts';

const benches = { balance, boot, dhcp, failover, footprint, image, tftp };
const isBench = (name: string): name is keyof typeof benches => Object.hasOwn(benches, name);

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean', default: false }, runs: { type: 'string', default: '3' } },
});
const [name = ''] = positionals;
const runs = Number(values.runs);
if (!isBench(name) || !Number.isInteger(runs) || runs < 1) {
  process.stderr.write(`usage: npm run bench -- ${Object.keys(benches).join('|')} [--json] [--runs N]\n`);
  process.exit(64);
}
const say = (line: string): void => void (values.json ? process.stderr : process.stdout).write(`${line}\n`);
const results = await benches[name](runs, say);
process.stdout.write(values.json ? `${JSON.stringify({ bench: name, results })}\n` : `${resultTable(results)}\n`);
process.exit(0);
