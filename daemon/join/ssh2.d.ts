/**
 * The part of ssh2 1.17 that is used here, below node-ssh and in the tests' board: ssh2 ships no types of its own. To be
 * removed once `@types/ssh2` is a development dependency.
 */
declare module 'ssh2' {
  import type { EventEmitter } from 'node:events';
  import type { Server as NetServer } from 'node:net';
  import type { Duplex, Readable, Writable } from 'node:stream';

  export type ConnectConfig = {
    host?: string;
    port?: number;
    username?: string;
    readyTimeout?: number;
    keepaliveInterval?: number;
    keepaliveCountMax?: number;
    hostVerifier?: (key: Buffer) => boolean;
    algorithms?: { serverHostKey?: readonly string[] };
    password?: string;
    authHandler?:
      | readonly string[]
      | ((left: readonly string[] | null, partial: boolean | null, next: (way: string | false) => void) => void);
  };
  export type ClientChannel = Duplex & { readonly stderr: Readable; close(): void };
  export class Client extends EventEmitter {
    end(): this;
    destroy(): this;
    setNoDelay(on: boolean): this;
    forwardOut(
      fromHost: string,
      fromPort: number,
      toHost: string,
      toPort: number,
      opened: (error: Error | undefined, channel?: ClientChannel) => void,
    ): this;
  }

  export type ServerChannel = Duplex & {
    readonly stderr: Writable;
    exit(code: number): void;
    exit(signal: string, coreDumped: boolean): void;
  };
  export type ServerSession = EventEmitter;
  export type ServerConnection = EventEmitter & { end(): void };
  export type AuthContext = {
    readonly method: string;
    readonly username: string;
    readonly key: { readonly algo: string; readonly data: Buffer };
    readonly signature?: Buffer;
    readonly blob: Buffer;
    accept(): void;
    reject(methods?: readonly string[]): void;
  };
  export type ParsedKey = { verify(data: Buffer, signature: Buffer): boolean; getPublicSSH(): Buffer };

  type Ssh2 = {
    readonly Server: new (
      options: { hostKeys: readonly string[] },
      onConnection: (connection: ServerConnection) => void,
    ) => NetServer;
    readonly utils: { parseKey(text: string): ParsedKey | Error };
  };
  const ssh2: Ssh2;
  export default ssh2;

  // Named by node-ssh's types only.
  export type AcceptConnection<T> = () => T;
  export type RejectConnection = () => void;
  export type Channel = ClientChannel;
  export type ExecOptions = object;
  export type Prompt = { prompt: string };
  export type PseudoTtyOptions = object;
  export type SFTPWrapper = EventEmitter;
  export type ShellOptions = object;
  export type TcpConnectionDetails = object;
  export type TransferOptions = object;
  export type UNIXConnectionDetails = object;
}
