/** The bundles: one file each for the daemon, the command line, what it asks the daemon from, and the store's writer thread. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build, type Plugin } from 'esbuild';

const entries = {
  brambled: 'daemon/main.ts',
  bramble: 'cli/main.ts',
  'doctor-probe': 'cli/doctor/probe-main.ts',
  'writer-thread': 'daemon/store/writer-thread.ts',
};

const commonJsNames = `import { createRequire as bundleCreateRequire } from 'node:module';
const require = bundleCreateRequire(import.meta.url);
const bundleDirname = import.meta.dirname;
const bundleFilename = import.meta.filename;`;

/** ssh2 asks for these native parts within `try` and does without them. */
const withoutOptionalNativeParts: Plugin = {
  name: 'without-optional-native-parts',
  setup: ({ onResolve }) => {
    onResolve({ filter: /^cpu-features$|\.node$/ }, ({ path }) => ({ path, external: true }));
  },
};

/** Returns the npm packages whose code went in. Throws if something cannot be resolved, or esbuild warns. */
export async function bundle(root: string, outdir: string): Promise<readonly string[]> {
  const { metafile, warnings } = await build({
    absWorkingDir: root,
    entryPoints: entries,
    outdir,
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    // What is loaded on demand is a file of its own: client-node is nine tenths of all code, and most clusters never need it.
    splitting: true,
    // Beside the entries: they look for the programs of other languages where they are themselves.
    chunkNames: 'part-[hash]',
    external: ['better-sqlite3'],
    plugins: [withoutOptionalNativeParts],
    // What CommonJS packages expect and an ESM bundle does not have.
    define: { __dirname: 'bundleDirname', __filename: 'bundleFilename' },
    banner: { js: commonJsNames },
    legalComments: 'none',
    // The text of a program stays in memory while it runs. Names stay, for the traces of errors.
    minifyWhitespace: true,
    minifySyntax: true,
    metafile: true,
    logLevel: 'warning',
  });
  if (warnings.length > 0) throw new Error(`${warnings.length} warnings of esbuild`);
  const names = Object.keys(metafile.inputs).flatMap((path) => /.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path) ?? []);
  return [...new Set([...names, 'node_modules/better-sqlite3'])].sort((a, b) => (a < b ? -1 : 1));
}

/** The SPDX expression of its package.json, also in the older form with a list. Throws where none is given. */
export function licenceOf(root: string, folder: string): string {
  const { name, license, licenses } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
  const found: unknown = license ?? licenses?.[0]?.type;
  if (typeof found !== 'string') throw new Error(`${name} does not say its licence`);
  return found;
}

/** Debian's machine-readable form has no place for so many; this is the plain text of each. */
export function copyright(root: string, packages: readonly string[], busybox: string): string {
  const texts = packages.map((folder) => {
    const { name, version } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'));
    const file = readdirSync(join(root, folder)).find((one) => /^licen[cs]e/i.test(one));
    const text =
      file === undefined
        ? `Licence: ${licenceOf(root, folder)}`
        : readFileSync(join(root, folder, file), 'utf8').trim();
    return `${name} ${version}\n\n${text}`;
  });
  const nodeLicence = ['x64', 'arm64']
    .map((cpu) => join(root, `node_modules/node-linux-${cpu}/LICENSE`))
    .find(existsSync);
  return [
    `bramble\n\n${readFileSync(join(root, 'LICENSE'), 'utf8').trim()}`,
    ...texts,
    busyboxNotice(busybox),
    ...(nodeLicence === undefined ? [] : [`Node.js\n\n${readFileSync(nodeLicence, 'utf8').trim()}`]),
  ].join(`\n\n${'-'.repeat(80)}\n\n`);
}

/** It is the only part under the GPL, and a program of its own: it runs on boards, in an archive that is handed out. */
function busyboxNotice(folder: string): string {
  const text = (file: string): string => readFileSync(join(folder, file), 'utf8').trim();
  const version = text('version');
  // A rebuild of the binary alone has a number of its own; the source has not.
  const source = version.replace(/\+b\d+$/, '');
  return [
    `BusyBox (/usr/lib/bramble/busybox-arm64): /bin/busybox of Debian's package busybox-static ${version} for arm64, unchanged.`,
    `Its source is Debian's source package busybox ${source} (apt-get source busybox=${source}, or snapshot.debian.org).`,
    'Whoever passes this package on has to offer that source, too (GPL version 2, section 3).',
    '',
    text('copyright'),
  ].join('\n');
}
