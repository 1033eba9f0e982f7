/**
 * Records one exchange of each foreign client with our servers, off the wire at the server. The servers are the programs that
 * the integration tests and the benchmarks use; what they serve is in `stage`.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ServiceOptions } from '../../bench/services/options.ts';
import type { TestServerOptions } from '../../integration/dhcp-test-server.ts';
import { startAvahi } from '../../support/avahi.ts';
import { type Datagram, datagramsOf, startCapture } from '../../support/capture.ts';
import { type DhcpClient, dhcpClients, npmDhcp } from '../../support/dhcp-clients.ts';
import { describeDhcp, describeMdns, describeTftp } from '../../support/golden/describe.ts';
import { stage } from '../../support/golden/stage.ts';
import { type Exchange, type Packet, printExchange } from '../../support/golden/text.ts';
import { type Host, type Lan, makeLan, runPrefix } from '../../support/netns.ts';
import { finish, startProgram } from '../../support/program.ts';

type Recording = { readonly protocol: 'dhcp' | 'tftp' | 'mdns'; readonly text: string };

type Site = { readonly lan: Lan; readonly master: Host; readonly folder: string };
type Record = (site: Site) => Promise<Recording>;

const file = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));
const packages = createRequire(import.meta.url);

/** A LAN of its own for each, so that each gets the first address. Needs root. */
export async function withSite<Made>(work: (site: Site) => Promise<Made>): Promise<Made> {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-record-'));
  const lan = await makeLan({ prefix: runPrefix(), signal: new AbortController().signal });
  try {
    const master = await lan.addHost({ name: 'master', address: `${stage.server}/${stage.prefix}` });
    return await work({ lan, master, folder });
  } finally {
    await lan.close();
    await rm(folder, { recursive: true, force: true });
  }
}

export const recordings: readonly { readonly client: string; readonly record: Record }[] = [
  ...[...dhcpClients, npmDhcp].map((client) => ({ client: client.name, record: recordDhcp(client) })),
  ...tftpClients().map((client) => ({ client: client.name, record: recordTftp(client) })),
  ...mdnsClients().map((client) => ({ client: client.name, record: recordMdns(client) })),
];

/** Our DHCP server, as `replayDhcp` has it. */
export async function serveDhcp(master: Host) {
  const settings: TestServerOptions = { address: stage.server, mode: 'full', boot: true };
  const program = [process.execPath, file('../../integration/dhcp-test-server.ts'), JSON.stringify(settings)];
  const server = master.spawn([file('../../../daemon/launcher'), 'eth0', 'udp:67', '--', ...program]);
  await server.waitFor(/"event":"listening"/);
  return server;
}

/** Our TFTP server, as `replayTftp` has it. */
export async function serveTftp(master: Host, folder: string) {
  const path = join(folder, 'tftp', stage.tftp.file);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, stage.tftp.content, 'latin1');
  const options: ServiceOptions = { address: stage.server, prefix: stage.prefix, tftp: { folder: join(folder, 'tftp') } };
  const server = master.spawn([process.execPath, file('../../bench/services/main.ts'), JSON.stringify(options)]);
  await server.waitFor(/^ready$/m);
  return server;
}

function recordDhcp(client: DhcpClient): Record {
  return async ({ lan, master, folder }) => {
    const host = await lan.addHost({ name: 'pi1', mac: stage.mac });
    const server = await serveDhcp(master);
    const wire = await startCapture(master, 'udp port 67 or udp port 68');
    await client.ask(host, folder);
    const refused = client === npmDhcp;
    // A REQUEST that is met with silence is over once our server has thought about it.
    if (refused) await server.waitFor(/not answered.*request/);
    const packets = refused ? 3 : 4;
    const seen = await wire.until((frames) => {
      const datagrams = datagramsOf(frames);
      return datagrams.length >= packets ? datagrams.slice(0, packets) : undefined;
    });
    const what = refused ? 'DISCOVER, OFFER, and a REQUEST that gets silence' : 'DISCOVER to ACK';
    const head = [`${await versionOf(client)}: ${what}`, ...madeBy];
    return { protocol: 'dhcp', text: printExchange(head, exchangeOf(seen), describeDhcp()) };
  };
}

type Fetcher = {
  readonly name: string;
  readonly package: string;
  /** The command that fetches `path` into `target`. */
  readonly fetch: (path: string, target: string) => readonly string[];
};

