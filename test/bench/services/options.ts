/** What the process in `main.ts` is to serve; the one argument, as JSON. */
export type ServiceOptions = {
  /** Of the interface `eth0`. */
  readonly address: string;
  readonly prefix: number;
  /** `folder` is the served root. */
  readonly tftp?: { readonly folder: string };
  /** `data` is the store's folder; every board that is not known gets an address of `range` (`FIRST-LAST`). */
  readonly dhcp?: { readonly data: string; readonly range: string; readonly pendingMax: number };
  /** The bases in `data`, on port 8067. */
  readonly http?: { readonly data: string };
  /** The master's records under this host name. */
  readonly mdns?: { readonly name: string };
};

/** In bytes. `external` is what lives outside of the heap and belongs to objects in it: buffers, above all. */
export type MemoryInUse = { readonly rss: number; readonly heapUsed: number; readonly external: number };
