/** The board's network once Linux runs on it: a lease from a real DHCP client, or what cloud-init rendered. */
import { spawn } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { must } from '../../../config/result.ts';
import { ipv4Number, parseIpv4 } from '../../../config/values.ts';
import { device } from './link.ts';
import { run } from './run.ts';

const script = join(import.meta.dirname, 'udhcpc.sh');

/**
 * Asks until there is a lease. `once`: for the installer, which ends soon; otherwise the client stays and renews.
 * busybox's udhcpc sends no vendor class of a boot ROM and no client identifier but the hardware address.
 */
export async function leaseAddress(
  hostname: string | undefined,
  keep: 'once' | 'renew',
  signal: AbortSignal,
): Promise<string> {
  const name = hostname === undefined ? [] : ['-x', `hostname:${hostname}`];
  const mode = keep === 'once' ? ['-q'] : [];
  const args = ['udhcpc', '-i', device, '-f', '-t', '5', '-T', '2', '-A', '3', '-s', script, ...mode, ...name];
  const child = spawn('busybox', args, { stdio: ['ignore', 'pipe', 'ignore'], signal });
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  child.once('error', reject);
  child.once('close', (code) => reject(new Error(`udhcpc ended with ${code}`)));
  createInterface(child.stdout).on('line', (line) => {
    const address = /^lease (\S+)$/.exec(line)?.[1];
    if (address !== undefined) resolve(address);
  });
  return promise;
}

export type StaticNetwork = {
  /** With prefix length: `10.77.0.33/24`. */
  readonly addresses: readonly string[];
  readonly gateway: string | undefined;
  readonly resolvers: readonly string[];
};

/** A `.network` file as cloud-init's networkd renderer writes it; its address list is empty for DHCP. */
export function parseNetworkd(text: string): StaticNetwork {
  const values = (key: string): readonly string[] =>
    text.split('\n').flatMap((line) =>
      line.startsWith(`${key}=`)
        ? line
            .slice(key.length + 1)
            .trim()
            .split(/\s+/)
        : [],
    );
  return {
    addresses: values('Address').filter((address) => address.includes('.')),
    gateway: values('Gateway')[0],
    resolvers: values('DNS'),
  };
}

/** A file of /etc/network/interfaces.d as ifupdown reads it. */
export function parseInterfaces(text: string): StaticNetwork {
  const values = (key: string): readonly string[] =>
    text.split('\n').flatMap((line) => {
      const [word, ...rest] = line.trim().split(/\s+/);
      return word === key ? rest : [];
    });
  const [address] = values('address');
  const netmask = must(parseIpv4(values('netmask')[0] ?? '255.255.255.0'));
  const prefix = ipv4Number(netmask).toString(2).replaceAll('0', '').length;
  return {
    addresses: address === undefined ? [] : [`${address}/${prefix}`],
    gateway: values('gateway')[0],
    resolvers: values('dns-nameservers'),
  };
}

const textsIn = async (folder: string): Promise<string[]> => {
  const files = await readdir(folder).catch(() => []);
  return await Promise.all(files.map((file) => readFile(join(folder, file), 'utf8')));
};

/** What systemd-networkd or ifupdown would do; `undefined` when no static address is configured. */
export async function applyStatic(signal: AbortSignal): Promise<string | undefined> {
  const networks = [
    ...(await textsIn('/etc/systemd/network')).map(parseNetworkd),
    ...(await textsIn('/etc/network/interfaces.d')).map(parseInterfaces),
  ];
  const network = networks.find(({ addresses }) => addresses.length > 0);
  if (network === undefined) return;
  await run('ip', ['addr', 'flush', 'dev', device], { signal });
  for (const each of network.addresses) await run('ip', ['addr', 'add', each, 'brd', '+', 'dev', device], { signal });
  if (network.gateway !== undefined) {
    await run('ip', ['route', 'replace', 'default', 'via', network.gateway, 'dev', device], { signal });
  }
  await writeFile('/etc/resolv.conf', network.resolvers.map((resolver) => `nameserver ${resolver}\n`).join(''));
  return network.addresses[0]?.replace(/\/.*/, '');
}
