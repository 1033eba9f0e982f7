/** A LAN of network namespaces with the real daemon, a real control plane and virtual Pis. Needs root. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { EventView } from '../../daemon/http/wire.ts';
import type { Base } from '../../image-builder/index.ts';
import { answerForGateway } from '../support/gateway.ts';
import { type Host, type Lan, makeLan, runPrefix } from '../support/netns.ts';
import { startApiSimulator } from './api-simulator/start.ts';
import type { BoardEvent } from './board/events.ts';
import { type Hardware, switchOn } from './board/hardware.ts';
import type { Identity } from './board/models.ts';
import type { ApiServer } from './control-plane/api-server.ts';
import { findAssets, startControlPlane } from './control-plane/start.ts';
import { type Daemon, httpPort, prepareDaemon } from './daemon.ts';
import { importBases, putDisk, writeJoinCard } from './disks.ts';
import { type BoardPlan, identityAt, planAt, planFor } from './plans.ts';
import { type Timeline, withEvent } from './timeline.ts';

export type LabOptions = {
  /** `auto`: the real one if its programs have been built, else the simulator. */
  readonly controlPlane: 'auto' | 'simulator';
  /** A home network: dnsmasq gives the addresses, and the daemon is a proxy without a range of its own. */
  readonly besideRouter?: boolean;
  /** `images` of bramble.yaml, beside what the lab's own boards run. */
  readonly images?: Readonly<Record<string, unknown>>;
  /** `admission` of bramble.yaml. */
  readonly admission?: Readonly<Record<string, unknown>>;
  /** `failover`, `balance`, `power` of bramble.yaml. */
  readonly keeping?: Readonly<Record<string, unknown>>;
  readonly signal: AbortSignal;
  /** What the lab does, for a person. */
  readonly log: (line: string) => void;
  readonly onEvent: (event: LabEvent) => void;
};

export type LabEvent =
  | { readonly source: 'board'; readonly board: LabBoard; readonly event: BoardEvent }
  | { readonly source: 'daemon'; readonly board: LabBoard | undefined; readonly event: EventView };

/** A view: its fields change while the lab runs. */
export type LabBoard = {
  /** `pi-1`, as written on its case. */
  readonly label: string;
  readonly plan: BoardPlan;
  readonly identity: Identity;
  readonly hardware: Hardware;
  readonly host: Host;
  /** The daemon's name for it, once it has one. */
  name: string | undefined;
  state: string;
  address: string | undefined;
  lastEvent: BoardEvent | undefined;
  plugged: boolean;
  timeline: Timeline;
  /** Pods of the article's web server that are Ready there; undefined before the first `scale`. */
  replicas: number | undefined;
};

export type Lab = {
  readonly controlPlane: ApiServer;
  readonly daemon: Daemon;
  readonly lan: Lan;
  readonly master: Host;
  readonly directory: string;
  /** Inside the lab's network. */
  readonly statusPage: string;
  readonly boards: readonly LabBoard[];
  /** `claims`: what it says to be, in the place of what it is. */
  readonly plug: (plan?: Partial<BoardPlan>, claims?: Partial<Identity>) => Promise<LabBoard>;
  readonly pull: (board: LabBoard) => Promise<void>;
  /** Plugs the cable in again; the board ran on meanwhile. */
  readonly putBack: (board: LabBoard) => Promise<void>;
  /** By the daemon's name or the label. */
  readonly find: (name: string) => LabBoard | undefined;
  /** Settles when `holds` does; asked again after every event. Rejects when the signal is aborted. */
  readonly until: (holds: () => boolean, signal: AbortSignal) => Promise<void>;
  readonly close: () => Promise<void>;
};

export const masterAddress = '10.77.0.1';
/** Of a host on the other side of the master (TEST-NET-3, RFC 5737). */
export const outsideAddress = '203.0.113.1';
const uplink = 'uplink0';
const behindMaster = {
  topology: 'behind-master',
  uplink,
  addresses: '10.77.0.100-10.77.0.239',
  dhcp: { mode: 'full', search: 0 },
};
const besideRouter = { dhcp: { mode: 'proxy' } };
const diskBytes = 256 * 2 ** 20;

