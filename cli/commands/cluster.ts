import type { Command } from 'commander';
import type { Client } from '../client.ts';
import type { ExitCode } from '../exit-codes.ts';
import type { Terminal } from '../output/terminal.ts';
import { addClusterFetch } from './cluster-fetch.ts';
import { addClusterInstall } from './cluster-install.ts';
import { addClusterShow } from './cluster-show.ts';

export type ClusterDeps = {
  readonly client: () => Client;
  readonly terminal: Terminal;
  readonly done: (code: ExitCode) => void;
};

/** The `cluster` commands: what the master needs to be before boards can join. They work on this machine. */
export function addCluster(parent: Command, deps: ClusterDeps): void {
  const cluster = parent
    .command('cluster')
    .description('the cluster that boards join: get k3s, make this machine its server');
  addClusterFetch(cluster, deps);
  addClusterInstall(cluster, deps);
  addClusterShow(cluster, deps);
}
