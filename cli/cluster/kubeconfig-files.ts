/** Where people keep their kubeconfig, and changing it as kubectl does: one at a time, whole or not at all. */
import { open, readFile, realpath, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { ok, type Problem, problem, type Result } from '../../config/result.ts';
import { ioProblem, makeFolder, replaceFile } from './io.ts';
import { hasEntry, kubeconfigFlaw } from './merge-kubeconfig.ts';

type Env = Readonly<Record<string, string | undefined>>;

/**
 * The file to merge into, which is fit for it. Of the list in KUBECONFIG the one that has us already, else the first that is there,
 * else the last (kubectl config --help).
 */
export async function mergeTarget(env: Env): Promise<Result<string, Problem>> {
  const listed = (env['KUBECONFIG'] ?? '').split(delimiter).filter((path) => path !== '');
  const paths = listed.length > 0 ? listed : [join(env['HOME'] || homedir(), '.kube', 'config')];
  const there: { readonly path: string; readonly text: string }[] = [];
  for (const path of paths) {
    const text = await contentOf(path);
    if (!text.ok) return text;
    if (text.value !== undefined) there.push({ path, text: text.value });
  }
  const chosen = there.find(({ text }) => hasEntry(text)) ?? there[0];
  const flaw = chosen && kubeconfigFlaw(chosen.text);
  if (flaw !== undefined) return problem('KUBECONFIG', `${chosen?.path} ${flaw}: it was left as it is`);
  return ok(chosen?.path ?? paths.at(-1) ?? '');
}

/** Writes what `change` makes of the content, which is undefined where there is no file; 0600. */
export async function changeFile(
  path: string,
  change: (text: string | undefined) => Result<string, Problem>,
): Promise<Result<void, Problem>> {
  try {
    await makeFolder(dirname(path), 0o700);
    // Somebody may keep it elsewhere, behind a link.
    const file = await realpath(path).catch(() => path);
    return await locked(`${file}.lock`, async () => {
      const text = await contentOf(file);
      const changed = text.ok ? change(text.value) : text;
      if (!changed.ok) return problem(changed.error.code, `${path} ${changed.error.detail}`);
      await replaceFile(file, changed.value, { mode: 0o600 });
      return ok(undefined);
    });
  } catch (error) {
    return ioProblem(error);
  }
}

async function contentOf(path: string): Promise<Result<string | undefined, Problem>> {
  try {
    return ok(await readFile(path, 'utf8'));
  } catch (error) {
    return error instanceof Error && Reflect.get(error, 'code') === 'ENOENT' ? ok(undefined) : ioProblem(error);
  }
}

/** kubectl's own lock on the same file. */
async function locked<T>(lock: string, work: () => Promise<Result<T, Problem>>): Promise<Result<T, Problem>> {
  try {
    await (await open(lock, 'wx', 0o600)).close();
  } catch (error) {
    if (!(error instanceof Error) || Reflect.get(error, 'code') !== 'EEXIST') throw error;
    return problem('LOCKED', `another program is changing it; if there is none, remove ${lock}`);
  }
  try {
    return await work();
  } finally {
    await rm(lock, { force: true });
  }
}
