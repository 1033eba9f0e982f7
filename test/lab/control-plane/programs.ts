/** The four programs of a control plane and their flags. */
import { join } from 'node:path';
import type { Program } from './child.ts';
import type { Pki } from './pki.ts';

export type Ports = {
  readonly api: number;
  readonly etcd: number;
  readonly etcdPeer: number;
  readonly controllerManager: number;
  readonly scheduler: number;
};

export const usualPorts: Ports = { api: 6443, etcd: 2379, etcdPeer: 2380, controllerManager: 10257, scheduler: 10259 };

type Site = {
  readonly assets: string;
  readonly directory: string;
  readonly address: string;
  readonly netns: string | undefined;
  readonly ports: Ports;
  readonly pki: Pki;
  readonly tokenFile: string;
  readonly adminKubeconfig: string;
};

/** RFC 5737: for a cluster on loopback, whose API server refuses to advertise that. */
const documentationAddress = '192.0.2.1';

export function programs(site: Site): Record<'etcd' | 'apiServer' | 'controllerManager' | 'scheduler', Program> {
  const { address, ports, pki, adminKubeconfig } = site;
  const program = (name: string, flags: Readonly<Record<string, string | number | boolean>>): Program => ({
    name,
    command: join(site.assets, name),
    args: Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`),
    netns: site.netns,
    logFile: join(site.directory, 'log', `${name}.log`),
    // The API server waits for open watches before it goes; nothing of a lab cluster is worth that.
    patienceMs: 2000,
  });
  const etcdUrl = `http://127.0.0.1:${ports.etcd}`;
  const peerUrl = `http://127.0.0.1:${ports.etcdPeer}`;
  const clientFlags = {
    kubeconfig: adminKubeconfig,
    'authentication-kubeconfig': adminKubeconfig,
    'authorization-kubeconfig': adminKubeconfig,
    'authentication-skip-lookup': true,
    'bind-address': '127.0.0.1',
    'leader-elect': false,
  };
  return {
    etcd: program('etcd', {
      'data-dir': join(site.directory, 'etcd'),
      'listen-client-urls': etcdUrl,
      'advertise-client-urls': etcdUrl,
      'listen-peer-urls': peerUrl,
      'initial-advertise-peer-urls': peerUrl,
      'initial-cluster': `default=${peerUrl}`,
      'unsafe-no-fsync': true,
      'log-level': 'warn',
    }),
    apiServer: program('kube-apiserver', {
      'etcd-servers': etcdUrl,
      'bind-address': address,
      'advertise-address': address.startsWith('127.') ? documentationAddress : address,
      'secure-port': ports.api,
      'tls-cert-file': pki.serverCert,
      'tls-private-key-file': pki.serverKey,
      'client-ca-file': pki.caCert,
      'service-account-issuer': 'https://kubernetes.default.svc',
      'service-account-signing-key-file': pki.accountKey,
      'service-account-key-file': pki.accountPublicKey,
      'service-cluster-ip-range': '10.43.0.0/16',
      'authorization-mode': 'Node,RBAC',
      'enable-admission-plugins': 'NodeRestriction',
      'anonymous-auth': true,
      'enable-bootstrap-token-auth': true,
      'token-auth-file': site.tokenFile,
      'allow-privileged': true,
    }),
    controllerManager: program('kube-controller-manager', {
      ...clientFlags,
      'secure-port': ports.controllerManager,
      'service-account-private-key-file': pki.accountKey,
      'root-ca-file': pki.caCert,
      'cluster-signing-cert-file': pki.caCert,
      'cluster-signing-key-file': pki.caKey,
      controllers: '*,bootstrap-signer-controller,token-cleaner-controller',
      'use-service-account-credentials': false,
    }),
    scheduler: program('kube-scheduler', { ...clientFlags, 'secure-port': ports.scheduler }),
  };
}
