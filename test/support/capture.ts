/** What is really on a wire: tcpdump on an interface of a test's machine, its frames read back. */
import { must } from '../../config/result.ts';
import { ipv4FromBytes } from '../../config/values.ts';
import type { Host } from './netns.ts';

export type Frame = {
  /** Seconds, by the kernel's clock at the wire. */
  readonly at: number;
  readonly bytes: Uint8Array;
};

export type Capture = {
  /** All that was seen so far. */
  readonly frames: () => readonly Frame[];
  /** Whatever `look` finds in the frames, as soon as it does. Rejects at the deadline. */
  readonly until: <Found>(look: (frames: readonly Frame[]) => Found | undefined, deadlineMs?: number) => Promise<Found>;
  readonly stop: () => Promise<void>;
};

/** Settles once it listens; `filter` in tcpdump's language (pcap-filter(7)). Ends with the LAN at the latest. */
export async function startCapture(host: Host, filter: string, device = 'eth0'): Promise<Capture> {
  const options = ['-n', '-l', '-tt', '-e', '-xx', '--immediate-mode'];
  const tcpdump = host.spawn(['tcpdump', '-i', device, ...options, filter]);
  await tcpdump.waitFor(/listening on/);
  const frames = (): readonly Frame[] => parseTcpdump(tcpdump.stdout());
  return {
    frames,
    until: (look, deadlineMs) => tcpdump.waitUntil(() => look(frames()), 'the frames waited for', deadlineMs),
    stop: tcpdump.kill,
  };
}

/** A frame whose hex is not all there yet is left out. */
function parseTcpdump(text: string): readonly Frame[] {
  const frames: Frame[] = [];
  for (const [, at = '', length = '', dump = ''] of text.matchAll(
    /^(\d+\.\d+) .*?, length (\d+): .*\n((?:\t.*\n)*)/gm,
  )) {
    const lines = dump.matchAll(/^\t0x[0-9a-f]+: {2}(.*)$/gm);
    const bytes = Buffer.from(Array.from(lines, ([, hex = '']) => hex.replaceAll(' ', '')).join(''), 'hex');
    if (bytes.length >= Number(length)) frames.push({ at: Number(at), bytes: Uint8Array.from(bytes) });
  }
  return frames;
}

export type Datagram = {
  readonly at: number;
  readonly from: { readonly address: string; readonly port: number };
  readonly to: { readonly address: string; readonly port: number };
  readonly payload: Uint8Array;
};

/** The UDP datagrams among the frames: IPv4 in one piece, or IPv6 without extension headers. */
export const datagramsOf = (frames: readonly Frame[]): readonly Datagram[] => frames.flatMap(datagramOf);

function datagramOf({ at, bytes }: Frame): readonly Datagram[] {
  const view = Buffer.from(bytes);
  const ip = readIp(view);
  if (ip === undefined || view.length < ip.udp + 8) return [];
  const length = view.readUInt16BE(ip.udp + 4);
  return [
    {
      at,
      from: { address: ip.source, port: view.readUInt16BE(ip.udp) },
      to: { address: ip.destination, port: view.readUInt16BE(ip.udp + 2) },
      payload: bytes.subarray(ip.udp + 8, ip.udp + length),
    },
  ];
}

const ethernetLength = 14;
const udpProtocol = 17;

function readIp(frame: Buffer): { source: string; destination: string; udp: number } | undefined {
  if (frame.length < ethernetLength + 20) return undefined;
  const type = frame.readUInt16BE(12);
  if (type === 0x0800 && frame[23] === udpProtocol && (frame.readUInt16BE(20) & 0x3fff) === 0) {
    const address = (offset: number): string => must(ipv4FromBytes(frame.subarray(offset, offset + 4)));
    const headerLength = ((frame[ethernetLength] ?? 0) & 15) * 4;
    return { source: address(26), destination: address(30), udp: ethernetLength + headerLength };
  }
  if (type === 0x86dd && frame[20] === udpProtocol) {
    const address = (offset: number): string => frame.toString('hex', offset, offset + 16);
    return { source: address(22), destination: address(38), udp: ethernetLength + 40 };
  }
  return undefined;
}
