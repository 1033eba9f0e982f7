/** What `bramble doctor` sees of the master: files, tables of the kernel, and what programs of it say. */
import { access, readFile, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Config } from '../../config/schema.ts';
import { type Ipv4, parseIpv4 } from '../../config/values.ts';
import type { MasterView } from '../../daemon/http/wire.ts';
import { readInterfaces } from '../../daemon/system/interface.ts';
import { isLent, runProgram } from '../cluster/system.ts';
import { accessProblems, type FileFact } from './access.ts';
import type { ClockFact, DiskFact, MasterFacts } from './master-findings.ts';
import { readPorts } from './port-owners.ts';
import { probeDaemon } from './probe.ts';

/** Firmware asks for it first, on every model. */
export const probeFile = 'config.txt';

/** `configFile` is where the settings came from. Rejects with the signal's reason. */
export async function lookAtMaster(
  config: Config,
  configFile: string,
  daemon: MasterView | undefined,
  signal: AbortSignal,
): Promise<MasterFacts> {
  const interfaces = await readInterfaces();
  const own = interfaces.flatMap(({ name, addresses }) => addresses.map(({ address }) => ({ name, address })));
  const lent: Ipv4[] = [];
  for (const { name, address } of own) if (await isLent(name, address)) lent.push(address);
  const address = parseIpv4(daemon?.address ?? '');
  // Never another machine's.
  const isHere = address.ok && own.some((one) => one.address === address.value);
  const probe = isHere ? await probeDaemon(address.value, { port: 69, file: probeFile }, signal) : undefined;
  return {
    ...{ config, daemon, interfaces, lent, probe },
    daemonUid: (await stat(config.data).catch(() => undefined))?.uid,
    ports: await readPorts(),
    clock: await clockFact(),
    disk: await diskFact(config.data),
    hasAccount: await isThere(config.cluster.kubeconfig),
    permissions: accessProblems(await accessFacts(config, configFile)),
  };
}

async function clockFact(): Promise<ClockFact> {
  const { code, stdout } = await runProgram('timedatectl', 'show', '--property=NTPSynchronized', '--value');
  if (code !== 0) return 'nobody says';
  return stdout.trim() === 'yes' ? 'synchronised' : 'not synchronised';
}

/** Of the folder, or of where it would be made. */
async function diskFact(data: string): Promise<DiskFact> {
  for (let folder = data; ; folder = dirname(folder)) {
    try {
      const { bavail, blocks, bsize } = await statfs(folder);
      const mounts = await readFile('/proc/self/mounts', 'utf8').catch(() => '');
      return { is: 'read', free: bavail * bsize, total: blocks * bsize, isReadOnly: isReadOnlyAt(folder, mounts) };
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code !== 'ENOENT' || folder === '/') return { is: 'unread', detail: message };
    }
  }
}

/** By the innermost mount, the last where there are several at one place. */
function isReadOnlyAt(path: string, mounts: string): boolean {
  const found = mounts
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, at = '']) => at === '/' || path === at || path.startsWith(`${at}/`))
    .toSorted(([, a = ''], [, b = '']) => a.length - b.length);
  return found.at(-1)?.[3]?.split(',').includes('ro') === true;
}

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => error.code === 'EACCES',
  );

async function accessFacts({ data, cluster }: Config, configFile: string): Promise<readonly FileFact[]> {
  const wanted: readonly (readonly [string, FileFact['is']])[] = [
    [data, 'data'],
    [join(data, 'bramble.db'), 'kept'],
    [join(data, 'keys'), 'kept'],
    [cluster.kubeconfig, 'secret'],
    [configFile, 'config'],
  ];
  const facts = await Promise.all(
    wanted.map(async ([path, is]) => {
      const about = await stat(path).catch(() => undefined);
      return about === undefined ? undefined : { path, is, mode: about.mode & 0o7777, uid: about.uid, gid: about.gid };
    }),
  );
  return facts.filter((fact) => fact !== undefined);
}
