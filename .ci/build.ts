/**
 * Makes dist/bramble_VERSION_ARCHITECTURE.deb: the daemon and the command line as bundles, the Node they run on, the
 * systemd unit.
 *
 *   node .ci/build.ts [amd64] [arm64] [--out FOLDER] [--uncompressed] [--version X]
 *
 * Without an architecture: both. `--uncompressed` and `--version` are for tests: much faster, four times the size; another
 * number, to upgrade to. The maintainer is who DEBFULLNAME and DEBEMAIL name, as in Debian's own tools.
 */
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { bundle, copyright, licenceOf } from './package.d/bundle.ts';
import { type Architecture, architectures, cpus, nodeBinary } from './package.d/node-binary.ts';
import { billOfMaterials } from './package.d/sbom.ts';
import { stage } from './package.d/stage.ts';

const root = join(import.meta.dirname, '..');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const { packages: locked } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    out: { type: 'string', default: join(root, 'dist') },
    uncompressed: { type: 'boolean', default: false },
    version: { type: 'string', default: manifest.version },
  },
});
const { version } = options;
const wanted = positionals.length === 0 ? architectures : positionals.map(architecture);

const work = mkdtempSync(join(tmpdir(), 'bramble-build-'));
try {
  const bundles = join(work, 'bundles');
  const packages = await bundle(root, bundles);
  const busybox = execFileSync(join(root, '.ci/arm64-busybox'), { encoding: 'utf8' }).trim();
  mkdirSync(options.out, { recursive: true });
  for (const one of wanted) {
    const tree = join(work, one);
    stage({
      root,
      bundles,
      tree,
      version,
      architecture: one,
      date: new Date(Number(sourceDate()) * 1000).toISOString().slice(0, 10),
      node: nodeBinary(root, one),
      busybox,
      copyright: copyright(root, packages, busybox),
      materials: billOfMaterials({
        version,
        locked,
        folders: [...packages, `node_modules/node-linux-${cpus[one]}`],
        licenceOf: (folder) => (/node-linux-/.test(folder) ? 'MIT' : licenceOf(root, folder)),
        busybox: readFileSync(join(busybox, 'version'), 'utf8').trim(),
      }),
      maintainer: maintainer(process.env),
    });
    const file = join(options.out, `bramble_${version}_${one}.deb`);
    pack(tree, file);
    process.stdout.write(`${file} ${(statSync(file).size / 2 ** 20).toFixed(1)} MiB\n`);
    rmSync(tree, { recursive: true });
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}

function architecture(text: string): Architecture {
  const found = architectures.find((one) => one === text);
  if (found === undefined) throw new Error(`${text} is none of ${architectures.join(', ')}`);
  return found;
}

/**
 * Debian policy 5.6.2 wants a name and an address. Nobody's address is known here: the domain says that it is none (RFC 2606),
 * where `localhost` would be that of whoever installs it.
 */
function maintainer({ DEBFULLNAME, DEBEMAIL }: NodeJS.ProcessEnv): string {
  return `${DEBFULLNAME ?? 'the bramble authors'} <${DEBEMAIL ?? 'maintainers@bramble.invalid'}>`;
}

/** The same tree gives the same bytes: dpkg-deb takes all times from SOURCE_DATE_EPOCH. */
function pack(tree: string, file: string): void {
  const compression = options.uncompressed ? ['-Znone'] : ['-Zxz', '-z3'];
  chmodSync(tree, 0o755);
  execFileSync('dpkg-deb', ['--root-owner-group', ...compression, '--build', tree, `${file}.tmp`], {
    env: { ...process.env, SOURCE_DATE_EPOCH: sourceDate() },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  renameSync(`${file}.tmp`, file);
}

/** Of the last commit; today where there is none. */
function sourceDate(): string {
  const given = process.env['SOURCE_DATE_EPOCH'];
  if (given !== undefined) return given;
  try {
    const stdio = ['ignore', 'pipe', 'ignore'] as const;
    return execFileSync('git', ['log', '-1', '--format=%ct'], {
      cwd: root,
      encoding: 'utf8',
      stdio: [...stdio],
    }).trim();
  } catch {
    return String(Math.floor(Date.now() / 1000));
  }
}
