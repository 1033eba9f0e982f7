/**
 * The one container in the lab that does something: the article's small web server. A process of its own (busybox httpd) on the
 * Pod's own address; like a container it goes on while the kubelet is away or the cable is pulled.
 */
import { execFile, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Pod } from './pod-status.ts';

/** Both may be asked for again. */
export type PageServers = {
  /** Settles when the page can be had at the address. */
  readonly serve: (pod: Pod, address: string) => Promise<void>;
  readonly end: (uid: string) => Promise<void>;
  /** Ends those of Pods that are gone. */
  readonly endOthers: (uids: ReadonlySet<string>) => Promise<void>;
};

const webPort = 80;

/** Containers that say that they listen there, and the article's image, which does without saying so. */
export const servesPage = ({ spec }: Pod): boolean =>
  spec.containers.some(
    ({ image, ports }) =>
      image.includes('busybox-httpd') || ports?.some(({ containerPort }) => containerPort === webPort),
  );

/** `folder`: on a tmpfs, what runs there is known by it as long as it can run. */
export function pageServersIn(folder: string, nodeName: string): PageServers {
  const at = (uid: string, file = ''): string => join(folder, uid, file);
  const pidOf = (uid: string): number | undefined => {
    const pid = Number(read(at(uid, 'pid')));
    // The number may be another's by now.
    return pid > 0 && read(`/proc/${pid}/cmdline`).includes(at(uid, 'page')) ? pid : undefined;
  };

  const serve = async (pod: Pod, address: string): Promise<void> => {
    const uid = pod.metadata.uid ?? '';
    if (pidOf(uid) !== undefined) return;
    mkdirSync(at(uid, 'page'), { recursive: true });
    writeFileSync(at(uid, 'address'), address);
    writeFileSync(at(uid, 'page/index.html'), `${pod.metadata.name} on ${nodeName}\n`);
    await ip('replace', address);
    const args = ['httpd', '-f', '-p', `${address}:${webPort}`, '-h', at(uid, 'page')];
    const child = spawn('busybox', args, { detached: true, stdio: 'ignore' });
    await new Promise((resolve, reject) => child.once('spawn', resolve).once('error', reject));
    writeFileSync(at(uid, 'pid'), String(child.pid));
    child.unref();
  };

  const end = async (uid: string): Promise<void> => {
    const [pid, address] = [pidOf(uid), read(at(uid, 'address'))];
    if (pid !== undefined) process.kill(pid, 'SIGTERM');
    if (address !== '') await ip('del', address).catch(() => undefined);
    rmSync(at(uid), { recursive: true, force: true });
  };

  return {
    serve,
    end,
    endOthers: async (uids) => {
      for (const uid of entries(folder)) if (!uids.has(uid)) await end(uid);
    },
  };
}

/** On lo, where the board's DHCP client does not sweep. */
const ip = async (verb: 'replace' | 'del', address: string): Promise<void> => {
  await promisify(execFile)('ip', ['addr', verb, `${address}/32`, 'dev', 'lo']);
};

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function entries(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
