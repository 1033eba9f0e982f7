/**
 * The proof that a board is off, and how far what follows from it is. On disk before it counts: a daemon that is restarted half-way
 * neither forgets that a board is off by its own doing nor believes a proof it does not have. Pure.
 */

/** `uid`: of its Node. `switched`: its power is off by our doing, and is put on again. */
export type Proof = { readonly uid: string; readonly by: string; readonly step: ProofStep; readonly switched: boolean };
/**
 * `switching`: its power is being taken; nothing is proven. `given`: its pods are let go of. `ending`: nothing waits for it any more;
 * what was done for it is undone.
 */
export type ProofStep = 'switching' | 'given' | 'ending';

const steps: readonly ProofStep[] = ['switching', 'given', 'ending'];

/** By the name of the Node. */
export type Proofs = ReadonlyMap<string, Proof>;

export const proofsText = (proofs: Proofs): string => JSON.stringify(Object.fromEntries(proofs));

/** What cannot be read proves nothing. */
export function readProofs(text: string | undefined): Proofs {
  if (text === undefined) return new Map();
  try {
    return new Map(Object.entries(Object(JSON.parse(text))).flatMap(([name, value]) => readProof(name, value)));
  } catch {
    return new Map();
  }
}

function readProof(name: string, value: unknown): readonly (readonly [string, Proof])[] {
  const { uid, by, step, switched }: Record<string, unknown> = Object(value);
  const known = steps.find((one) => one === step);
  if (typeof uid !== 'string' || typeof by !== 'string' || known === undefined) return [];
  return [[name, { uid, by, step: known, switched: switched === true }]];
}

/** Set by hand, or by whoever knows that a Node is off, so that its volumes are let go of at once (Kubernetes 1.26 and newer). */
export const outOfService = {
  key: 'node.kubernetes.io/out-of-service',
  value: 'nodeshutdown',
  effect: 'NoExecute',
} as const;

/** `v1.34.2+k3s1`. */
export function knowsOutOfService(version: string): boolean {
  const [, major, minor] = /^v?(\d+)\.(\d+)/.exec(version) ?? [];
  return Number(major) > 1 || (Number(major) === 1 && Number(minor) >= 26);
}
