/** The resources that a join touches, and how their paths read. */

export type Resource = {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly namespaced: boolean;
};

export const resources: Readonly<Record<string, Resource>> = {
  nodes: { group: '', version: 'v1', kind: 'Node', namespaced: false },
  pods: { group: '', version: 'v1', kind: 'Pod', namespaced: true },
  secrets: { group: '', version: 'v1', kind: 'Secret', namespaced: true },
  configmaps: { group: '', version: 'v1', kind: 'ConfigMap', namespaced: true },
  events: { group: '', version: 'v1', kind: 'Event', namespaced: true },
  leases: { group: 'coordination.k8s.io', version: 'v1', kind: 'Lease', namespaced: true },
  certificatesigningrequests: {
    ...{ group: 'certificates.k8s.io', version: 'v1', namespaced: false },
    kind: 'CertificateSigningRequest',
  },
};

/** Where a request points: a collection or, with a name, one object, or a part of one. */
export type Target = {
  readonly resource: string;
  readonly definition: Resource;
  readonly namespace: string;
  readonly name: string;
  readonly subresource: string;
};

/** `/api/v1/namespaces/x/pods/y/status` and its like; undefined for what this server does not have. */
export function parseTarget(path: string): Target | undefined {
  const match =
    /^\/(?:api|apis\/(?<group>[^/]+))\/(?<version>[^/]+)(?:\/namespaces\/(?<namespace>[^/]+))?\/(?<resource>[^/]+)(?:\/(?<name>[^/]+))?(?:\/(?<subresource>[^/]+))?$/.exec(
      path,
    );
  const { group = '', version = '', namespace = '', resource = '', name = '', subresource = '' } = match?.groups ?? {};
  const definition = resources[resource];
  if (definition === undefined || definition.group !== group || definition.version !== version) return undefined;
  if (!definition.namespaced && namespace !== '') return undefined;
  return { resource, definition, namespace, name: decodeURIComponent(name), subresource };
}

export const apiVersionOf = ({ group, version }: Resource): string => (group === '' ? version : `${group}/${version}`);
