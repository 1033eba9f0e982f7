/**
 * The client's packets of a recorded exchange once more, at our servers as they are now: real codecs, real decisions, the
 * servers' own order of doing things; sockets and clock are doubles. What comes back is the exchange with today's answers.
 */
import type { Socket } from 'node:dgram';
import { EventEmitter } from 'node:events';
import multicastDns from 'multicast-dns';
import { must, ok, problem } from '../../../config/result.ts';
import { millis, minutes, parseHostname, parseIpv4, seconds, subnetOf } from '../../../config/values.ts';
import { dhcpServer } from '../../../daemon/dhcp/server.ts';
import type { OpenMdnsLink } from '../../../daemon/mdns/link.ts';
import { masterRecords } from '../../../daemon/mdns/records.ts';
import { mdnsServer } from '../../../daemon/mdns/server.ts';
import type { Endpoint, OpenUdp } from '../../../daemon/ports.ts';
import { tftpServer } from '../../../daemon/tftp/server.ts';
import { memorySource } from '../../../image-builder/index.ts';
import { createClockDouble, createLogDouble } from '../doubles.ts';
import { stage } from './stage.ts';
import type { Exchange, Packet } from './text.ts';

const address = must(parseIpv4(stage.server));
const subnet = subnetOf(address, stage.prefix);

const endpointOf = (written: string): Endpoint => {
  const [host = '', port = ''] = written.split(':');
  return { address: must(parseIpv4(host)), port: Number(port) };
};
const written = ({ address: host, port }: Endpoint): string => `${host}:${port}`;
/** All that follows without IO from what has happened so far. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** The client's packets one after another, each followed by what `deliver` made us send. */
async function play(exchange: Exchange, sent: Packet[], deliver: (packet: Packet) => Promise<void>): Promise<Exchange> {
  const played: Packet[] = [];
  for (const packet of exchange) {
    if (packet.by === 'server') continue;
    played.push(packet);
    await deliver(packet);
    played.push(...sent.splice(0));
  }
  return played;
}

/** Ports that we open for a transfer are those of the recording, in their order. */
function udpDouble(exchange: Exchange, sent: Packet[]) {
  const sockets: Parameters<OpenUdp>[0][] = [];
  const transferPorts = [
    ...new Set(exchange.filter(({ by }) => by === 'server').map(({ from }) => endpointOf(from).port)),
  ];
  const openUdp: OpenUdp = async (options) => {
    const port = options.bind.port === 0 ? (transferPorts.shift() ?? 1) : options.bind.port;
    const local = { address: options.bind.address, port };
    sockets.push({ ...options, bind: local });
    return {
      local,
      // Copied: the server fills its buffers again.
      send: (payload, to) =>
        sent.push({ by: 'server', from: written(local), to: written(to), payload: Uint8Array.from(payload) }),
      close: async () => undefined,
    };
  };
  const deliver = async ({ from, to, payload }: Packet): Promise<void> => {
    const here = sockets.filter(({ bind }) => bind.port === endpointOf(to).port);
    const socket = here.find(({ bind }) => written(bind) === to) ?? here[0];
    socket?.onMessage(payload, endpointOf(from));
    await settled();
  };
  return { openUdp, deliver };
}

const silent = createLogDouble();

async function replayDhcp(exchange: Exchange): Promise<Exchange> {
  const sent: Packet[] = [];
  const { openUdp, deliver } = udpDouble([], sent);
  const stop = new AbortController();
  const listening = Promise.withResolvers<void>();
  const served = dhcpServer({
    openUdp,
    clock: createClockDouble(),
    log: silent,
    signal: stop.signal,
    mode: 'full',
    self: { address, subnet, gateway: address, dns: [address], ntp: [address] },
    onSighting: async () => ({
      address: must(parseIpv4(stage.dhcp.address)),
      hostname: must(parseHostname(stage.dhcp.hostname)),
      leaseTime: minutes(stage.dhcp.leaseMinutes),
      boot: true,
    }),
    onListening: listening.resolve,
  });
  await Promise.race([listening.promise, served]);
  const played = await play(exchange, sent, deliver);
  stop.abort();
  await served;
  return played;
}

async function replayTftp(exchange: Exchange): Promise<Exchange> {
  const sent: Packet[] = [];
  const { openUdp, deliver } = udpDouble(exchange, sent);
  const stop = new AbortController();
  const server = await tftpServer({
    openUdp,
    listen: { bind: { address, port: 69 } },
    transferAddress: address,
    clock: createClockDouble(),
    log: silent,
    signal: stop.signal,
    limits: { perClient: 16, total: 512 },
    open: async ({ file }) =>
      file === stage.tftp.file
        ? ok(memorySource(Buffer.from(stage.tftp.content, 'latin1')))
        : problem('NOT_FOUND', file),
  });
  const played = await play(exchange, sent, deliver);
  stop.abort();
  await server.closed;
  return played;
}

async function replayMdns(exchange: Exchange): Promise<Exchange> {
  const sent: Packet[] = [];
  const clock = createClockDouble();
  const wire = Object.assign(new EventEmitter(), {
    send: (payload: Uint8Array, _offset: number, _length: number, port: number, host: string, done: () => void) => {
      sent.push({
        by: 'server',
        from: `${stage.server}:5353`,
        to: `${host}:${port}`,
        payload: Uint8Array.from(payload),
      });
      done();
    },
    close: (done: () => void) => done(),
  });
  // A double of a socket: multicast-dns uses no more of it than this.
  const codec = multicastDns({ socket: wire as unknown as Socket, bind: false, multicast: false });
  let member = false;
  const join = () => {
    if (member) return 'member' as const;
    member = true;
    return 'joined' as const;
  };
  const openLink: OpenMdnsLink = ({ onPacket, onReady }) => {
    codec.on('packet', (packet, from) => onPacket(packet, { address: must(parseIpv4(from.address)), port: from.port }));
    queueMicrotask(onReady);
    return {
      send: (packet, to) => new Promise((resolve) => codec.send(packet, to, () => resolve())),
      join,
      leave: () => undefined,
      close: async () => undefined,
    };
  };
  const stop = new AbortController();
  const boards = stage.mdns.boards.map(({ name, address: at, ssh }) => ({
    ...{ name: must(parseHostname(name)), address: must(parseIpv4(at)), ssh },
  }));
  const server = mdnsServer({
    interfaceAddress: address,
    subnet,
    clock,
    random: { bytes: (length) => new Uint8Array(length) },
    log: silent,
    signal: stop.signal,
    records: masterRecords({
      ...{
        name: must(parseHostname(stage.mdns.name)),
        address,
        httpPort: 8067,
        version: '0.1.0',
        state: 'ready',
        boards,
      },
    }),
    openLink,
    onConflict: () => undefined,
    onConflictOver: () => undefined,
  });
  await clock.whenSleeping(1);
  // By then the names are ours and announced.
  await clock.advance(seconds(10));
  sent.splice(0);
  const played = await play(exchange, sent, async ({ from, payload }) => {
    const { address: sender, port } = endpointOf(from);
    wire.emit('message', Buffer.from(payload), { address: sender, port, family: 'IPv4', size: payload.length });
    // Shared answers wait at most this long (RFC 6762 section 6).
    await clock.advance(millis(120));
    await settled();
  });
  stop.abort();
  await server.closed;
  return played;
}

/** By protocol. */
export const replays = { dhcp: replayDhcp, tftp: replayTftp, mdns: replayMdns } as const;
