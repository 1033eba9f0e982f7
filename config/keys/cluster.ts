/** Keys about the cluster: joining it, and keeping it. */
import { z } from 'zod';
import { k3sVersionPattern, pinnedK3sVersion } from '../k3s-release.ts';
import { secretText } from '../secret.ts';
import { type Hostname, parseHostname } from '../values.ts';
import { parsedBy, subnet } from './parsers.ts';

export const clusterKeys = {
  cluster: z
    .strictObject({
      driver: z
        .enum(['k3s', 'kubeadm', 'kube-config'])
        .default('k3s')
        .describe(
          'How boards join. `k3s`: they get k3s from the master, which `bramble cluster install` made a k3s server of. `kubeadm`: the plain TLS bootstrap, into a cluster that is there. `kube-config`: Kubernetes on ARM 0.8.0 on HypriotOS (Kubernetes 1.3.6), legacy: without failover and balance, and whoever is on the network may do everything.',
        ),
      controlPlane: parsedBy<Hostname>(parseHostname)
        .optional()
        .describe('`kube-config` only: the board that carries the cluster, by its name; the others join it.'),
      version: z
        .string()
        .regex(k3sVersionPattern, `a release of k3s such as ${pinnedK3sVersion}`)
        .default(pinnedK3sVersion)
        .describe('The release of k3s that `bramble cluster fetch` gets, and that master and boards run.'),
      kubeconfig: z
        .string()
        .startsWith('/', 'an absolute path')
        .default('/etc/bramble/kubeconfig')
        .describe('Credentials of the daemon’s own account in the cluster; `bramble cluster install` writes them.'),
      server: z
        .url({ protocol: /^https?$/, error: 'an address such as https://192.168.1.10:6443' })
        .optional()
        .describe(
          'API server as the boards reach it. Default: the server of the kubeconfig. `kube-config` only: `http://192.168.1.10:8080`, of a master that is no board of ours.',
        ),
      workloadOnMaster: z
        .boolean()
        .default(false)
        .describe(
          'Whether the master may carry pods of yours, for a cluster of one or two boards. `false`: it is tainted at the start (node-role.kubernetes.io/control-plane:NoSchedule), and what can move is moved.',
        ),
      ranges: z
        .array(subnet)
        .optional()
        .describe(
          'Addresses of pods and services, which the boards’ subnet must not touch. Default: what the driver’s distribution takes if nobody says otherwise.',
        ),
    })
    .prefault({}),
  join: z
    .strictObject({
      parallel: z
        .int()
        .min(1)
        .max(64)
        .default(8)
        .describe('Boards that are sent the programs of the cluster at the same time.'),
      firstLogin: z
        .strictObject({
          user: z
            .string()
            .regex(/^[a-z_][a-z0-9_-]{0,31}$/, 'the name of a user, such as pirate')
            .describe('Who may log in, and is root or may use sudo.'),
          password: z
            .string()
            .min(1)
            .max(128)
            .refine((text) => !/\p{Cc}/u.test(text), 'one line')
            .transform(secretText)
            .describe('The published password of the image. It is used once for each board, and taken away there.'),
        })
        .optional()
        .describe(
          'For boards that run a system which was flashed by hand: the login that its image came with. Such a board is taken in with one try, which leaves it with our keys and without passwords. Without this they are not touched.',
        ),
    })
    .prefault({}),
  failover: z
    .strictObject({
      mode: z
        .enum(['on', 'off'])
        .default('on')
        .describe(
          '`on`: the pods of a board that is gone are replaced within seconds. `off`: when Kubernetes says so.',
        ),
      after: z
        .int()
        .min(2)
        .max(600)
        .default(4)
        .describe('Seconds for which two independent signs have to say that a board is gone.'),
    })
    .prefault({}),
  balance: z
    .enum(['on-change', 'always', 'off'])
    .default('on-change')
    .describe(
      'Keeps replicas even over the boards. `on-change`: after a board joined or came back. `always`: whenever they are uneven. `off`: only `bramble balance`.',
    ),
  power: z
    .strictObject({
      command: z
        .string()
        .startsWith('/', 'an absolute path')
        .optional()
        .describe(
          'Your program that switches a board’s power, at a PoE switch or a plug: it is run as `COMMAND on|off|state NAME MAC ADDRESS`. Without it boards are switched by hand.',
        ),
      batch: z.int().min(1).max(64).default(5).describe('Boards that are switched on, or shut down, at the same time.'),
    })
    .prefault({}),
} as const;
