/** A lab with the master as a Node, workers, kube-proxy, and the eyes of a story on it. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Admin, openAdmin } from '../../lab/admin.ts';
import { type Lab, type LabBoard, masterAddress, startLab } from '../../lab/lab.ts';
import { findKubeProxy, startKubeProxy } from '../../lab/page/kube-proxy.ts';
import { startMasterNode } from '../../lab/page/master-node.ts';
import { monotonicNow, type Reader, startReader } from '../../lab/page/reader.ts';
import { deployment, deployments, pagePort, service, services } from '../../lab/page/workload.ts';
import { openPowerStrip, type PowerStrip } from '../../lab/power-strip.ts';
import { type Finished, finish, startProgram } from '../../support/program.ts';
import type { Check } from '../scenario.ts';
import { isOpen, openView, type View } from './view.ts';

const cli = fileURLToPath(new URL('../../../cli/main.ts', import.meta.url));

export type Stage = {
  readonly check: Check;
  readonly say: (line: string) => void;
};

export type Site = Stage & {
  readonly lab: Lab;
  readonly admin: Admin;
  readonly view: View;
  readonly strip: PowerStrip;
  /** What became of the boards, in order: `worker-kube1 ready`, `worker-kube1 halted`. */
  readonly happened: ReadonlyArray<{ readonly at: number; readonly what: string }>;
  /** `bramble ARGS`, as the owner types it. */
  readonly bramble: (args: readonly string[], seconds?: number) => Promise<Finished>;
  /** Plugs in so many boards and settles when their Nodes are Ready. */
  readonly plug: (count: number) => Promise<readonly LabBoard[]>;
  readonly board: (name: string) => LabBoard;
  /** Settles when failover would act: not in the daemon's first minute, and every board has answered. */
  readonly watched: () => Promise<void>;
  /** `kubectl create deployment`. */
  readonly create: (name: string, replicas: number) => Promise<void>;
  /** `kubectl scale`. */
  readonly scale: (name: string, replicas: number) => Promise<void>;
  /** `kubectl expose`; somebody reads it from then on. */
  readonly expose: (name: string) => Promise<Reader>;
};

const plugSeconds = 240;
const watchSeconds = 180;

export type Scene = {
  readonly workers: number;
  /** Of bramble.yaml. */
  readonly failover?: Readonly<Record<string, unknown>>;
  /** Boards are switched by the daemon, so many at a time; 0: there is no command for it. */
  readonly powerBatch?: number;
};

/** Plays `story` there and takes everything down. */
export async function withSite(
  { check, say }: Stage,
  { workers, failover, powerBatch = 5 }: Scene,
  story: (site: Site) => Promise<void>,
): Promise<void> {
  const kubeProxy = await findKubeProxy('build');
  if (kubeProxy === undefined) throw new Error('there is no kube-proxy: run .ci/control-plane --proxy');
  const closing = new AbortController();
  const { signal } = closing;
  let started: Lab | undefined;
  const happened: { at: number; what: string }[] = [];
  const strip = await openPowerStrip(() => started?.boards ?? []);
  try {
    const lab = await startLab({
      controlPlane: 'auto',
      keeping: {
        ...(failover !== undefined && { failover }),
        ...(powerBatch > 0 && { power: { command: strip.command, batch: powerBatch } }),
      },
      signal,
      log: () => undefined,
      onEvent: ({ source, board, event }) => {
        const name = board?.name ?? board?.label ?? '';
        if (source === 'board') happened.push({ at: Date.now(), what: `${name} ${event.event}` });
        else if (event.from !== event.to) {
          happened.push({ at: Date.now(), what: `${event.device} ${event.to}` });
          say(`  ${event.device}: ${event.from} → ${event.to}  ${event.reason}`);
        }
      },
    });
    started = lab;
    const admin = await openAdmin(lab, signal);
    await startMasterNode(lab, admin, signal);
    const view = openView(admin, monotonicNow, signal);
    await startKubeProxy(lab, kubeProxy, signal);
    const plug = async (count: number): Promise<readonly LabBoard[]> => {
      const boards: LabBoard[] = [];
      for (let each = 0; each < count; each += 1) boards.push(await lab.plug({ model: 'pi4' }));
      await lab.until(() => boards.every(({ state }) => state === 'ready'), AbortSignal.timeout(plugSeconds * 1000));
      // Ready comes a moment before quarantine ends.
      await view.until('they may have work', 60, () =>
        boards.every(({ name }) => view.nodes().some((node) => node.metadata.name === name && isOpen(node))),
      );
      return boards;
    };
    const site: Site = {
      ...{ check, say, lab, admin, view, strip, happened, plug },
      bramble: (args, seconds = 60) => {
        const env = { BRAMBLE_SOCKET: join(lab.directory, 'brambled.sock') };
        return finish(startProgram([process.execPath, cli, ...args], { env }), { deadlineMs: seconds * 1000 });
      },
      board: (name) => {
        const board = lab.find(name);
        if (board === undefined) throw new Error(`there is no board ${name}`);
        return board;
      },
      watched: () =>
        view.until('failover watches', watchSeconds, async () => {
          const { held, boards } = await lab.daemon.client.failover();
          return held === null && boards.length > 0 && boards.every(({ path }) => path === 'alive');
        }),
      create: (name, replicas) => admin.create(deployments, deployment(name, replicas)),
      scale: async (name, replicas) => {
        await admin.call('PATCH', `${deployments}/${name}/scale`, { body: { spec: { replicas } }, patch: 'merge' });
      },
      expose: async (name) => {
        await admin.create(services, service(name, masterAddress));
        const reader = await startReader(lab, `http://${masterAddress}:${pagePort}/`, signal);
        await reader.until('the page', 60, ({ ok }) => ok);
        return reader;
      },
    };
    await plug(workers);
    await story(site).catch(async (error: unknown) => {
      say(await lab.daemon.lastLines());
      throw error;
    });
  } finally {
    closing.abort();
    await started?.close();
    await strip.close();
  }
}
