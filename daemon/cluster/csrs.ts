/** Certificate requests of nodes that are joining. */
import type { WatchOptions } from './nodes.ts';
import { type Reflector, reflect } from './watch.ts';
import { field, list, text } from './watch-event.ts';

export type CsrFacts = {
  readonly name: string;
  readonly uid: string;
  readonly username: string;
  readonly signerName: string;
  readonly usages: readonly string[];
  /** `spec.request`: base64 over PEM; empty once decided, it is of no more use then. */
  readonly request: string;
  /** It has been approved, denied, or has failed. */
  readonly decided: boolean;
};

export const csrsPath = '/apis/certificates.k8s.io/v1/certificatesigningrequests';

export function readCsr(object: unknown): CsrFacts | undefined {
  const [metadata, spec] = [field(object, 'metadata'), field(object, 'spec')];
  const [name, uid] = [text(field(metadata, 'name')), text(field(metadata, 'uid'))];
  if (name === undefined || uid === undefined) return undefined;
  const decided = list(field(field(object, 'status'), 'conditions')).length > 0;
  return {
    ...{ name, uid, decided },
    username: text(field(spec, 'username')) ?? '',
    signerName: text(field(spec, 'signerName')) ?? '',
    usages: list(field(spec, 'usages')).flatMap((usage) => text(usage) ?? []),
    request: decided ? '' : (text(field(spec, 'request')) ?? ''),
  };
}

/** `onRequest` is called for each request that is new or has changed. */
export const watchCsrs = (
  options: WatchOptions & { readonly onRequest: (csr: CsrFacts) => void },
): Reflector<CsrFacts> =>
  reflect({
    ...options,
    path: csrsPath,
    project: readCsr,
    onChange: ({ type, item }) => {
      if (type !== 'removed') options.onRequest(item);
    },
  });