const tftpUrl = (path: string): string => `tftp://${stage.server}/${path}`;

export function tftpClients(): readonly Fetcher[] {
  const npm = `require(process.argv[1]).createClient({ host: '${stage.server}' })
    .get(process.argv[2], process.argv[3], (error) => { if (error) process.exit(1); })`;
  const atftp = ['atftp', '--option', 'blksize 1024', '--option', 'windowsize 2', '--option', 'tsize 0'];
  const busybox = ['busybox', 'tftp', '-b', '1468', '-g'];
  const script = [process.execPath, '--no-deprecation', '-e', npm, packages.resolve('tftp')];
  return [
    {
      name: 'tftp-hpa',
      package: 'tftp-hpa',
      fetch: (path, target) => ['tftp', '-m', 'binary', stage.server, '-c', 'get', path, target],
    },
    { name: 'atftp', package: 'atftp', fetch: (path, target) => [...atftp, '-g', '-r', path, '-l', target, stage.server] },
    { name: 'curl', package: 'curl', fetch: (path, target) => ['curl', '-sS', '--max-time', '60', '-o', target, tftpUrl(path)] },
    { name: 'busybox', package: 'busybox-static', fetch: (path, target) => [...busybox, '-l', target, '-r', path, stage.server] },
    { name: 'npm-tftp', package: 'tftp', fetch: (path, target) => [...script, path, target] },
  ];
}

function recordTftp(client: Fetcher): Record {
  return async ({ lan, master, folder }) => {
    const host = await lan.addHost({ name: 'pi1', mac: stage.mac, address: `${stage.dhcp.address}/${stage.prefix}` });
    await serveTftp(master, folder);
    const wire = await startCapture(master, `udp and host ${stage.dhcp.address}`);
    const target = join(folder, 'fetched');
    await host.exec(client.fetch('bootsig.bin', target));
    const { code, stderr } = await host.exec(client.fetch(stage.tftp.file, target));
    if (code !== 0) throw new Error(`${client.name}: ${stderr}`);
    const seen = await wire.until((frames) => wholeTransfer(datagramsOf(frames)));
    const head = [`${await versionOf(client)}: a file that is not there, and one of 1600 bytes`, ...madeBy];
    return { protocol: 'tftp', text: printExchange(head, exchangeOf(seen), describeTftp) };
  };
}

/** Up to the acknowledgement of the last block. */
export function wholeTransfer(datagrams: readonly Datagram[]): readonly Datagram[] | undefined {
  const opcode = ({ payload }: Datagram): number => payload[1] ?? 0;
  const last = datagrams.findLast((one) => opcode(one) === 3);
  if (last === undefined || last !== shortestData(datagrams)) return undefined;
  const end = datagrams.findIndex(
    ({ payload }) => payload[1] === 4 && payload[2] === last.payload[2] && payload[3] === last.payload[3],
  );
  return end < 0 ? undefined : datagrams.slice(0, end + 1);
}

/** No block size here divides the file: its last block is the only short one. */
function shortestData(datagrams: readonly Datagram[]): Datagram | undefined {
  const data = datagrams.filter(({ payload }) => payload[1] === 3).sort((a, b) => a.payload.length - b.payload.length);
  const [shortest, next] = data;
  return shortest !== undefined && (next === undefined || next.payload.length > shortest.payload.length)
    ? shortest
    : undefined;
}

type Asker = {
  readonly name: string;
  readonly package: string;
  readonly what: string;
  readonly ask: (host: Host) => Promise<unknown>;
};

