/** kubeadm's JoinConfiguration, kubeadm.k8s.io/v1beta4: the fields that a worker's join uses. */
import { parse } from 'yaml';
import { z } from 'zod';

/** A Go duration such as `5m0s`, in milliseconds. */
const duration = z
  .string()
  .regex(/^(\d+h)?(\d+m)?(\d+s)?$/, 'must be a duration such as 5m0s')
  .transform((text) => {
    const part = (unit: string): number => Number(new RegExp(`(\\d+)${unit}`).exec(text)?.[1] ?? 0);
    return ((part('h') * 60 + part('m')) * 60 + part('s')) * 1000;
  });

const taint = z.object({
  key: z.string().min(1),
  value: z.string().default(''),
  effect: z.enum(['NoSchedule', 'PreferNoSchedule', 'NoExecute']),
});

const schema = z.object({
  apiVersion: z.literal('kubeadm.k8s.io/v1beta4'),
  kind: z.literal('JoinConfiguration'),
  discovery: z.object({
    bootstrapToken: z.object({
      token: z.string().regex(/^[a-z0-9]{6}\.[a-z0-9]{16}$/, 'must be of the form id.secret'),
      apiServerEndpoint: z.string().regex(/^[^/\s]+:\d+$/, 'must be of the form host:port'),
      caCertHashes: z
        .array(z.string().regex(/^sha256:[0-9a-f]{64}$/i, 'must be sha256: and 64 hex digits'))
        .min(1, 'discovery without caCertHashes is unsafe'),
    }),
    /** Separate from `bootstrapToken.token` only in set-ups that this stand-in does not know. */
    tlsBootstrapToken: z.string().optional(),
  }),
  nodeRegistration: z.object({
    name: z.string().regex(/^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$/, 'must be a node name'),
    taints: z.array(taint).default([]),
    kubeletExtraArgs: z.array(z.object({ name: z.string(), value: z.string() })).default([]),
    ignorePreflightErrors: z.array(z.string()).default([]),
  }),
  timeouts: z.object({ discovery: duration.optional(), tlsBootstrap: duration.optional() }).default({}),
});

export type JoinConfiguration = z.infer<typeof schema>;

/** Throws with every problem and its path. */
export function parseJoinConfiguration(text: string): JoinConfiguration {
  const parsed = schema.safeParse(parse(text));
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
  throw new Error(`invalid JoinConfiguration: ${problems.join('; ')}`);
}
