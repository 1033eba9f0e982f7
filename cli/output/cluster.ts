/** What `cluster show` tells. Pure. */
import type { K3sRecordFile } from '../../config/k3s-release.ts';
import { sizeText } from '../../config/values.ts';
import { type Column, table } from './table.ts';
import { harmless, type Paint } from './terminal.ts';

export type ShownCluster = {
  readonly driver: string;
  /** Of k3s, as bramble.yaml has it; null for another driver. */
  readonly version: string | null;
  readonly files: readonly K3sRecordFile[];
  /** Other releases in the data. */
  readonly others: readonly string[];
  /** Of this machine's k3s.service; null if there is none. */
  readonly service: { readonly active: string; readonly enabled: boolean; readonly ours: boolean } | null;
  readonly account: {
    readonly kubeconfig: string;
    readonly server: string | null;
    /** Kubernetes', once the account was let in. */
    readonly version: string | null;
    /** Rights that it has not and needs. */
    readonly lacks: readonly string[];
  };
  /** What keeps boards from joining, with what to do; empty when all is well. */
  readonly wrong: readonly string[];
};

export function clusterText(shown: ShownCluster, look: { readonly width: number; readonly paint: Paint }): string {
  const { driver, version, files, others, service, account, wrong } = shown;
  const fields: readonly (readonly [string, string])[] = [
    ['Driver', version === null ? driver : `${driver} ${version}`],
    ...(service === null
      ? []
      : ([
          [
            'Service',
            `${service.active}${service.enabled ? '' : ', not enabled'}${service.ours ? '' : ', not installed by bramble'}`,
          ],
        ] as const)),
    ['Account', account.kubeconfig],
    ['Server', [account.server ?? '–', account.version ?? 'not reached'].join(', ')],
    ...(others.length === 0 ? [] : ([['Also here', others.join(', ')]] as const)),
  ];
  const columns: readonly Column<K3sRecordFile>[] = [
    { title: 'FILE', text: ({ name }) => name },
    { title: 'FOR', text: ({ arch }) => arch },
    { title: 'SIZE', text: ({ bytes }) => sizeText(bytes) },
    { title: 'SHA-256', text: ({ sha256 }) => sha256 },
  ];
  const head = fields.map(([title, text]) => `${title.padEnd(10)} ${harmless(text)}\n`).join('');
  const tail = wrong.map((line) => `${look.paint('WRONG', 'red')}  ${harmless(line)}\n`).join('');
  return head + (files.length === 0 ? '' : `\n${table(columns, files, look)}`) + (tail === '' ? '' : `\n${tail}`);
}
