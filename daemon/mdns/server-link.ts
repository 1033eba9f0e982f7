/** `OpenMdnsLink` over multicast-dns. Membership is our own: the package cannot be told of an address that changed. */
import { createSocket, type RemoteInfo } from 'node:dgram';
import multicastDns from 'multicast-dns';
import { parseIpv4 } from '../../config/values.ts';
import type { MdnsLink, OpenMdnsLink } from './link.ts';
import { isPlausible } from './packet.ts';

const group = '224.0.0.251';
const port = 5353;

export const openMdnsLink: OpenMdnsLink = ({ fd, bind, log, admit, count, onPacket, onReady, onFailed }) => {
  const socket = createSocket({ type: 'udp4', reuseAddr: true });
  const link = multicastDns({ socket, bind: false, multicast: false });
  // Quirk: multicast-dns 7.2 makes lists as long as the header claims before it reads them: 2 MB for 12 bytes.
  for (const decode of socket.listeners('message')) {
    socket.off('message', decode as never);
    socket.on('message', (payload, from) => isWelcome(payload, from) && Reflect.apply(decode, socket, [payload, from]));
  }
  let usable = false;
  let closed = false;

  function isWelcome(payload: Buffer, from: RemoteInfo): boolean {
    const address = parseIpv4(from.address);
    if (!address.ok) return false;
    const isFlood = admit?.(address.value) === 'flood';
    if (isFlood) count?.('flood');
    else if (!isPlausible(payload)) count?.('malformed');
    else return true;
    return false;
  }

  link.on('error', (cause) => fail(cause));
  // Malformed packets, and whatever else a socket reports.
  link.on('warning', (cause) => {
    if (!usable) return fail(cause);
    count?.('malformed');
    log.debug('mDNS warning', { detail: cause.message });
  });
  link.on('packet', (packet, from) => {
    const address = parseIpv4(from.address);
    // Nothing can be sent to port 0, and trying would throw where nobody catches.
    if (!usable || !address.ok || from.port === 0) return;
    try {
      onPacket(packet, { address: address.value, port: from.port });
    } catch (cause) {
      log.error('mDNS packet not handled', { from: from.address, cause });
    }
  });
  socket.once('listening', () => {
    usable = true;
    // RFC 6762 section 11; other programs of this machine are to hear us.
    socket.setMulticastTTL(255);
    socket.setMulticastLoopback(true);
    // Not in the same turn: with a descriptor this comes before `openMdnsLink` has returned.
    queueMicrotask(() => !closed && onReady());
  });
  if (fd === undefined) socket.bind(port, bind);
  else socket.bind({ fd });

  function fail(cause: Error): void {
    const first = !closed && !usable;
    if (first) onFailed(cause);
    else log.debug('mDNS error', { cause });
  }

  const send: MdnsLink['send'] = (packet, to) =>
    new Promise((resolve) => {
      if (!usable || closed) return resolve();
      const done = (cause?: Error | null): void => {
        if (cause != null) log.debug('mDNS packet not sent', { to: to?.address, cause });
        resolve();
      };
      try {
        link.send(packet, to, done);
      } catch (cause) {
        log.debug('mDNS packet not sent', { to: to?.address, cause });
        resolve();
      }
    });

  const join: MdnsLink['join'] = (address) => {
    if (!usable || closed) return 'unable';
    try {
      socket.addMembership(group, address);
    } catch (cause) {
      // It is in the group on that interface already.
      if (isCode(cause, 'EADDRINUSE')) return speakFrom(address) ? 'member' : 'unable';
      return 'unable';
    }
    return speakFrom(address) ? 'joined' : 'unable';
  };

  function speakFrom(address: string): boolean {
    try {
      socket.setMulticastInterface(address);
      return true;
    } catch {
      return false;
    }
  }

  const leave: MdnsLink['leave'] = (address) => {
    try {
      if (usable && !closed) socket.dropMembership(group, address);
    } catch {
      // The address is gone: the kernel finds the interface by it.
    }
  };

  const close: MdnsLink['close'] = () =>
    new Promise((resolve) => {
      if (closed) return resolve();
      closed = true;
      try {
        link.destroy(resolve);
      } catch {
        // It was never open.
        resolve();
      }
    });
  return { send, join, leave, close };
};

const isCode = (cause: unknown, code: string): boolean =>
  cause instanceof Error && 'code' in cause && cause.code === code;
