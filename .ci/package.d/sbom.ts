/** What the package is made of, as CycloneDX 1.6 in JSON: out of package-lock.json and what the bundles took in. Pure. */

export type LockedPackage = {
  readonly version: string;
  /** Subresource integrity: `sha512-` and base64. */
  readonly integrity?: string;
  readonly dev?: boolean;
};

export type Contents = {
  readonly version: string;
  /** `packages` of package-lock.json, by folder: `node_modules/@scope/name`. */
  readonly locked: Readonly<Record<string, LockedPackage>>;
  /** Folders of the npm packages that are in this package. */
  readonly folders: readonly string[];
  /** Of the folder's own package.json: an SPDX expression. */
  readonly licenceOf: (folder: string) => string;
  /** Debian's version of the busybox that boards are given. */
  readonly busybox: string;
};

type Component = {
  readonly type: 'application' | 'library' | 'platform';
  readonly name: string;
  readonly version: string;
  readonly purl: string;
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[];
  readonly licenses: readonly { readonly expression: string }[];
};

/** Without date and serial number: the same sources make the same package. Throws for a folder that the lock does not know. */
export function billOfMaterials({ version, locked, folders, licenceOf, busybox }: Contents): string {
  const components = folders.map((folder): Component => {
    const found = locked[folder];
    if (found === undefined) throw new Error(`package-lock.json does not know ${folder}`);
    const name = folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length);
    return {
      type: name.startsWith('node-linux-') ? 'platform' : 'library',
      name,
      version: found.version,
      purl: `pkg:npm/${name.replace('@', '%40')}@${found.version}`,
      ...(found.integrity !== undefined && { hashes: [hash(found.integrity)] }),
      licenses: [{ expression: licenceOf(folder) }],
    };
  });
  const forBoards: Component = {
    type: 'application',
    name: 'busybox-static',
    version: busybox,
    purl: `pkg:deb/debian/busybox-static@${encodeURIComponent(busybox)}?arch=arm64&distro=debian-12`,
    licenses: [{ expression: 'GPL-2.0-only' }],
  };
  const bill = {
    bomFormat: 'CycloneDX',
    specVersion: '1.6',
    version: 1,
    metadata: {
      component: { type: 'application', name: 'bramble', version, licenses: [{ expression: 'MIT' }] },
    },
    components: [...components, forBoards],
  };
  return `${JSON.stringify(bill, undefined, 1)}\n`;
}

function hash(integrity: string): { readonly alg: string; readonly content: string } {
  const [, base64] = /^sha512-([A-Za-z0-9+/=]+)$/.exec(integrity) ?? [];
  if (base64 === undefined) throw new Error(`not SHA-512: ${integrity}`);
  return { alg: 'SHA-512', content: Buffer.from(base64, 'base64').toString('hex') };
}
