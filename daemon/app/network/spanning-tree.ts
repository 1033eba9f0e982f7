/**
 * A switch with spanning tree keeps a port closed for twice its forward delay after the link came up, 30 s as delivered. A
 * Pi 3 has given up by then, and every other board loses its first DISCOVERs (facts 3.4), unless it is an edge port.
 */
import { fileURLToPath } from 'node:url';
import { type Millis, millis, minutes, seconds } from '../../../config/values.ts';
import { isInstalled } from '../../boot/offer.ts';
import type { Device } from '../../lifecycle/device.ts';
import type { Clock, Log, Shell } from '../../ports.ts';

export type Bridge = {
  /** Priority and hardware address: `8000.02a1b2c3d4e5`. */
  readonly id: string;
  readonly forwardDelay: Millis;
};

/** What `daemon/stp-listener` writes; other lines are left out. */
export function readBridges(text: string): readonly Bridge[] {
  return text.split('\n').flatMap((line) => {
    const [, id, delay] = /^([0-9a-f]{4}\.[0-9a-f]{12}) \d{1,3} (\d{1,3})$/.exec(line) ?? [];
    return id === undefined ? [] : [{ id, forwardDelay: seconds(Number(delay)) }];
  });
}

/** Closed for no longer than this, nobody minds. */
const harmless = seconds(10);

/**
 * Also an edge port sends BPDUs: that there is a switch with spanning tree says nothing of the boards' ports. So it is said
 * until a board was installed; from then on it is the late ones that are named.
 */
export function spanningTreeAdvice(
  bridges: readonly Bridge[],
  devices: readonly Device[],
  isLate: (device: Device) => boolean,
): readonly string[] {
  const closed = Math.max(0, ...bridges.map(({ forwardDelay }) => forwardDelay * 2));
  const why = closed > harmless ? `: its spanning tree keeps a port closed for ${closed / 1000} s` : '';
  const late = devices
    .filter(isLate)
    .map(({ name }) => `the first DISCOVERs of ${name} arrive late: set its switch port to edge (portfast)${why}`);
  if (late.length > 0 || why === '' || devices.some(isInstalled)) return late;
  return [
    `the switch speaks spanning tree and keeps a port closed for ${closed / 1000} s: set the boards’ ports to edge (portfast)`,
  ];
}

/** Bridges speak every two seconds, every ten at the slowest (IEEE 802.1D-2004, 17.14). */
const listening = seconds(12);
const pause: Millis = minutes(10);

const listener = fileURLToPath(
  // In the bundle this file is brambled.js, and the listener stands beside it.
  new URL(import.meta.url.endsWith('.ts') ? '../../stp-listener' : './stp-listener', import.meta.url),
);

/** Listens now and then until the signal is aborted; never rejects. Where it may not, boards that are late are still told of. */
export async function watchSpanningTree(deps: {
  readonly interface: string;
  readonly tell: (bridges: readonly Bridge[]) => void;
  readonly shell: Shell;
  readonly clock: Pick<Clock, 'sleep'>;
  readonly log: Log;
  readonly signal: AbortSignal;
}): Promise<void> {
  const { shell, clock, log, signal } = deps;
  let known = '';
  while (!signal.aborted) {
    const args = [deps.interface, String(listening / 1000)];
    const timeout = millis(listening * 3);
    try {
      const { code, stdout, stderr } = await shell(listener, args, { signal, timeout });
      const bridges = readBridges(stdout);
      const news = code === 0 ? stdout : stderr;
      if (code === 0) deps.tell(bridges);
      if (news !== known && !signal.aborted) {
        if (code !== 0) log.info('no listening for spanning tree', { code, detail: stderr.trim() });
        else if (bridges.length > 0) log.info('a switch speaks spanning tree', { bridges });
      }
      known = news;
    } catch (cause) {
      if (!signal.aborted) log.info('no listening for spanning tree', { cause });
    }
    await clock.sleep(pause, signal).catch(() => undefined);
  }
}
