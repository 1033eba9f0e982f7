/** What joining needs of the cluster: types only. `daemon/cluster` fulfils them, and `app.ts` brings the two together. */
import type { Problem, Result } from '../../config/result.ts';
import type { Millis } from '../../config/values.ts';
import type { CertificateRequest } from './approve.ts';

export type KubeRequest = (
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
  path: string,
  options: {
    readonly body?: unknown;
    readonly accept?: string;
    readonly signal: AbortSignal;
    readonly timeout?: Millis;
  },
) => Promise<Result<unknown, Problem>>;

export type JoinedNode = {
  readonly name: string;
  readonly uid: string;
  readonly ready: boolean;
  readonly internalIp: string | undefined;
  /** Its label `bramble.dev/device`: the board that was joined under this name. Undefined for a Node that is not ours. */
  readonly device: string | undefined;
};

export type JoinCluster = {
  readonly request: KubeRequest;
  /** Asks the server: nothing is taken down on the word of a copy that may not have been filled yet. */
  readonly readNode: (name: string, signal: AbortSignal) => Promise<Result<JoinedNode | undefined, Problem>>;
  /** From the watch: free of cost, and as old as the watch is. */
  readonly node: (name: string) => JoinedNode | undefined;
  /** Calls back after every change of any Node, until the returned function is called. */
  readonly onNodes: (listener: () => void) => () => void;
  /** Settles when the signal is aborted. Calls back for each request that is new or has changed. */
  readonly watchCsrs: (options: {
    readonly signal: AbortSignal;
    readonly onRequest: (request: CertificateRequest) => void;
  }) => Promise<void>;
  readonly releaseQuarantine: (name: string, uid: string, signal: AbortSignal) => Promise<Result<void, Problem>>;
  readonly putQuarantine: JoinCluster['releaseQuarantine'];
  /** A Node that is not there, or has another uid by now, is a success. */
  readonly deleteNode: (name: string, uid: string, signal: AbortSignal) => Promise<Result<void, Problem>>;
};
