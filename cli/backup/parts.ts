/** What this machine is that no other could make again: what a backup holds, and where each part belongs. */
import { join } from 'node:path';
import { databaseFile } from '../../config/backup-name.ts';
import type { Config } from '../../config/schema.ts';
import { serverPaths } from '../cluster/server-config.ts';

export type Part = {
  /** In the archive; a folder's files are below it. */
  readonly name: string;
  readonly path: string;
  /** A database is copied as SQLite does it, also while somebody writes to it. */
  readonly kind: 'database' | 'folder' | 'file';
  /** Whose it is on this machine: the daemon's user's, root's, or root's for the daemon's group to read. */
  readonly owner: 'bramble' | 'root' | 'group';
};

/** Of everything else, images and programs, the same can be had again. */
export const bramblePart: Part['name'] = 'bramble/database.db';
export const configPart: Part['name'] = 'config/bramble.yaml';

export function brambleParts(config: Config, configFile: string): readonly Part[] {
  return [
    { name: 'bramble/keys', path: join(config.data, 'keys'), kind: 'folder', owner: 'bramble' },
    { name: bramblePart, path: join(config.data, databaseFile), kind: 'database', owner: 'bramble' },
    { name: configPart, path: configFile, kind: 'file', owner: 'group' },
    { name: 'config/kubeconfig', path: config.cluster.kubeconfig, kind: 'file', owner: 'group' },
  ];
}

/** Of a k3s server with its usual datastore. The token is what the secrets in the datastore are locked with. */
export function clusterParts(folder = '/var/lib/rancher/k3s/server', config: string = serverPaths.config) {
  const parts: readonly Part[] = [
    { name: 'k3s/config.yaml', path: config, kind: 'file', owner: 'root' },
    { name: 'k3s/token', path: join(folder, 'token'), kind: 'file', owner: 'root' },
    { name: 'k3s/tls', path: join(folder, 'tls'), kind: 'folder', owner: 'root' },
    { name: 'k3s/cred', path: join(folder, 'cred'), kind: 'folder', owner: 'root' },
    { name: 'k3s/state.db', path: join(folder, 'db/state.db'), kind: 'database', owner: 'root' },
  ];
  return { parts, etcd: join(folder, 'db/etcd') };
}
