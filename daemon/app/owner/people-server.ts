/** Where people's own tools reach the API server. Pure. */
import type { Hostname, Ipv4 } from '../../../config/values.ts';

export type ServerFacts = {
  /** As the daemon or the boards reach it. */
  readonly server: string;
  /** The address that people reach first. */
  readonly master: { readonly name: Hostname; readonly addresses: readonly Ipv4[] };
  /** Whether the server's certificate is good for a name or an address. */
  readonly isNamed: (host: string) => boolean;
};

/** The master is published by name, and an address of it may change; a server that is elsewhere stays as it is, and has no `address`. */
export function peopleServer({ server, master, isNamed }: ServerFacts): {
  readonly server: string;
  readonly address: string | null;
  readonly note: string | null;
} {
  const url = new URL(server);
  const local = `${master.name}.local`;
  const isHere =
    /^(127\.|localhost$|\[::1\]$)/.test(url.hostname) ||
    [local, master.name, ...master.addresses].includes(url.hostname);
  const at = (host: string): string => `https://${host}${url.port === '' ? '' : `:${url.port}`}`;
  if (!isHere) return { server: url.origin, address: null, note: null };
  const own = master.addresses.length === 0 ? [url.hostname] : master.addresses;
  const address = own.filter(isNamed).map(at)[0] ?? null;
  if (isNamed(local)) return { server: at(local), address, note: null };
  const note = `the server's certificate does not name ${local}, so its address has to do: add ${local} to its names (k3s: tls-san) and make this again`;
  return { server: address ?? url.origin, address, note };
}
