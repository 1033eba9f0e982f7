import test from 'ava';
import { billOfMaterials } from '../../../.ci/package.d/sbom.ts';
import manifest from '../../../package.json' with { type: 'json' };
import lock from '../../../package-lock.json' with { type: 'json' };

const contents = {
  version: '1.2.3',
  locked: {
    'node_modules/@scope/one': { version: '4.5.6', integrity: 'sha512-/w==' },
    'node_modules/two/node_modules/three': { version: '7.0.0' },
  },
  folders: ['node_modules/@scope/one', 'node_modules/two/node_modules/three'],
  licenceOf: (folder: string) => (folder.endsWith('three') ? 'ISC' : 'MIT'),
  busybox: '1:1.35.0-4+b3',
};

test('each npm package with version, address, hash and licence; then the busybox of the boards', (t) => {
  const { components, metadata } = JSON.parse(billOfMaterials(contents));
  t.is(metadata.component.version, '1.2.3');
  t.deepEqual(components, [
    {
      ...{ type: 'library', name: '@scope/one', version: '4.5.6', purl: 'pkg:npm/%40scope/one@4.5.6' },
      hashes: [{ alg: 'SHA-512', content: 'ff' }],
      licenses: [{ expression: 'MIT' }],
    },
    {
      ...{ type: 'library', name: 'three', version: '7.0.0', purl: 'pkg:npm/three@7.0.0' },
      licenses: [{ expression: 'ISC' }],
    },
    {
      ...{ type: 'application', name: 'busybox-static', version: '1:1.35.0-4+b3' },
      purl: 'pkg:deb/debian/busybox-static@1%3A1.35.0-4%2Bb3?arch=arm64&distro=debian-12',
      licenses: [{ expression: 'GPL-2.0-only' }],
    },
  ]);
});

test('what the lock does not know is not guessed', (t) => {
  t.throws(() => billOfMaterials({ ...contents, folders: ['node_modules/four'] }), { message: /does not know/ });
});

test('at most fifteen direct runtime dependencies, each at one version, each with a hash in the lock', (t) => {
  const names = Object.keys(manifest.dependencies);
  t.true(names.length <= 15, names.join(', '));
  const locked: Readonly<Record<string, { version?: string; integrity?: string }>> = lock.packages;
  for (const [name, version] of Object.entries(manifest.dependencies)) {
    t.is(locked[`node_modules/${name}`]?.version, version, name);
    t.regex(locked[`node_modules/${name}`]?.integrity ?? '', /^sha512-/, name);
  }
});
