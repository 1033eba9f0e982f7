/**
 * Recording an exchange of a foreign client with our servers, off the wire at the server. The servers are the programs that
 * the integration tests and the benchmarks use; what they serve is in `stage`.
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ServiceOptions } from '../../bench/services/options.ts';
import type { Datagram } from '../../support/capture.ts';
import { stage } from '../../support/golden/stage.ts';
import type { Exchange, Packet } from '../../support/golden/text.ts';
import { type Host, type Lan, makeLan, runPrefix } from '../../support/netns.ts';
import { finish, type Running, startProgram } from '../../support/program.ts';

export type Recording = { readonly protocol: 'dhcp' | 'tftp' | 'mdns'; readonly text: string };

export type Site = { readonly lan: Lan; readonly master: Host; readonly folder: string };
export type Record = (site: Site) => Promise<readonly Recording[]>;

const file = (relative: string): string => fileURLToPath(new URL(relative, import.meta.url));

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

/** Our TFTP server, as `replayTftp` has it. */
export async function serveTftp(master: Host, folder: string): Promise<Running> {
  const path = join(folder, 'tftp', stage.tftp.file);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, stage.tftp.content, 'latin1');
  const options: ServiceOptions = {
    address: stage.server,
    prefix: stage.prefix,
    tftp: { folder: join(folder, 'tftp') },
  };
  const server = master.spawn([process.execPath, file('../../bench/services/main.ts'), JSON.stringify(options)]);
  await server.waitFor(/^ready$/m);
  return server;
}

export const isOurs = ({ from }: Datagram): boolean => from.address === stage.server;

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

export const madeBy = ['', 'Recorded on the wire at the server by `sudo node test/e2e/clients/main.ts`.'];

/** `busybox-static 1:1.35.0-4+b7`, `npm tftp 0.1.2`. */
export async function versionOf({ package: name }: { readonly package: string }): Promise<string> {
  if (name === 'c-ares') return `c-ares ${process.versions['ares']} in Node`;
  if (['dhcp', 'tftp', 'mdns-js'].includes(name)) {
    const { version }: { version: string } = createRequire(import.meta.url)(`${name}/package.json`);
    return `npm ${name} ${version}`;
  }
  const { stdout } = await finish(startProgram(['dpkg-query', '-s', name]));
  return `${name} ${/^Version: (.*)$/m.exec(stdout)?.[1]}`;
}
