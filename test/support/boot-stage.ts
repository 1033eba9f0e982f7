/**
 * One board before our DHCP and TFTP servers: what it sends goes through the real codecs, decisions and desks into its timeline.
 * Sockets, clock and boot kit are doubles, and the board is the lab's: packets and the order of files as captured.
 */
import type { ExecutionContext } from 'ava';
import { must, ok } from '../../config/result.ts';
import { type Ipv4, type Millis, millis, parseIpv4, parseSerial, seconds, subnetOf } from '../../config/values.ts';
import { bootDiary } from '../../daemon/app/network/boot-diary.ts';
import { bootFileDesk } from '../../daemon/app/network/boot-files.ts';
import { leaseDesk } from '../../daemon/app/network/leases.ts';
import type { BootFacts } from '../../daemon/boot/clues.ts';
import { type Diagnosis, diagnose } from '../../daemon/boot/diagnosis.ts';
import { createTimelines } from '../../daemon/boot/timeline.ts';
import { dhcpServer } from '../../daemon/dhcp/server.ts';
import type { Device, DeviceState } from '../../daemon/lifecycle/device.ts';
import { explain } from '../../daemon/lifecycle/explain.ts';
import { createFleet } from '../../daemon/lifecycle/fleet.ts';
import type { Runner } from '../../daemon/lifecycle/runner.ts';
import { transition } from '../../daemon/lifecycle/transition.ts';
import type { Endpoint, OpenUdp } from '../../daemon/ports.ts';
import { decodePacket, encodePacket, type TftpPacket } from '../../daemon/tftp/packet.ts';
import { tftpServer } from '../../daemon/tftp/server.ts';
import { memorySource } from '../../image-builder/index.ts';
import { type Answer, bootFiles, type RequestForm } from '../lab/board/boot-files.ts';
import {
  buildDiscover,
  buildRequest,
  chooseOffer,
  type Lease,
  parseReply,
  type Reply,
  romXid,
} from '../lab/board/dhcp.ts';
import { type BoardModel, type Identity, identityOf, modelTable } from '../lab/board/models.ts';
import { aDevice, START, states } from './boards.ts';
import { createClockDouble, createLogDouble } from './doubles.ts';

export const MASTER = must(parseIpv4('10.77.0.1'));
export const ROUTER = must(parseIpv4('10.77.0.254'));
const nobody = must(parseIpv4('0.0.0.0'));
const subnet = subnetOf(MASTER, 24);

/** What Raspberry Pi OS has on its boot partition, as far as these boards ask for it. */
export const kitFiles: readonly string[] = [
  ...['bootcode.bin', 'start.elf', 'fixup.dat', 'start4.elf', 'fixup4.dat', 'kernel8.img', 'kernel_2712.img'],
  ...['bcm2710-rpi-3-b.dtb', 'bcm2710-rpi-3-b-plus.dtb', 'bcm2711-rpi-4-b.dtb', 'bcm2712-rpi-5-b.dtb'],
  'overlays/overlay_map.dtb',
];

export type Stage = Awaited<ReturnType<typeof bootStage>>;

/** `cut`: falls silent after so many acknowledgements. */
export type Manner = 'read' | 'probe' | { readonly cut: number };

