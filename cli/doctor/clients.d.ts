/** What we use of two packages without types. */
declare module 'mdns-js' {
  import type { EventEmitter } from 'node:events';

  type Found = { readonly host?: string; readonly port?: number; readonly addresses?: readonly string[] };
  interface Browser extends EventEmitter {
    on(event: 'ready', listener: () => void): this;
    on(event: 'update', listener: (found: Found) => void): this;
    discover(): void;
  }
  const mdns: {
    readonly tcp: (name: string) => object;
    readonly createBrowser: (type: object) => Browser;
  };
  export default mdns;
}

declare module 'tftp' {
  import type { Readable } from 'node:stream';

  type ClientOptions = {
    readonly host: string;
    readonly port: number;
    readonly retries?: number;
    /** Milliseconds. */
    readonly timeout?: number;
  };
  const tftp: {
    readonly createClient: (options: ClientOptions) => { readonly createGetStream: (remote: string) => Readable };
  };
  export default tftp;
}
