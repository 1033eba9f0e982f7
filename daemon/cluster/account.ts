/**
 * The daemon's own account in the cluster, with what this folder, `join/` and `app/` ask of the API and nothing more. A new
 * request wants its line here: the lab's and the tests' daemons have no other rights. The command line makes it
 * (`bramble cluster install`), so this file is data without imports.
 */

export type AccessRule = {
  readonly apiGroups: readonly string[];
  readonly resources: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly verbs: readonly string[];
};

/** Everywhere. */
const clusterRules: readonly AccessRule[] = [
  // The watch, the quarantine taint and labels, a board that left.
  { apiGroups: [''], resources: ['nodes'], verbs: ['get', 'list', 'watch', 'patch', 'delete'] },
  // Kubernetes is told that a board is gone.
  { apiGroups: [''], resources: ['nodes/status'], verbs: ['patch'] },
  // Whether data lie on a board that is to be replaced; where volumes let pods run.
  { apiGroups: [''], resources: ['persistentvolumes', 'persistentvolumeclaims'], verbs: ['list', 'watch'] },
  // What runs where, who wants how many of it, and what binds it.
  { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list', 'watch', 'patch', 'delete'] },
  { apiGroups: [''], resources: ['pods/eviction'], verbs: ['create'] },
  { apiGroups: ['apps'], resources: ['deployments'], verbs: ['get', 'list', 'watch', 'patch'] },
  { apiGroups: ['apps'], resources: ['replicasets', 'statefulsets'], verbs: ['list', 'watch'] },
  { apiGroups: [''], resources: ['replicationcontrollers'], verbs: ['list', 'watch'] },
  { apiGroups: ['autoscaling'], resources: ['horizontalpodautoscalers'], verbs: ['list', 'watch'] },
  { apiGroups: ['policy'], resources: ['poddisruptionbudgets'], verbs: ['list', 'watch'] },
  // What can be reached from outside, for the status page.
  { apiGroups: [''], resources: ['services'], verbs: ['list', 'watch'] },
  // Whether kubelets are alive.
  { apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['list', 'watch'] },
  // What was done to a Node, and why, where `kubectl describe node` shows it.
  { apiGroups: [''], resources: ['events'], verbs: ['create'] },
  // kubeadm: certificates of boards that join, approved one by one. People's (`bramble kubeconfig`) are asked for here as well.
  {
    apiGroups: ['certificates.k8s.io'],
    resources: ['certificatesigningrequests'],
    verbs: ['create', 'get', 'list', 'watch'],
  },
  { apiGroups: ['certificates.k8s.io'], resources: ['certificatesigningrequests/approval'], verbs: ['update'] },
  {
    ...{ apiGroups: ['certificates.k8s.io'], resources: ['signers'], verbs: ['approve'] },
    resourceNames: ['kubernetes.io/kube-apiserver-client-kubelet', 'kubernetes.io/kube-apiserver-client'],
  },
];

/** In kube-system: join tokens, and k3s' node passwords. `create` and `list` know no names (facts 5.6). */
const systemRules: readonly AccessRule[] = [
  { apiGroups: [''], resources: ['secrets'], verbs: ['create', 'list', 'delete'] },
];

export type AccountSubject =
  | { readonly kind: 'ServiceAccount'; readonly name: string; readonly namespace: string }
  | { readonly kind: 'User'; readonly name: string; readonly apiGroup: 'rbac.authorization.k8s.io' };

const name = 'bramble';
const namespace = 'kube-system';
const apiVersion = 'rbac.authorization.k8s.io/v1';
const apiGroup = 'rbac.authorization.k8s.io';

export const accountSubject = { kind: 'ServiceAccount', name, namespace } as const;
/** Its token is in this Secret: it lives until somebody deletes it, as the daemon's kubeconfig has to. */
export const accountSecret = { name: 'bramble-token', namespace } as const;

/**
 * Whom the certificates of `bramble kubeconfig` name: administrators. Not system:masters, which the API server does not sign
 * and nobody could take away again; without the binding below these certificates are worth nothing.
 */
export const peopleGroup = 'bramble:admins';

/** What `subject` needs to be allowed what the daemon does. In the order in which they have to be made. */
export const accountRights = (subject: AccountSubject) =>
  [
    { apiVersion, kind: 'ClusterRole', metadata: { name }, rules: clusterRules },
    {
      ...{ apiVersion, kind: 'ClusterRoleBinding', metadata: { name } },
      roleRef: { apiGroup, kind: 'ClusterRole', name },
      subjects: [subject],
    },
    { apiVersion, kind: 'Role', metadata: { name, namespace }, rules: systemRules },
    {
      ...{ apiVersion, kind: 'RoleBinding', metadata: { name, namespace } },
      roleRef: { apiGroup, kind: 'Role', name },
      subjects: [subject],
    },
    {
      ...{ apiVersion, kind: 'ClusterRoleBinding', metadata: { name: 'bramble-admins' } },
      roleRef: { apiGroup, kind: 'ClusterRole', name: 'cluster-admin' },
      subjects: [{ apiGroup, kind: 'Group', name: peopleGroup }],
    },
  ] as const;

/** All of it. */
export const accountObjects = [
  { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace } },
  ...accountRights(accountSubject),
  {
    ...{ apiVersion: 'v1', kind: 'Secret', type: 'kubernetes.io/service-account-token' },
    metadata: { ...accountSecret, annotations: { 'kubernetes.io/service-account.name': name } },
  },
] as const;

/** As an access review asks for it (`resourceAttributes`). */
export type SingleRight = {
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name?: string;
};

/** Each by itself, to ask whether an account has it. */
export const singleRights: readonly SingleRight[] = [
  ...clusterRules.flatMap((rule) => singly(rule)),
  ...systemRules.flatMap((rule) => singly(rule).map((right) => ({ ...right, namespace }))),
];

function singly({ apiGroups, resources, resourceNames, verbs }: AccessRule): readonly SingleRight[] {
  return apiGroups.flatMap((group) =>
    resources.flatMap((whole) => {
      const [resource = '', subresource] = whole.split('/');
      const what = { group, resource, ...(subresource !== undefined && { subresource }) };
      const named = resourceNames?.map((one) => ({ ...what, name: one })) ?? [what];
      return named.flatMap((one) => verbs.map((verb) => ({ verb, ...one })));
    }),
  );
}
