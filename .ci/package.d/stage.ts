/** The tree of the package, as dpkg-deb wants it. */
import { createHash } from 'node:crypto';
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { gzipSync } from 'node:zlib';
import { commandDocuments } from '../../cli/reference/documents.ts';
import { type Architecture, cpus } from './node-binary.ts';

export type Parts = {
  readonly root: string;
  readonly bundles: string;
  readonly tree: string;
  readonly version: string;
  readonly architecture: Architecture;
  /** Of the sources, `2026-11-24`. */
  readonly date: string;
  /** Path of the binary. */
  readonly node: string;
  /** Folder with the busybox of the boards' installer: `busybox`, `copyright`, `version`. */
  readonly busybox: string;
  readonly copyright: string;
  /** CycloneDX, JSON. */
  readonly materials: string;
  readonly maintainer: string;
};

export function stage(parts: Parts): void {
  const { root, bundles, tree, version } = parts;
  const here = import.meta.dirname;
  const to = (path: string): string => join(tree, path);
  const copy = (from: string, path: string, mode = 0o644): void => {
    mkdirSync(dirname(to(path)), { recursive: true });
    cpSync(from, to(path));
    chmodSync(to(path), mode);
  };
  const write = (path: string, text: string | Uint8Array, mode = 0o644): void => {
    mkdirSync(dirname(to(path)), { recursive: true });
    writeFileSync(to(path), text);
    chmodSync(to(path), mode);
  };

  const lib = 'usr/lib/bramble';
  copy(parts.node, `${lib}/node`, 0o755);
  for (const file of readdirSync(bundles)) copy(join(bundles, file), `${lib}/${file}`);
  write(`${lib}/package.json`, `${JSON.stringify({ name: 'bramble', version, type: 'module', private: true })}\n`);
  copy(join(root, 'daemon/launcher'), `${lib}/launcher`, 0o755);
  copy(join(root, 'daemon/stp-listener'), `${lib}/stp-listener`, 0o755);
  copy(join(root, 'daemon/http/file-sender'), `${lib}/file-sender`, 0o755);
  copy(join(root, 'daemon/gateway/bramble-gateway'), `${lib}/bramble-gateway`, 0o755);
  copy(join(root, 'daemon/gateway/bramble-power'), `${lib}/bramble-power`, 0o755);
  copy(join(here, 'start'), `${lib}/start`, 0o755);
  const installer = join(root, 'image-builder/installer');
  for (const file of readdirSync(installer)) copy(join(installer, file), `${lib}/installer/${file}`, 0o755);
  // Data, not a program of this machine: it is for the boards.
  copy(join(parts.busybox, 'busybox'), `${lib}/busybox-arm64`);
  const page = join(root, 'daemon/http/page');
  for (const file of readdirSync(page)) if (!file.endsWith('.ts')) copy(join(page, file), `${lib}/page/${file}`);
  stageSqlite(parts, (from, path) => copy(from, `${lib}/node_modules/better-sqlite3/${path}`));

  copy(join(here, 'bramble'), 'usr/bin/bramble', 0o755);
  copy(join(here, 'brambled'), 'usr/sbin/brambled', 0o755);
  const units = ['bramble.service', 'bramble-gateway.socket', 'bramble-gateway@.service'];
  for (const unit of [...units, 'bramble-power.socket', 'bramble-power@.service']) {
    copy(join(here, unit), `lib/systemd/system/${unit}`);
  }
  const { man, bash, zsh } = commandDocuments(parts);
  write('usr/share/man/man1/bramble.1.gz', gzipSync(man, { level: 9 }));
  write('usr/share/bash-completion/completions/bramble', bash);
  write('usr/share/zsh/vendor-completions/_bramble', zsh);
  copy(join(root, 'config/example.yaml'), 'usr/share/doc/bramble/example.yaml');
  write('usr/share/doc/bramble/copyright', parts.copyright);
  write('usr/share/doc/bramble/bramble.cdx.json', parts.materials);
  const changelog = join(root, 'CHANGELOG.md');
  if (existsSync(changelog)) copy(changelog, 'usr/share/doc/bramble/changelog');

  const files = filesBelow(tree);
  const sums = files.map(
    (file) => `${createHash('md5').update(readFileSync(file)).digest('hex')}  ${relative(tree, file)}\n`,
  );
  const kibibytes = files.reduce((sum, file) => sum + Math.ceil(statSync(file).size / 1024), 0);
  write('DEBIAN/md5sums', sums.join(''));
  for (const script of ['postinst', 'prerm', 'postrm']) copy(join(here, script), `DEBIAN/${script}`, 0o755);
  const control = readFileSync(join(here, 'control.in'), 'utf8')
    .replace('@VERSION@', version)
    .replace('@ARCHITECTURE@', parts.architecture)
    .replace('@MAINTAINER@', parts.maintainer)
    .replace('@INSTALLED_SIZE@', String(kibibytes));
  write('DEBIAN/control', control);
  for (const folder of foldersBelow(tree)) chmodSync(folder, 0o755);
}

/** What runs, for this architecture: not the sources, and not the seven other binaries. */
function stageSqlite({ root, architecture }: Parts, copy: (from: string, path: string) => void): void {
  const from = join(root, 'node_modules/better-sqlite3');
  const files = ['package.json', 'LICENSE', `prebuilds/linux-${cpus[architecture]}.node`];
  const scripts = filesBelow(join(from, 'lib')).filter((file) => !/(darwin|linux|linuxmusl|win32)-/.test(file));
  for (const file of [...files.map((one) => join(from, one)), ...scripts]) copy(file, relative(from, file));
}

const entriesBelow = (folder: string) =>
  readdirSync(folder, { recursive: true, withFileTypes: true }).sort((a, b) => (pathOf(a) < pathOf(b) ? -1 : 1));
const pathOf = (entry: { parentPath: string; name: string }): string => join(entry.parentPath, entry.name);
const filesBelow = (folder: string): string[] =>
  entriesBelow(folder)
    .filter((entry) => entry.isFile())
    .map(pathOf);
const foldersBelow = (folder: string): string[] =>
  entriesBelow(folder)
    .filter((entry) => entry.isDirectory())
    .map(pathOf);
