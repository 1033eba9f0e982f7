/** A LAN of the run's own: the real control plane and the real daemon on the master, and boards that have their system already. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client } from '../../../cli/client.ts';
import { pinnedK3sVersion } from '../../../config/k3s-release.ts';
import type { DriverName } from '../../../daemon/join/driver.ts';
import type { ApiServer } from '../../lab/control-plane/api-server.ts';
import { findAssets, startControlPlane } from '../../lab/control-plane/start.ts';
import { type Daemon, startDaemon } from '../../support/daemon.ts';
import { startK3sSupervisor } from '../../support/k3s-supervisor-stand-in.ts';
import { type Host, makeLan, runPrefix } from '../../support/netns.ts';
import { killNow, type Running } from '../../support/program.ts';
import { until } from '../../support/until.ts';
import { type Api, openApi } from './api.ts';
import {
  type Board,
  type Cut,
  cutCommand,
  installPrograms,
  k3sProgram,
  startBoard,
  startLegacyBoard,
} from './board.ts';
import { putRelease } from './release.ts';
import { boardAt, seedBoards } from './seed.ts';

export const masterAddress = '10.77.0.1';
export const httpPort = 8067;

export type Site = {
  readonly master: Host;
  readonly folder: string;
  readonly dataDirectory: string;
  readonly api: Api;
  /** A board joins with a token of the cluster's. */
  readonly usesTokens: boolean;
  readonly server: Pick<ApiServer, 'server' | 'caPem'>;
  readonly client: () => Client;
  /** So many more, with their system on their disk: stops the daemon, and starts it again. They are off. */
  readonly expect: (count: number) => Promise<readonly Expected[]>;
  readonly stop: () => Promise<void>;
  readonly kill: () => Promise<void>;
  readonly start: () => Promise<void>;
  /** All that the daemon wrote to its log, over all its lives. */
  readonly log: () => string;
  readonly ready: (boards: readonly Pick<Expected, 'name'>[], seconds: number) => Promise<void>;
  readonly host: (name: string, how: { readonly address?: string; readonly mac?: string }) => Promise<Host>;
  readonly close: () => Promise<void>;
};

/** A board that was installed. */
export type Expected = {
  readonly id: string;
  readonly name: string;
  readonly address: string;
  readonly serial: string;
  readonly host: Host;
  /** Of its image. */
  readonly hostKey: string;
  /** Before it is switched on: which of its commands is cut, and how. */
  readonly prepare: (cut: { readonly command: number; readonly how: Cut }) => Promise<void>;
  /** With the host key of its image, unless another is given. */
  readonly switchOn: (hostKey?: string) => Promise<Board>;
};

