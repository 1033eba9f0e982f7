/**
 * Exchanges between a foreign client and our servers as text that can be read and compared (test/vectors/golden/). A packet is
 * a line `> FROM TO` (the client's) or `< FROM TO` (ours) and its payload: hex, `"text"` (one byte a character), `00*64`
 * (64 times), `{name}` (a parameter: what differs from one recording to the next), and comments from ` # ` on.
 */

export type Packet = {
  readonly by: 'client' | 'server';
  /** `10.77.0.1:67`. */
  readonly from: string;
  readonly to: string;
  readonly payload: Uint8Array;
};
export type Exchange = readonly Packet[];

/** The bytes of `xid-1` in hex, the port of `client-1` in decimal. */
export type Parameters = (name: string) => string;

/** Throws on what it cannot read: it reads what `printExchange` wrote. */
export function parseExchange(text: string, parameters: Parameters): Exchange {
  const [, ...blocks] = text.split(/^(?=[<>] )/m);
  return blocks.map((block) => {
    const [start = '', ...lines] = block.split('\n');
    const [arrow, from, to] = start
      .split(' ')
      .map((word) => word.replace(/\{([^}]+)\}/, (_, name) => parameters(name)));
    if (from === undefined || to === undefined) throw new Error(`not the beginning of a packet: ${start}`);
    return { by: arrow === '>' ? 'client' : 'server', from, to, payload: bytesOf(lines, parameters) };
  });
}

const token = /"(?:[^"\\]|\\.)*"|\{[^}]+\}|[0-9a-f]+(?:\*\d+)?|\s+|#.*$|./g;

function bytesOf(lines: readonly string[], parameters: Parameters): Uint8Array {
  const parts = lines
    .flatMap((line) => line.match(token) ?? [])
    .map((word): Uint8Array => {
      if (/^(\s|#)/.test(word)) return new Uint8Array();
      if (word.startsWith('"')) return Buffer.from(String(JSON.parse(word)), 'latin1');
      const [hex = '', times = '1'] = word.startsWith('{') ? [parameters(word.slice(1, -1))] : word.split('*');
      if (!/^([0-9a-f]{2})+$/.test(hex)) throw new Error(`not a piece of a packet: ${word}`);
      return Buffer.from(hex.repeat(Number(times)), 'hex');
    });
  return Uint8Array.from(Buffer.concat(parts));
}

/** Values that differ are named in the order in which they appear: `{port-1}`, `{port-2}`. */
export function namer(prefix: string): (value: string) => string {
  const names = new Map<string, string>();
  return (value) => {
    const name = names.get(value) ?? `{${prefix}-${names.size + 1}}`;
    names.set(value, name);
    return name;
  };
}

/** `describe` writes a payload as lines that `parseExchange` reads. Ports above `fixedPorts` become parameters. */
export function printExchange(
  head: readonly string[],
  exchange: Exchange,
  describe: (packet: Packet) => readonly string[],
): string {
  const ports = { client: namer('client'), server: namer('server') };
  const endpoint = (written: string, by: Packet['by']): string => {
    const [address = '', port = ''] = written.split(':');
    return `${address}:${Number(port) > fixedPorts ? ports[by](port) : port}`;
  };
  const blocks = exchange.map((packet) => {
    const other = packet.by === 'client' ? 'server' : 'client';
    const from = endpoint(packet.from, packet.by);
    return [`${packet.by === 'client' ? '>' : '<'} ${from} ${endpoint(packet.to, other)}`, ...describe(packet)].join(
      '\n',
    );
  });
  return `${[head.map((line) => `# ${line}`.trimEnd()).join('\n'), ...blocks].join('\n\n')}\n`;
}

/** Every port that has a meaning here is below, mDNS the highest. */
const fixedPorts = 5353;

/** One packet a line, for comparing. */
export const showExchange = (exchange: Exchange): readonly string[] =>
  exchange.map(({ by, from, to, payload }) => `${by} ${from} ${to} ${Buffer.from(payload).toString('hex')}`);

/** Other values for each `seed`: what holds for two of them does not hang on the recorded ones. */
export function parametersFor(seed: number): Parameters {
  return (name) => {
    const [kind = '', number = '0'] = name.split('-');
    const word = (seed * 2654435761 + Number(number) * 40503) >>> 0;
    if (kind === 'xid') return word.toString(16).padStart(8, '0');
    if (kind === 'secs') return (word & 0xff).toString(16).padStart(4, '0');
    if (kind === 'id') return (word & 0xffff).toString(16).padStart(4, '0');
    if (kind === 'client') return String(20_000 + (word % 10_000));
    if (kind === 'server') return String(40_000 + Number(number));
    throw new Error(`no parameter ${name}`);
  };
}
