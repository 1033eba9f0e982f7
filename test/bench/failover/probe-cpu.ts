/** What probing costs: the daemon's own probes in a process of their own, fifty living boards, a minute. */
import { fileURLToPath } from 'node:url';
import { makeLan, runPrefix } from '../../support/netns.ts';

const program = fileURLToPath(new URL('../../integration/path-probe-child.ts', import.meta.url));
const boards = 50;
const rounds = 60;

/** Of one core. */
export async function probeCpuPercent(): Promise<number> {
  const lan = await makeLan({ prefix: runPrefix(), signal: new AbortController().signal });
  try {
    const addresses = Array.from({ length: boards }, (_, index) => `10.77.0.${101 + index}`);
    const [master] = await lan.addHosts([
      { name: 'master', address: '10.77.0.1/24' },
      ...addresses.map((address, index) => ({ name: `b${index}`, address: `${address}/24` })),
    ]);
    const listed = addresses.map((address, index) => `b${index}=${address}`);
    const probe = master?.spawn([process.execPath, program, 'eth0', '10.77.0.1', ...listed], {
      env: { PROBE_ROUNDS: `${rounds}` },
    });
    if (probe === undefined) throw new Error('no master');
    const [, percent] = await probe.waitFor(/^cpu ([\d.]+)/m, 180_000);
    const alive = probe.stdout().match(/ alive$/gm)?.length ?? 0;
    if (alive !== boards || / silent$/m.test(probe.stdout())) throw new Error(`not all are alive:\n${probe.stdout()}`);
    return Number(percent);
  } finally {
    await lan.close();
  }
}
