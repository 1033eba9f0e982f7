/** Which hardware address answers for an IPv4 address on our own links, as the kernel knows it. */
import { readFile } from 'node:fs/promises';
import { type Ipv4, type Mac, millis, parseIpv4, parseMac } from '../../config/values.ts';
import type { Clock } from '../ports.ts';

const kernelTable = '/proc/net/arp';

/**
 * Undefined if the kernel does not know, which for somebody who has a TCP connection to us means: not on our link. The file
 * is that of the process's own network namespace (arp(7)); `file` is for tests.
 */
export async function hardwareAddressOf(address: Ipv4, file = kernelTable): Promise<Mac | undefined> {
  return parseTable(await readTable(file)).get(address);
}

const readTable = (file: string): Promise<string> => readFile(file, 'latin1').catch(() => '');

type Table = ReadonlyMap<Ipv4, Mac>;

function parseTable(text: string): Table {
  const table = new Map<Ipv4, Mac>();
  for (const line of text.split('\n').slice(1)) {
    // IP address, HW type, flags, HW address, mask, device. Flag 2: complete; without it the hardware address is zeros.
    const [ip = '', , flags, hardware = ''] = line.split(/\s+/);
    const [address, mac] = [parseIpv4(ip), parseMac(hardware)];
    if (address.ok && mac.ok && (Number(flags) & 2) !== 0 && !table.has(address.value))
      table.set(address.value, mac.value);
  }
  return table;
}

export type NeighboursDeps = {
  readonly clock: Pick<Clock, 'sleep'>;
  readonly signal: AbortSignal;
  /** For tests. */
  readonly readArp?: () => Promise<string>;
};

/** So long an answer is taken for true: a board asks for its files one after the other. */
const freshness = millis(200);

/**
 * `hardwareAddressOf` for those who are asked by anybody: at most one look at a time, for all who wait for it. Whoever is not
 * found in what was read lately waits for a look that begins after he came: the kernel may have heard of him just now.
 */
export function createNeighbours(deps: NeighboursDeps): (address: Ipv4) => Promise<Mac | undefined> {
  const { clock, signal, readArp = () => readTable(kernelTable) } = deps;
  let lately: Table = new Map();
  let looking: Promise<Table> | undefined;
  let next: Promise<Table> | undefined;

  async function look(): Promise<Table> {
    const table = parseTable(await readArp());
    lately = table;
    looking = undefined;
    const forget = (): void => {
      if (lately === table) lately = new Map();
    };
    clock.sleep(freshness, signal).then(forget, forget);
    return table;
  }

  function begin(): Promise<Table> {
    next = undefined;
    looking = look();
    return looking;
  }

  return async (address) => {
    const known = lately.get(address);
    if (known !== undefined) return known;
    if (looking !== undefined) next ??= looking.then(begin);
    return (await (next ?? begin())).get(address);
  };
}
