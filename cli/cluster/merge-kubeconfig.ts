/** One more cluster in a kubeconfig that somebody keeps: nothing else in it changes. Pure. */
import { type Document, isMap, isScalar, isSeq, parseAllDocuments, parseDocument, stringify, type YAMLMap } from 'yaml';
import { ok, type Problem, problem, type Result } from '../../config/result.ts';

/** What stands under the one name `bramble` in the three lists. PEM. */
export type Entry = {
  readonly server: string;
  /** Empty: the system's own authorities. */
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
};
type Merged = Result<string, Problem<'KUBECONFIG'>>;

export const entryName = 'bramble';
const lists = ['clusters', 'contexts', 'users'] as const;
/** A base64 text of a kilobyte stays on one line, as kubectl writes it. */
const manner = { lineWidth: 0 } as const;

export function newKubeconfig(entry: Entry): string {
  const items = itemsOf(entry);
  return stringify(
    {
      ...{ apiVersion: 'v1', kind: 'Config', preferences: {} },
      ...Object.fromEntries(lists.map((list) => [list, [items[list]]])),
      'current-context': entryName,
    },
    { ...manner, indentSeq: false },
  );
}

/** What makes `text` no kubeconfig that can be added to; undefined: it is one, or empty. Never quotes it: it holds keys. */
export function kubeconfigFlaw(text: string): string | undefined {
  const documents = parseAllDocuments(text);
  const [document, ...more] = 'empty' in documents ? [] : documents;
  if (document === undefined || (more.length === 0 && isEmpty(document))) return undefined;
  if (more.length > 0) return 'is several documents';
  const [error] = document.errors;
  if (error !== undefined) return `is no YAML (line ${error.linePos?.[0].line ?? 1}: ${error.code})`;
  if (!isMap(document.contents) || (document.has('kind') && document.get('kind') !== 'Config'))
    return 'is no kubeconfig';
  const bad = lists.find((list) => !isAddable(document, list));
  return bad === undefined ? undefined : `is no kubeconfig (its ${bad})`;
}

const isEmpty = ({ contents, errors }: Document): boolean =>
  errors.length === 0 && (contents === null || (isScalar(contents) && contents.value === null));

/** A list of things with names, or nothing yet. */
function isAddable(document: Document, list: string): boolean {
  const there = document.get(list);
  return there === undefined || there === null || (isSeq(there) && there.items.every((item) => isMap(item)));
}

export const hasEntry = (text: string): boolean =>
  kubeconfigFlaw(text) === undefined && lists.some((list) => placeOf(parseDocument(text), list) !== undefined);

/** In the place of what is called the same. `current-context` is set only if there is none. */
export function mergeKubeconfig(text: string, entry: Entry): Merged {
  const flaw = kubeconfigFlaw(text);
  if (flaw !== undefined) return problem('KUBECONFIG', flaw);
  const document = parseDocument(text);
  if (isEmpty(document)) return ok(newKubeconfig(entry));
  const items = itemsOf(entry);
  for (const list of lists) {
    const place = placeOf(document, list);
    if (place !== undefined) document.setIn([list, place], document.createNode(items[list]));
    else if (isSeq(document.get(list))) document.addIn([list], document.createNode(items[list]));
    else document.set(list, document.createNode([items[list]]));
  }
  if ((document.get('current-context') ?? '') === '') document.set('current-context', entryName);
  for (const [key, value] of [['apiVersion', 'v1'] as const, ['kind', 'Config'] as const])
    if (!document.has(key)) document.set(key, value);
  // kubectl's own way to write lists; a file in another manner keeps its own.
  return ok(document.toString({ ...manner, indentSeq: !/^(clusters|contexts|users):\s*\n-/m.test(text) }));
}

function placeOf(document: Document, list: string): number | undefined {
  const there = document.get(list);
  const index = isSeq<YAMLMap>(there) ? there.items.findIndex((item) => item.get('name') === entryName) : -1;
  return index === -1 ? undefined : index;
}

function itemsOf({ server, ca, certificate, key }: Entry): Readonly<Record<(typeof lists)[number], object>> {
  const data = (pem: string): string => Buffer.from(pem).toString('base64');
  const name = entryName;
  return {
    clusters: { name, cluster: { server, ...(ca !== '' && { 'certificate-authority-data': data(ca) }) } },
    contexts: { name, context: { cluster: name, user: name } },
    users: { name, user: { 'client-certificate-data': data(certificate), 'client-key-data': data(key) } },
  };
}
