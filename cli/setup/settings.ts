/** What setup writes into `bramble.yaml`, and how: the owner's comments and keys stay. Pure. */
import { parseDocument } from 'yaml';
import { formatProblem, parseConfig } from '../../config/load.ts';
import { ok, type Problem, problem, type Result } from '../../config/result.ts';
import type { Choice } from './choice.ts';

type Setting = { readonly key: string; readonly value: string };

export const settingsOf = ({ interface: name, topology, uplink, addresses }: Choice): readonly Setting[] => [
  { key: 'interface', value: name },
  { key: 'topology', value: topology },
  ...(topology === 'behind-master' && uplink !== undefined ? [{ key: 'uplink', value: uplink }] : []),
  ...(addresses === undefined ? [] : [{ key: 'addresses', value: `${addresses.first}-${addresses.last}` }]),
];

/** Byte for byte the same where it says all that already. */
export function withSettings(text: string, settings: readonly Setting[]): Result<string, Problem<'CONFIG'>> {
  const found = checked(text);
  if (!found.ok) return found;
  const document = parseDocument(text);
  const root: unknown = document.toJS() ?? {};
  const missing = settings.filter(({ key, value }) => Reflect.get(Object(root), key) !== value);
  if (missing.length === 0) return ok(text);
  for (const { key, value } of missing) document.set(key, value);
  const changed = document.toString({ lineWidth: 0, flowCollectionPadding: false });
  return checked(changed);
}

/** The text, if it is a configuration. */
function checked(text: string): Result<string, Problem<'CONFIG'>> {
  const read = parseConfig(text);
  if (read.ok) return ok(text);
  return problem('CONFIG', read.error.map((one) => formatProblem('bramble.yaml', one)).join('\n'));
}

/** Whether the owner, or an earlier run, wrote this key. */
export function says(text: string, key: string): boolean {
  const document = parseDocument(text);
  return document.errors.length === 0 && document.has(key);
}
