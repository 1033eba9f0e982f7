/** The edge to `file-sender`: a part of a file goes to a client without passing through this process. */
import { spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { Millis } from '../../config/values.ts';

export type FilePart = { readonly fd: number; readonly from: number; readonly to: number };

/**
 * Settles with true once all is with the kernel: then nothing but the end may be written to `socket`. False: it cannot be
 * done here or now, and nothing was sent. Rejects if the client is gone, took nothing for `idle`, or `signal` was aborted.
 * From the call on, `socket` is not read any more.
 */
export type SendFile = (part: FilePart, socket: Socket, signal: AbortSignal) => Promise<boolean>;

/** Each is a process of about 2 MiB; whoever comes on top is served by this one. */
const sendersMax = 32;
/** In the bundle this file is brambled.js, and there, too, the sender stands beside it. */
const besideThis = fileURLToPath(new URL('./file-sender', import.meta.url));

export function createFileSender(idle: Millis, program = besideThis): SendFile {
  let running = 0;
  /** Without perl, and on a processor whose number of sendfile(2) nobody has looked up, it is not tried again. */
  let works = true;

  return async (part, socket, signal) => {
    if (!works || running >= sendersMax) return false;
    signal.throwIfAborted();
    running += 1;
    // What the sender does is no life of the socket in this process.
    socket.setTimeout(0);
    try {
      const code = await runSender(program, idle, part, socket, signal);
      signal.throwIfAborted();
      if (code === undefined || code === 69) works = false;
      else if (code !== 0) throw new Error('the client is gone, or took nothing for too long');
      return code === 0;
    } finally {
      running -= 1;
      socket.setTimeout(idle);
    }
  };
}

/** Its exit code; undefined if it cannot be started. -1 for one that was killed. */
const runSender = (
  program: string,
  idle: Millis,
  { fd, from, to }: FilePart,
  socket: Socket,
  signal: AbortSignal,
): Promise<number | undefined> =>
  new Promise((resolve) => {
    const args = [from, to, Math.ceil(idle / 1000)].map(String);
    const child = spawn(program, args, { stdio: ['pipe', 'ignore', 'inherit', socket, fd] });
    const stop = (): void => void child.kill();
    signal.addEventListener('abort', stop, { once: true });
    const settle = (code: number | undefined): void => {
      signal.removeEventListener('abort', stop);
      resolve(code);
    };
    child.once('error', () => settle(undefined));
    child.once('exit', (code) => settle(code ?? -1));
  });