export async function bootStage(
  t: ExecutionContext,
  { model, mode = 'full', kit = kitFiles }: { model: BoardModel; mode?: 'full' | 'proxy'; kit?: readonly string[] },
) {
  const clock = createClockDouble(START);
  const log = createLogDouble();
  const stop = new AbortController();
  const identity: Identity = identityOf(model, 1, parseSerial);
  const row = modelTable[model];
  const stated = (state: DeviceState): Device =>
    aDevice(state, { macs: [identity.mac], serials: [identity.serial], model: { model, final: false } });
  let device = stated(states.seen);
  let fleet = createFleet([device]);
  const runner: Pick<Runner, 'fleet' | 'sight' | 'dispatch'> = {
    get fleet() {
      return fleet;
    },
    sight: async () => ok(device),
    // The state is what the test says.
    dispatch: async (_, event) => ok(transition(device, event, START)),
  };
  // As the daemon counts it: in rests of five seconds.
  const elapsed = (): Millis => millis(Math.floor((clock.now() - START) / 5000) * 5000);
  const timelines = createTimelines({ elapsed });
  const sent: { readonly payload: Uint8Array; readonly from: Endpoint; readonly to: Endpoint }[] = [];
  const sockets: { readonly local: Endpoint; readonly hear: Parameters<OpenUdp>[0]['onMessage'] }[] = [];
  let port = 40_000;
  const openUdp: OpenUdp = async ({ bind, onMessage }) => {
    const local = { address: bind.address, port: bind.port === 0 ? port++ : bind.port };
    const socket = { local, hear: onMessage };
    sockets.push(socket);
    return {
      local,
      send: (payload, to) => void sent.push({ payload: Uint8Array.from(payload), from: local, to }),
      close: async () => void sockets.splice(sockets.indexOf(socket), 1),
    };
  };
  const diary = bootDiary({ fleet: () => fleet, timelines, clock, self: { address: MASTER, subnet } });
  let grants = true;
  const granted = leaseDesk({
    ...{ runner, diary, log, subnet, givesAddresses: mode === 'full', reservesAddresses: mode === 'full' },
    noticeRival: () => false,
    adoption: { systemHeard: () => undefined, restarted: () => undefined },
    addresses: { leaseGuest: async () => undefined, told: () => undefined, strayRelay: () => undefined },
  });
  const served = dhcpServer({
    ...{ openUdp, clock, log, mode, signal: stop.signal },
    self: { address: MASTER, subnet, gateway: MASTER, dns: [MASTER], ntp: [MASTER] },
    onMessage: diary.heard,
    onAnswered: diary.answered,
    onSighting: async (request) => (grants ? granted(request) : undefined),
  });
  const desk = bootFileDesk({
    ...{ runner, timelines, clock },
    hardwareAddressOf: async () => identity.mac,
    onHeard: () => undefined,
    bootKeyOf: () => '0'.repeat(64),
    server: { address: MASTER, port: 8067 },
    openKitFile: async (path) => (kit.includes(path) ? memorySource(new Uint8Array(7000)) : undefined),
    kitFiles: async () => kit,
    openEeprom: async (_, name) => (kit.includes(name) ? memorySource(new Uint8Array(7000)) : undefined),
    installerInitramfs: async () => new Uint8Array(9000),
  });
  const tftp = await tftpServer({
    ...{ openUdp, clock, log, signal: stop.signal, open: desk.open, onServed: desk.onServed },
    listen: { bind: { address: MASTER, port: 69 } },
    transferAddress: MASTER,
    limits: { perClient: 16, total: 512 },
  });
  t.teardown(async () => {
    stop.abort();
    await Promise.all([served, tftp.closed]);
  });
  await settled();

  async function dhcp(payload: Uint8Array): Promise<readonly Reply[]> {
    sent.splice(0);
    const listener = sockets.find(({ local }) => local.port === 67 && local.address === nobody);
    listener?.hear(payload, { address: nobody, port: 68 });
    await settled();
    return sent.splice(0).flatMap(({ payload: reply }) => parseReply(reply) ?? []);
  }
  const xid = (): number => (row.dhcp.xid === 'constant' ? romXid : clock.now() % 2 ** 32);
  const discover = (): Promise<readonly Reply[]> => dhcp(buildDiscover(identity, xid()));
  const request = (lease: Lease): Promise<readonly Reply[]> => dhcp(buildRequest(identity, xid(), lease));

  /** DISCOVER to ACK, or as far as this model goes. */
  async function lease(): Promise<Lease> {
    const offers = await discover();
    const chosen = chooseOffer(model, offers);
    if (!chosen.ok) throw new Error(chosen.error);
    if (row.dhcp.request) t.is((await request(chosen.value))[0]?.type, 'ack');
    return chosen.value;
  }

  let clientPort = row.firstSourcePort;
  /** One file as the firmware asks for it; undefined: it is told that there is none, or gave up. */
  async function ask(file: string, manner: Manner = 'read', form: RequestForm = 'tsize-blksize'): Promise<Answer> {
    const me: Endpoint = { address: addressNow(), port: clientPort++ };
    const options = [
      ...(form === 'plain' ? [] : [{ name: 'tsize', value: '0' }]),
      ...(form === 'tsize-blksize' ? [{ name: 'blksize', value: '1468' }] : []),
    ];
    const talk = async (packet: TftpPacket, to: number) => {
      sockets.find(({ local }) => local.port === to)?.hear(encodePacket(packet), me);
      await settled();
      const reply = sent.splice(0).find((one) => one.to.port === me.port);
      return reply && { port: reply.from.port, packet: must(decodePacket(reply.payload)) };
    };
    let reply = await talk({ opcode: 'RRQ', file, mode: 'octet', options }, 69);
    const bytes: Uint8Array[] = [];
    let left = typeof manner === 'object' ? manner.cut : Number.POSITIVE_INFINITY;
    const acknowledged = reply?.packet.opcode === 'OACK';
    const size = acknowledged && form === 'tsize-blksize' ? 1468 : 512;
    while (reply !== undefined && reply.packet.opcode !== 'ERROR') {
      const { port: to, packet } = reply;
      if (manner === 'probe') {
        await talk({ opcode: 'ERROR', code: 0, message: 'Early terminate' }, to);
        break;
      }
      if (left-- === 0) return undefined;
      if (packet.opcode === 'DATA') bytes.push(packet.payload);
      reply = await talk({ opcode: 'ACK', block: packet.opcode === 'DATA' ? packet.block : 0 }, to);
      if (packet.opcode === 'DATA' && packet.payload.length < size) break;
    }
    return reply?.packet.opcode === 'ERROR' && bytes.length === 0
      ? undefined
      : { bytes: Buffer.concat(bytes), acknowledged };
  }
  const addressNow = (): Ipv4 => must(parseIpv4('10.77.0.100'));

  /** Everything up to the kernel's last byte, in the captured order; `onStep` before each packet. */
  async function firmware(onStep: () => void = () => undefined): Promise<string | undefined> {
    await lease();
    const files = bootFiles(identity);
    let step = files.next();
    while (!step.done) {
      onStep();
      await clock.advance(millis(40));
      if (step.value.kind === 'dhcp') {
        await lease();
        step = files.next(undefined);
      } else step = files.next(await ask(step.value.path, step.value.how, step.value.form));
    }
    return step.value.ok ? undefined : step.value.reason;
  }

  const diagnosis = (changes: Partial<BootFacts> = {}): Diagnosis | undefined =>
    diagnose({
      ...{ name: device.name, state: device.state, model, boots: timelines.of(device.id) },
      ...{ now: timelines.now(clock.now()), isProxy: mode === 'proxy', otherServer: undefined },
      ...{ isLate: false, hasRival: false },
      ...changes,
    });

  function become(state: DeviceState): void {
    device = stated(state);
    fleet = createFleet([device]);
    timelines.see(device.id, clock.now(), { sight: 'state', name: state.name, what: explain(device) });
  }
  const says = (what: string): void => timelines.mark(device.id, clock.now(), what);
  const boots = () => timelines.of(device.id);

  return {
    ...{ identity, clock, dhcp, discover, request, lease, ask, firmware, diagnosis, become, says, boots, timelines },
    grantsNothing: () => {
      grants = false;
    },
    prefix: `${identity.serial.slice(-8)}/`,
    pass: (time: number) => clock.advance(seconds(time)),
  };
}

/** All that follows without IO from what has happened so far. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 12; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}
