import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { startAvahi } from '../../support/avahi.ts';
import { type Datagram, datagramsOf, startCapture } from '../../support/capture.ts';
import { describeMdns } from '../../support/golden/describe.ts';
import { stage } from '../../support/golden/stage.ts';
import { printExchange } from '../../support/golden/text.ts';
import type { Host } from '../../support/netns.ts';
import { exchangeOf, isOurs, madeBy, type Record, versionOf } from './recording.ts';

const fixture = fileURLToPath(new URL('../../integration/mdns-fixture.ts', import.meta.url));

export type MdnsClient = {
  readonly name: string;
  readonly package: string;
  readonly what: string;
  /** Settles with what it prints. */
  readonly ask: (host: Host) => Promise<string>;
};

/** One asks for the address of the board `name`, the one that speaks plain DNS for that of `plainName`. */
export function mdnsClients({
  name,
  plainName,
}: {
  readonly name: string;
  readonly plainName: string;
}): readonly MdnsClient[] {
  const avahi =
    (...command: readonly string[]) =>
    async (host: Host) =>
      (await startAvahi(host)).run(...command);
  const browser = `const mdns = require(process.argv[1]);
    const browser = mdns.createBrowser(mdns.tcp('bramble'));
    browser.on('ready', () => browser.discover());
    browser.on('update', ({ host, port, addresses }) => {
      if (!port) return;
      console.log(host, port, addresses[0], 'found');
      process.exit(0);
    });`;
  const resolver = `const resolver = new (require('node:dns').promises.Resolver)({ timeout: 2000, tries: 5 });
    resolver.setServers(['${stage.server}:5353']);
    resolver.resolve4('${plainName}.local').then((found) => console.log(found.join()))`;
  return [
    {
      ...{ name: 'avahi-resolve', package: 'avahi-daemon', what: 'the address of a board' },
      ask: avahi('avahi-resolve', '-4', '-n', `${name}.local`),
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
        return await printed(host, [...node, browser, createRequire(import.meta.url).resolve('mdns-js')]);
      },
    },
    {
      ...{ name: 'plain-dns', package: 'c-ares', what: 'a plain DNS query from a port of its own' },
      ask: (host) => printed(host, [...node, resolver]),
    },
  ];
}

const node = [process.execPath, '--no-deprecation', '-e'];
const printed = async (host: Host, command: readonly string[]): Promise<string> =>
  (await host.exec(command, { deadlineMs: 60_000 })).stdout;

export function recordMdns(client: MdnsClient): Record {
  return async ({ lan, master }) => {
    const host = await lan.addHost({ name: 'desk', address: '10.77.0.50/24' });
    const boards = stage.mdns.boards.map(({ name, address, ssh }) => `${name}=${address}${ssh ? '+ssh' : ''}`);
    const wire = await startCapture(master, 'udp port 5353');
    const program = [process.execPath, fixture, stage.server, `${stage.prefix}`];
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
    return [{ protocol: 'mdns', text: printExchange(head, exchangeOf(seen), describeMdns()) }];
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
