/** The objects, their versions, and who is watching them. */
import { randomUUID } from 'node:crypto';
import type { ApiObject } from '../control-plane/api-client.ts';
import { apiVersionOf, type Resource, resources } from './resources.ts';
import { StatusError } from './status.ts';

/** Anything the wire may hold beside the metadata. */
export type Stored = ApiObject<{ [field: string]: unknown }>;
export type StoreEvent = {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly resource: string;
  readonly object: Stored;
};
export type Store = ReturnType<typeof createStore>;

/** How far back a watch may begin; older is 410. */
const remembered = 2000;

export function createStore() {
  const collections = new Map(Object.keys(resources).map((name) => [name, new Map<string, Stored>()]));
  const watchers = new Set<(event: StoreEvent) => void>();
  const history: Array<StoreEvent & { readonly version: number }> = [];
  let version = 1;

  const collection = (resource: string): Map<string, Stored> => {
    const found = collections.get(resource);
    if (found === undefined) throw new StatusError(404, 'NotFound', `no resource ${resource}`);
    return found;
  };
  const definitionOf = (resource: string): Resource => resources[resource] as Resource;
  const keyOf = (namespace: string, name: string): string => `${namespace}/${name}`;
  const missing = (resource: string, name: string): StatusError =>
    new StatusError(404, 'NotFound', `${resource} "${name}" not found`);

  const publish = (type: StoreEvent['type'], resource: string, object: Stored): void => {
    const event = { type, resource, object, version };
    history.push(event);
    if (history.length > remembered) history.shift();
    for (const watcher of watchers) watcher(event);
  };
  const stamp = (object: Stored): Stored => ({
    ...object,
    metadata: { ...object.metadata, resourceVersion: String(++version) },
  });

  const find = (resource: string, namespace: string, name: string): Stored | undefined =>
    collection(resource).get(keyOf(namespace, name));

  const get = (resource: string, namespace: string, name: string): Stored => {
    const object = find(resource, namespace, name);
    if (object === undefined) throw missing(resource, name);
    return object;
  };

  const create = (resource: string, namespace: string, given: Stored): Stored => {
    const definition = definitionOf(resource);
    const prefix = given.metadata.generateName;
    const name = given.metadata.name ?? (prefix === undefined ? '' : `${prefix}${randomUUID().slice(0, 5)}`);
    if (name === '') throw new StatusError(422, 'Invalid', 'metadata.name: required value');
    if (find(resource, namespace, name))
      throw new StatusError(409, 'AlreadyExists', `${resource} "${name}" already exists`);
    const object = stamp({
      ...given,
      apiVersion: apiVersionOf(definition),
      kind: definition.kind,
      metadata: {
        ...given.metadata,
        ...{ name, uid: randomUUID(), creationTimestamp: new Date().toISOString().replace(/\.\d+/, '') },
        ...(definition.namespaced && { namespace }),
      },
    });
    collection(resource).set(keyOf(namespace, name), object);
    publish('ADDED', resource, object);
    return object;
  };

  /** A version or uid that the caller gives must still be the object's. */
  const replace = (resource: string, before: Stored, wanted: Stored): Stored => {
    const { name = '', namespace = '', uid, creationTimestamp } = before.metadata;
    const current = get(resource, namespace, name);
    const given = wanted.metadata.resourceVersion;
    if (given !== undefined && given !== current.metadata.resourceVersion) {
      throw new StatusError(409, 'Conflict', `${resource} "${name}": the object has been modified`);
    }
    if (wanted.metadata.uid !== undefined && wanted.metadata.uid !== uid) {
      throw new StatusError(409, 'Conflict', `${resource} "${name}": the uid in the precondition is another one`);
    }
    const fixed = { name, uid, creationTimestamp, ...(namespace !== '' && { namespace }) };
    const object = stamp({ ...wanted, metadata: { ...wanted.metadata, ...fixed } } as Stored);
    collection(resource).set(keyOf(namespace, name), object);
    publish('MODIFIED', resource, object);
    return object;
  };

  const remove = (resource: string, namespace: string, name: string): Stored => {
    const object = stamp(get(resource, namespace, name));
    collection(resource).delete(keyOf(namespace, name));
    publish('DELETED', resource, object);
    return object;
  };

  const list = (resource: string): Stored[] => [...collection(resource).values()];

  /** Everything after `since`, then whatever comes; returns how to leave. */
  const follow = (resource: string, since: number, onEvent: (event: StoreEvent) => void): (() => void) => {
    const oldest = history.length === remembered ? (history[0]?.version ?? 0) : 0;
    if (since < oldest) throw new StatusError(410, 'Expired', `too old resource version: ${since}`);
    for (const event of history) if (event.version > since && event.resource === resource) onEvent(event);
    const watcher = (event: StoreEvent): void => {
      if (event.resource === resource) onEvent(event);
    };
    watchers.add(watcher);
    return () => watchers.delete(watcher);
  };

  return { find, get, create, replace, remove, list, follow, version: () => version };
}
