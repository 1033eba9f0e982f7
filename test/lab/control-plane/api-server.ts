/** What the lab knows of an API server, be it the real control plane or the simulator. */

/** Whom `daemonToken` makes of its bearer. */
export const labDaemon = { kind: 'User', name: 'bramble', apiGroup: 'rbac.authorization.k8s.io' } as const;

export type ApiServerOptions = {
  /** Where keys, kubeconfigs, logs and data go. With an earlier run's folder the same cluster comes back. */
  readonly directory: string;
  /** The address it listens on, and the one that nodes are told to use. */
  readonly address: string;
  /** 6443 unless given; 0 takes a free one. */
  readonly port?: number;
  /** Run inside this network namespace. */
  readonly netns?: string;
  /** Ends everything; `stop()` waits for it. */
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
};

export type ApiServer = {
  readonly server: string;
  /** As the server names itself: `v1.34.2`, or `simulator`. */
  readonly version: string;
  readonly caPem: string;
  /** A member of system:masters: the lab's own hand. */
  readonly adminKubeconfig: string;
  readonly adminToken: string;
  /** The user `bramble`, with the rights of daemon/cluster/account.ts and no more. */
  readonly daemonKubeconfig: string;
  readonly daemonToken: string;
  /** What runs, for measuring and for killing one of them on purpose. */
  readonly processes: ReadonlyArray<{ readonly name: string; readonly pid: number }>;
  /** Settles when every process has ended. May be called more than once. */
  readonly stop: () => Promise<void>;
};