/** Settles once the daemon serves; boards come by `plug`. If a step fails, everything before it is taken down again. */
export async function startLab(options: LabOptions): Promise<Lab> {
  const { log, onEvent } = options;
  const closing = new AbortController();
  const signal = AbortSignal.any([options.signal, closing.signal]);
  const directory = await mkdtemp(join(tmpdir(), 'bramble-lab-'));
  const boards: LabBoard[] = [];
  const waiting = new Set<() => void>();
  const bases: Base[] = [];
  const cleanUps: (() => Promise<unknown>)[] = [];
  let closed: Promise<void> | undefined;

  async function takeDown(): Promise<void> {
    closing.abort();
    await Promise.allSettled(boards.map(({ hardware }) => hardware.ended));
    for (const cleanUp of cleanUps.reverse()) await cleanUp().catch(() => undefined);
    await rm(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
  const close = (): Promise<void> => {
    closed ??= takeDown();
    return closed;
  };

  const tell = (event: LabEvent): void => {
    onEvent(event);
    for (const wake of waiting) wake();
  };

  try {
    // Its own signal: namespaces go last, after the programs in them.
    const lan = await makeLan({ prefix: runPrefix(), signal: new AbortController().signal });
    cleanUps.push(lan.close);
    const master = await lan.addHost({ name: 'master', address: `${masterAddress}/24` });
    if (options.besideRouter !== true) {
      const outside = await makeLan({ prefix: runPrefix(), signal: new AbortController().signal });
      cleanUps.push(outside.close);
      await outside.addHost({ name: 'outside', address: `${outsideAddress}/24` });
      await outside.addHost({ name: 'master', into: master, interface: uplink, address: '203.0.113.2/24' });
    }
    const gatewaySocket = join(directory, 'gateway.sock');
    await answerForGateway(master, gatewaySocket);
    const data = join(directory, 'data');
    await mkdir(data, { recursive: true });
    const [controlPlane, imported] = await Promise.all([
      startApiServer(options.controlPlane, { directory: join(directory, 'cluster'), netns: master.netns, signal, log }),
      importBases(['cloud-init', 'device-init'], join(data, 'bases'), signal),
    ]);
    cleanUps.push(controlPlane.stop);
    bases.push(...imported);
    cleanUps.push(async () => await Promise.all(bases.map((base) => base.close())));
    const daemon = await prepareDaemon({
      netns: master.netns,
      directory,
      kubeconfig: controlPlane.daemonKubeconfig,
      network: options.besideRouter === true ? besideRouter : behindMaster,
      ...(options.images !== undefined && { images: options.images }),
      ...(options.admission !== undefined && { admission: options.admission }),
      ...(options.keeping !== undefined && { keeping: options.keeping }),
      gatewaySocket,
      signal,
    });
    cleanUps.push(() => daemon.stop('SIGTERM'));
    if (options.besideRouter === true) await startRouter(lan, directory);
    await daemon.start();
    log(`brambled serves at ${masterAddress}`);
    const card = join(directory, 'join-card.img');
    const [kit] = bases;
    if (kit === undefined) throw new Error('no base image');
    const server = `http://${masterAddress}:${httpPort}`;
    await writeJoinCard({ file: card, kit, server, keys: join(data, 'keys'), signal });
    void follow(daemon, boards, tell, signal);

    // Several may be plugged in at once.
    let plugged = 0;
    const plug = async (wanted: Partial<BoardPlan> = {}, claims: Partial<Identity> = {}): Promise<LabBoard> => {
      const usual = wanted.model === undefined ? planAt(plugged) : planFor(wanted.model);
      const plan = { ...usual, ...wanted };
      plugged += 1;
      const number = plugged;
      const label = `pi-${number}`;
      const identity = { ...identityAt(plan, number), ...claims };
      const host = await lan.addHost({ name: label, mac: identity.mac });
      const folder = join(directory, label);
      await putDisk(plan.disk, folder, card);
      const early: BoardEvent[] = [];
      let self: LabBoard | undefined;
      const hardware = await switchOn({
        name: label,
        identity,
        netns: host.netns,
        directory: folder,
        diskBytes,
        bootOrder: plan.bootOrder,
        cache: join(tmpdir(), `bramble-lab-cache-${process.getuid?.() ?? 0}`),
        signal,
        onEvent: (event) => {
          if (self === undefined) early.push(event);
          else {
            self.lastEvent = event;
            tell({ source: 'board', board: self, event });
          }
        },
      });
      const board: LabBoard = {
        ...{ label, plan, identity, hardware, host, name: undefined, state: 'off', address: undefined },
        ...{ lastEvent: undefined, plugged: true, timeline: {}, replicas: undefined },
      };
      self = board;
      boards.push(board);
      for (const event of early) tell({ source: 'board', board, event });
      return board;
    };

    const setCable = async (board: LabBoard, link: 'up' | 'down'): Promise<void> => {
      await lan.setLink(board.host, link);
      board.plugged = link === 'up';
    };

    const until = async (holds: () => boolean, limit: AbortSignal): Promise<void> => {
      const stop = AbortSignal.any([limit, signal]);
      while (!holds()) {
        stop.throwIfAborted();
        const { promise, resolve } = Promise.withResolvers<void>();
        const wake = (): void => resolve();
        waiting.add(wake);
        stop.addEventListener('abort', wake, { once: true });
        await promise;
        waiting.delete(wake);
        stop.removeEventListener('abort', wake);
      }
    };

    return {
      ...{ controlPlane, daemon, lan, master, directory, boards, plug, until, close },
      statusPage: `${server}/`,
      pull: (board) => setCable(board, 'down'),
      putBack: (board) => setCable(board, 'up'),
      find: (name) => boards.find((board) => board.name === name || board.label === name),
    };
  } catch (error) {
    await close();
    throw error;
  }
}

async function startRouter(lan: Lan, directory: string): Promise<void> {
  const router = await lan.addHost({ name: 'router', address: '10.77.0.254/24' });
  const range = ['--dhcp-range=10.77.0.20,10.77.0.60,1h', '--dhcp-authoritative', '--no-ping', '--dhcp-broadcast'];
  const own = ['-d', '--port=0', '--conf-file=/dev/null', '--interface=eth0', '--user=root', '--pid-file'];
  const dnsmasq = router.spawn(['dnsmasq', ...own, ...range, `--dhcp-leasefile=${join(directory, 'leases')}`]);
  await dnsmasq.waitFor(/DHCP, IP range/);
}

async function startApiServer(
  kind: LabOptions['controlPlane'],
  site: { directory: string; netns: string; signal: AbortSignal; log: (line: string) => void },
): Promise<ApiServer> {
  const assets = kind === 'simulator' ? undefined : await findAssets();
  const options = { ...site, address: masterAddress };
  if (assets !== undefined) return await startControlPlane({ ...options, assets });
  const reason =
    kind === 'simulator'
      ? 'as asked'
      : 'its programs are not here; npm run control-plane gets them, and so does having Go';
  site.log(`the API simulator stands in for Kubernetes: ${reason}`);
  return await startApiSimulator(options);
}

/** The daemon's own events, for as long as the lab lives; a killed daemon is followed again once it is back. */
async function follow(
  daemon: Daemon,
  boards: readonly LabBoard[],
  tell: (event: LabEvent) => void,
  signal: AbortSignal,
): Promise<void> {
  let last = 0;
  while (!signal.aborted) {
    try {
      for await (const event of daemon.client.follow({ after: last })) {
        last = event.id;
        const board = boards.find(({ name }) => name === event.device) ?? (await named(daemon, boards, event.device));
        if (board !== undefined) {
          board.state = event.to;
          board.timeline = withEvent(board.timeline, event, board.hardware.switchedOn);
        }
        tell({ source: 'daemon', board, event });
      }
    } catch {
      const { promise, resolve } = Promise.withResolvers<void>();
      setTimeout(resolve, 100);
      await promise;
    }
  }
}

/** A name that is new: the status tells whose hardware address it stands for. */
async function named(daemon: Daemon, boards: readonly LabBoard[], name: string): Promise<LabBoard | undefined> {
  const { devices } = await daemon.client.status();
  for (const device of devices) {
    const board = boards.find(({ identity }) => device.macs.includes(identity.mac));
    if (board === undefined) continue;
    board.name = device.name;
    if (device.address !== null) board.address = device.address;
  }
  return boards.find((board) => board.name === name);
}
