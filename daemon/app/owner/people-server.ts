/** Where people's own tools reach the API server. Pure. */
import type { Hostname, Ipv4 } from '../../../config/values.ts';

export type ServerFacts = {
  /** As the daemon or the boards reach it. */
  readonly server: string;
  readonly master: { readonly name: Hostname; readonly address: Ipv4 | undefined };
  /** Whether the server's certificate is good for a name or an address. */
  readonly isNamed: (host: string) => boolean;
};

/** The master is published by name, and an address of it may change; a server that is elsewhere stays as it is. */
export function peopleServer({ server, master, isNamed }: ServerFacts): {
  readonly server: string;
  readonly note: string | null;
} {
  const url = new URL(server);
  const local = `${master.name}.local`;
  const isHere =
    /^(127\.|localhost$|\[::1\]$)/.test(url.hostname) || [local, master.name, master.address].includes(url.hostname);
  if (!isHere) return { server: url.origin, note: null };
  const wanted = [local, ...(master.address === undefined ? [] : [master.address])];
  url.hostname = wanted.find(isNamed) ?? url.hostname;
  const note =
    url.hostname === local
      ? null
      : `the server's certificate does not name ${local}, so its address has to do: add ${local} to its names (k3s: tls-san) and make this again`;
  return { server: url.origin, note };
}