export async function openSite(driver: DriverName, options: { readonly parallel?: number } = {}): Promise<Site> {
  const assets = await findAssets();
  if (assets === undefined) throw new Error('there is no control plane: run .ci/control-plane');
  const folder = await mkdtemp(join(tmpdir(), 'bramble-join-'));
  const lan = await makeLan({ prefix: runPrefix(), signal: new AbortController().signal });
  const ends: (() => Promise<unknown>)[] = [
    () => rm(folder, { recursive: true, force: true, maxRetries: 10 }),
    lan.close,
  ];
  const close = async (): Promise<void> => {
    for (const end of ends.splice(0).reverse()) await end().catch(() => undefined);
  };
  try {
    const master = await lan.addHost({ name: 'master', address: `${masterAddress}/24` });
    const signal = new AbortController().signal;
    const where = { assets, directory: join(folder, 'cluster'), address: masterAddress, netns: master.netns };
    const how = { ...where, signal, log: () => undefined };
    const server = await clusterOf(driver, how);
    ends.push(server.stop);
    const bin = await installPrograms(folder);
    const data = join(folder, 'data');
    await mkdir(data);
    if (driver === 'k3s') await putRelease(data, pinnedK3sVersion, k3sProgram(bin));
    const api = await openApi(master, folder, server);
    const programs: Running[] = [];
    const settings = {
      cluster: {
        ...{ driver, kubeconfig: server.daemonKubeconfig },
        ...(driver === 'kube-config' && { controlPlane: boardAt(1).name }),
      },
      ...(options.parallel !== undefined && { join: { parallel: options.parallel } }),
      http: { port: httpPort },
    };
    let daemon: Daemon | undefined;
    const running = (): Daemon => {
      if (daemon === undefined) throw new Error('the daemon does not run');
      return daemon;
    };
    const start = async (): Promise<void> => {
      daemon = await startDaemon(master, folder, '10.77.0.100-10.77.0.239', settings);
      programs.push(daemon.program);
    };
    const stop = async (): Promise<void> => {
      await daemon?.program.kill();
      daemon = undefined;
    };
    const kill = async (): Promise<void> => {
      const { program } = running();
      killNow(program.pid);
      await program.exited;
      daemon = undefined;
    };
    ends.push(stop);
    let known = 0;
    const expect: Site['expect'] = async (count) => {
      await stop();
      const { boards, authorized } = await seedBoards(data, known + 1, count);
      known += count;
      const hosts = await lan.addHosts(
        boards.map(({ name, mac, address }) => ({ name, mac, address: `${address}/24` })),
      );
      await start();
      return boards.map(({ id, name, address, serial, hostKey }, index) => {
        const host = hosts[index];
        if (host === undefined) throw new Error('no host was made');
        const own = join(folder, name);
        return {
          ...{ id, name, address, serial, hostKey, host },
          prepare: (cut) => cutCommand(own, cut),
          switchOn: async (other = hostKey) => {
            await host.exec(['ip', 'route', 'add', 'default', 'via', masterAddress]);
            const spec = { name, address, host, folder: own, bin, hostKey: other, authorized };
            const board = await (driver === 'kube-config' ? startLegacyBoard(spec) : startBoard(spec));
            ends.push(board.powerOff);
            return board;
          },
        };
      });
    };
    const ready: Site['ready'] = async (boards, seconds) => {
      let left: readonly string[] = [];
      const look = async (): Promise<boolean> => {
        const { devices } = await running().client.status();
        const settled = (name: string): boolean =>
          devices.some((device) => device.name === name && device.state === 'ready' && device.why === 'Node is Ready');
        left = boards.flatMap(({ name }) => (settled(name) ? [] : [name]));
        return left.length === 0;
      };
      await until('boards are Ready', seconds, look).catch(async (error: unknown) => {
        const { devices } = await running().client.status();
        const stuck = devices
          .filter(({ name }) => left.includes(name))
          .map(({ name, state, why }) => `${name} ${state}: ${why}`);
        throw new Error(`${String(error)}\n${stuck.join('\n')}`);
      });
    };
    return {
      usesTokens: driver !== 'kube-config',
      ...{ master, folder, dataDirectory: data, api, server, expect, stop, kill, start, ready, close },
      client: () => running().client,
      log: () => programs.map((program) => program.stdout() + program.stderr()).join(''),
      host: (name, how) => lan.addHost({ name, ...how }),
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Under kube-config it is on the first board, as soon as that one has joined, without TLS and without a password. */
async function clusterOf(
  driver: DriverName,
  how: Parameters<typeof startControlPlane>[0],
): Promise<Pick<ApiServer, 'server' | 'caPem' | 'adminToken' | 'daemonKubeconfig' | 'stop'>> {
  switch (driver) {
    case 'k3s':
      return startK3sSupervisor(how);
    case 'kubeadm':
      return startControlPlane(how);
    case 'kube-config': {
      const server = `http://${boardAt(1).address}:8080`;
      return { server, caPem: '', adminToken: 'none', daemonKubeconfig: '/nonexistent', stop: async () => undefined };
    }
  }
}
