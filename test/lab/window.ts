/** A way into the lab's network for the owner's browser: 127.0.0.1 of this machine to the status page of the master. */
import { spawn } from 'node:child_process';
import { createServer, type Server } from 'node:net';

/** Settles with the address to show. Each connection is carried by a process inside the namespace; it ends with it. */
export async function openWindow(
  netns: string,
  target: { readonly address: string; readonly port: number },
  signal: AbortSignal,
): Promise<string> {
  const server = createServer((socket) => {
    const inside = ['netns', 'exec', netns, 'busybox', 'nc', target.address, String(target.port)];
    const carrier = spawn('ip', inside, { stdio: ['pipe', 'pipe', 'ignore'], signal });
    carrier.on('error', () => socket.destroy());
    carrier.stdin.on('error', () => socket.destroy());
    socket.on('error', () => carrier.kill());
    socket.on('close', () => carrier.kill());
    socket.pipe(carrier.stdin);
    carrier.stdout.pipe(socket);
  });
  signal.addEventListener('abort', () => server.close(), { once: true });
  await listen(server, target.port).catch(() => listen(server, 0));
  const bound = server.address();
  if (bound === null || typeof bound === 'string') throw new Error('no port');
  server.unref();
  return `http://127.0.0.1:${bound.port}/`;
}

const listen = (server: Server, port: number): Promise<void> =>
  new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', () => {
      server.removeListener('error', reject);
      resolve();
    });
  });
