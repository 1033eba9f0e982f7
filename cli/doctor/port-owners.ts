/** Reads who has which port. Programs of others are seen by root only. */
import { readdir, readFile, readlink } from 'node:fs/promises';
import { type Holders, type OpenPort, parseOpenPorts, programName } from './open-ports.ts';

export type PortFacts = { readonly ports: readonly OpenPort[]; readonly holders: Holders };

export async function readPorts(proc = '/proc'): Promise<PortFacts> {
  const tables = [
    ['udp', 'udp'],
    ['udp6', 'udp'],
    ['tcp', 'tcp'],
    ['tcp6', 'tcp'],
  ] as const;
  const texts = tables.map(async ([file, transport]) =>
    parseOpenPorts(await readFile(`${proc}/self/net/${file}`, 'latin1').catch(() => ''), transport),
  );
  return { ports: (await Promise.all(texts)).flat(), holders: await readHolders(proc) };
}

async function readHolders(proc: string): Promise<Holders> {
  const found = new Map<number, Set<string>>();
  const processes = (await readdir(proc).catch((): string[] => [])).filter((name) => /^\d+$/.test(name));
  for (const pid of processes) {
    const inodes = await socketsOf(`${proc}/${pid}/fd`);
    if (inodes.length === 0) continue;
    const text = (file: string): Promise<string> => readFile(`${proc}/${pid}/${file}`, 'utf8').catch(() => '');
    const name = programName(await text('cmdline'), await text('comm'));
    for (const inode of inodes) found.set(inode, (found.get(inode) ?? new Set()).add(name));
  }
  return new Map([...found].map(([inode, names]) => [inode, [...names]]));
}

/** Empty for one that is gone or another's. */
async function socketsOf(folder: string): Promise<readonly number[]> {
  const files = await readdir(folder).catch((): string[] => []);
  const links = await Promise.all(files.map((file) => readlink(`${folder}/${file}`).catch(() => '')));
  return links.flatMap((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? []).map(Number);
}