export function mdnsClients(): readonly Asker[] {
  const avahi =
    (...command: readonly string[]) =>
    async (host: Host) =>
      (await startAvahi(host)).run(...command);
  const browser = `const mdns = require(process.argv[1]);
    const browser = mdns.createBrowser(mdns.tcp('bramble'));
    browser.on('ready', () => browser.discover());
    browser.on('update', ({ port }) => { if (port) process.exit(0); });`;
  const resolver = `const resolver = new (require('node:dns').promises.Resolver)({ timeout: 2000, tries: 5 });
    resolver.setServers(['${stage.server}:5353']);
    resolver.resolve4('worker-kube2.local').then((found) => console.log(found.join()))`;
  return [
    {
      ...{ name: 'avahi-resolve', package: 'avahi-daemon', what: 'the address of a board' },
      ask: avahi('avahi-resolve', '-4', '-n', 'worker-kube1.local'),
    },
    {
      ...{ name: 'avahi-browse', package: 'avahi-daemon', what: 'the services of a type' },
      ask: avahi('avahi-browse', '-rtp', '_bramble._tcp'),
    },
    {
      ...{ name: 'npm-mdns-js', package: 'mdns-js', what: 'the services of a type' },
      ask: async (host) => {
        // It joins the group on 0.0.0.0: the kernel wants a route to it.
        await host.exec(['ip', 'route', 'add', 'default', 'dev', 'eth0']);
        return await host.exec([process.execPath, '--no-deprecation', '-e', browser, packages.resolve('mdns-js')]);
      },
    },
    {
      ...{ name: 'plain-dns', package: 'c-ares', what: 'a plain DNS query from a port of its own' },
      ask: (host) => host.exec([process.execPath, '-e', resolver]),
    },
  ];
}

function recordMdns(client: Asker): Record {
  return async ({ lan, master }) => {
    const host = await lan.addHost({ name: 'desk', address: '10.77.0.50/24' });
    const boards = stage.mdns.boards.map(({ name, address, ssh }) => `${name}=${address}${ssh ? '+ssh' : ''}`);
    const wire = await startCapture(master, 'udp port 5353');
    const program = [process.execPath, file('../../integration/mdns-fixture.ts'), stage.server, `${stage.prefix}`];
    master.spawn([...program, ...boards]);
    // Both announcements are out: whoever heard one needs not ask.
    const announced = await wire.until((frames) => {
      const said = datagramsOf(frames);
      const lastName = stage.mdns.boards.at(-1)?.name ?? '';
      const all = said.filter((one) => isResponse(one) && Buffer.from(one.payload).includes(lastName));
      return all.length >= 2 ? said.length : undefined;
    });
    await client.ask(host);
    const seen = await wire.until((frames) => firstAnswered(datagramsOf(frames).slice(announced)));
    const head = [`${await versionOf(client)}: ${client.what}`, ...madeBy];
    return { protocol: 'mdns', text: printExchange(head, exchangeOf(seen), describeMdns()) };
  };
}

const isResponse = ({ payload }: Datagram): boolean => ((payload[2] ?? 0) & 0x80) !== 0;
/** A probe has something in its authority section. */
const isQuestion = (datagram: Datagram): boolean =>
  !isResponse(datagram) && datagram.payload[8] === 0 && datagram.payload[9] === 0;

/** The first answer, and the question before it that it goes to. */
function firstAnswered(datagrams: readonly Datagram[]): readonly Datagram[] | undefined {
  for (const [index, answer] of datagrams.entries()) {
    if (!isOurs(answer) || !isResponse(answer)) continue;
    const question = datagrams
      .slice(0, index)
      .findLast((one) => isQuestion(one) && !isOurs(one) && one.from.port === answer.to.port);
    if (question !== undefined) return [question, answer];
  }
  return undefined;
}

const isOurs = ({ from }: Datagram): boolean => from.address === stage.server;

export function exchangeOf(datagrams: readonly Datagram[]): Exchange {
  return datagrams.map(
    (datagram): Packet => ({
      by: isOurs(datagram) ? 'server' : 'client',
      from: `${datagram.from.address}:${datagram.from.port}`,
      to: `${datagram.to.address}:${datagram.to.port}`,
      payload: datagram.payload,
    }),
  );
}

const madeBy = ['', 'Recorded on the wire at the server by `sudo node test/e2e/clients/main.ts`.'];

/** `busybox-static 1:1.35.0-4+b7`, `npm tftp 0.1.2`. */
export async function versionOf({ package: name }: { readonly package: string }): Promise<string> {
  if (name === 'c-ares') return `c-ares ${process.versions['ares']} in Node`;
  if (['dhcp', 'tftp', 'mdns-js'].includes(name)) {
    const { version }: { version: string } = packages(`${name}/package.json`);
    return `npm ${name} ${version}`;
  }
  const { stdout } = await finish(startProgram(['dpkg-query', '-W', '-f', '${Version}', name]));
  return `${name} ${stdout}`;
}
