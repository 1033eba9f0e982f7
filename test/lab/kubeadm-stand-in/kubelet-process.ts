/** The kubelet stand-in as a background process: started by join or at boot, found again by its PID file. */
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { flushCompileCache } from 'node:module';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Layout } from './layout.ts';

const program = fileURLToPath(new URL('kubelet.ts', import.meta.url));
const pollMs = 20;

/**
 * Resolves once the kubelet has written its PID file. Stripping types costs a process 20 MB and 100 ms; it is done here,
 * and the kubelets find the result in the compile cache that main.ts switched on.
 */
export async function startKubelet(layout: Layout): Promise<number> {
  await import('./kubelet.ts');
  flushCompileCache();
  for (const file of [layout.kubeletLog, layout.pidFile]) mkdirSync(dirname(file), { recursive: true });
  const output = openSync(layout.kubeletLog, 'a');
  const lean = ['--max-semi-space-size=1', '--max-old-space-size=48', '--v8-pool-size=1'];
  const child = spawn(process.execPath, [...lean, program], {
    detached: true,
    stdio: ['ignore', output, output],
    env: { ...process.env, UV_THREADPOOL_SIZE: '1' },
  });
  closeSync(output);
  for (;;) {
    const pid = runningKubelet(layout);
    if (pid !== undefined) {
      child.unref();
      return pid;
    }
    if (child.exitCode !== null || child.signalCode !== null)
      throw new Error(`the kubelet ended: see ${layout.kubeletLog}`);
    await sleep(pollMs);
  }
}

/** A PID file may have outlived its process, and the number may be another's by now. */
export function runningKubelet(layout: Layout): number | undefined {
  try {
    const pid = Number(readFileSync(layout.pidFile, 'utf8'));
    const args = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
    return args.includes(program) ? pid : undefined;
  } catch {
    return undefined;
  }
}

export async function stopKubelet(layout: Layout): Promise<void> {
  const pid = runningKubelet(layout);
  if (pid !== undefined) {
    process.kill(pid, 'SIGTERM');
    const deadline = Date.now() + 2000;
    while (runningKubelet(layout) !== undefined && Date.now() < deadline) await sleep(pollMs);
    if (runningKubelet(layout) !== undefined) process.kill(pid, 'SIGKILL');
  }
  rmSync(layout.pidFile, { force: true });
}
