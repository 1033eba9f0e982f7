/** Names as most builds of kubectl for Linux look them up: /etc/hosts and DNS, never mDNS (kubernetes/kubectl#48). */
import { Resolver } from 'node:dns/promises';
import { readFile } from 'node:fs/promises';

type Sources = { readonly hosts?: string; readonly servers?: readonly string[] };

/** Asks this machine's resolvers for two seconds at most. */
export async function isPlainlyFound(name: string, { hosts = '/etc/hosts', servers }: Sources = {}): Promise<boolean> {
  const lines = (await readFile(hosts, 'utf8').catch(() => '')).split('\n');
  if (lines.some((line) => line.replace(/#.*/, '').trim().toLowerCase().split(/\s+/).slice(1).includes(name)))
    return true;
  const resolver = new Resolver({ timeout: 1000, tries: 2 });
  if (servers !== undefined) resolver.setServers(servers);
  return await resolver.resolve4(name).then(
    (addresses) => addresses.length > 0,
    () => false,
  );
}
