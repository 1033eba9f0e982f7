/** What we use of multicast-dns 7.2 (which has no types of its own) and of the packets that dns-packet makes for it. */
declare module 'multicast-dns' {
  import type { RemoteInfo, Socket } from 'node:dgram';
  import type { EventEmitter } from 'node:events';

  namespace multicastDns {
    type Question = { readonly name: string; readonly type: string; readonly class?: string };
    type Answer = {
      readonly name: string;
      readonly type: string;
      readonly class?: string;
      readonly ttl?: number;
      readonly flush?: boolean;
      /** By type; whatever the sender wrote. */
      readonly data?: unknown;
    };
    type Packet = {
      readonly id?: number;
      readonly type?: string;
      readonly flags?: number;
      readonly questions?: readonly Question[];
      readonly answers?: readonly Answer[];
      readonly authorities?: readonly Answer[];
      readonly additionals?: readonly Answer[];
    };
    type Destination = { readonly address: string; readonly port: number };
    interface MulticastDns extends EventEmitter {
      on(event: 'packet', listener: (packet: Packet, from: RemoteInfo) => void): this;
      on(event: 'error' | 'warning', listener: (error: Error) => void): this;
      on(event: 'ready', listener: () => void): this;
      send(packet: Packet, to: Destination | null, done: (error?: Error | null) => void): void;
      destroy(done: () => void): void;
    }
    type Options = {
      /** Whether it joins the group itself; it cannot be told later about another interface. */
      readonly multicast: boolean;
      /** Whether it binds the socket itself. */
      readonly bind: false;
      readonly socket: Socket;
    };
  }

  function multicastDns(options: multicastDns.Options): multicastDns.MulticastDns;
  export = multicastDns;
}
