/** `bramble-gateway` where no systemd runs: it answers on a socket all the same. */
import { fileURLToPath } from 'node:url';
import type { Host } from './netns.ts';
import type { Running } from './program.ts';

export const gatewayProgram = fileURLToPath(new URL('../../daemon/gateway/bramble-gateway', import.meta.url));

/** As in the units: a process for each line, root with CAP_NET_ADMIN and no more. /etc and /run are the host's own. */
export async function answerForGateway(host: Host, socket: string): Promise<Running> {
  const asUnderSystemd = ['setpriv', '--bounding-set=-all,+net_admin', '--no-new-privs'];
  const listen = ['systemd-socket-activate', '--accept', '--inetd', '--listen', socket];
  const server = host.inside.spawn([...asUnderSystemd, ...listen, gatewayProgram, '-']);
  await server.waitFor(/Listening on/);
  return server;
}

/** A web server on port 8080 whose page is the address that it was asked from. Says `listens`. */
export const sayWhoAsks = `require('node:http').createServer(({ socket }, answer) => answer.end(socket.remoteAddress))
  .listen(8080, '0.0.0.0', () => console.log('listens'));`;
