/** Which objects of a collection a list or a watch is about: pure. */
import type { Target } from './resources.ts';
import { StatusError } from './status.ts';
import type { Stored } from './store.ts';

export type Filter = (object: Stored) => boolean;

const fields: Readonly<Record<string, (object: Stored) => unknown>> = {
  'metadata.name': ({ metadata }) => metadata.name,
  'metadata.namespace': ({ metadata }) => metadata.namespace,
  'spec.nodeName': ({ spec }) => (spec as { nodeName?: string } | undefined)?.nodeName ?? '',
  'spec.signerName': ({ spec }) => (spec as { signerName?: string } | undefined)?.signerName,
  type: ({ type }) => type,
};

const requirements = (text: string | null): Array<[string, string]> =>
  (text ?? '')
    .split(',')
    .filter((part) => part !== '')
    .map((part) => {
      const [, key = '', value = ''] = /^([^=!]+)==?(.*)$/.exec(part) ?? [];
      if (key === '') throw new StatusError(400, 'BadRequest', `the simulator knows key=value selectors only: ${part}`);
      return [key, value];
    });

type Labels = Readonly<Record<string, string>>;

/** `key`, `key=value` and `key!=value`; what is not there is unequal. */
const labelRequirements = (text: string | null): Array<(labels: Labels) => boolean> =>
  (text ?? '')
    .split(',')
    .filter((part) => part !== '')
    .map((part) => {
      const [, key = '', sign = '', value = ''] = /^([^=!]+)(?:(==?|!=)(.*))?$/.exec(part) ?? [];
      if (key === '') throw new StatusError(400, 'BadRequest', `the simulator knows no such selector: ${part}`);
      if (sign === '') return (labels) => labels[key] !== undefined;
      return (labels) => (labels[key] === value) === (sign !== '!=');
    });

/** Namespace, name and both selectors. */
export function parseFilter({ namespace, name }: Target, query: URLSearchParams): Filter {
  const labels = labelRequirements(query.get('labelSelector'));
  const wanted = requirements(query.get('fieldSelector')).map(
    ([field, value]): [(object: Stored) => unknown, string] => {
      const read = fields[field];
      if (read === undefined) throw new StatusError(400, 'BadRequest', `field label not supported: ${field}`);
      return [read, value];
    },
  );
  return (object) =>
    (namespace === '' || object.metadata.namespace === namespace) &&
    (name === '' || object.metadata.name === name) &&
    labels.every((holds) => holds(object.metadata.labels ?? {})) &&
    wanted.every(([read, value]) => read(object) === value);
}
