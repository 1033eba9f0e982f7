/**
 * What is between a reader and the Pods, for real: kube-proxy in the master's network, and the way from there to every board's
 * part of the Pod network, as flannel's host-gw backend makes it.
 */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { startChild, tail } from '../control-plane/child.ts';
import type { Lab } from '../lab.ts';

/** Of the master's Node, where it is one. */
export const masterName = 'master-kube';
const script = fileURLToPath(new URL('../../../.ci/control-plane', import.meta.url));
/** Not /healthz, which wants a Node for it, too. */
const healthUrl = 'http://127.0.0.1:10256/livez';
/** It waits 30 s for a Node of its name, and does without it after that. */
const patienceMs = 120_000;

/** Its path; `build`: made with Go if it is not there yet. */
export async function findKubeProxy(how: 'cached' | 'build'): Promise<string | undefined> {
  try {
    const args = ['--proxy', ...(how === 'cached' ? ['--cached'] : [])];
    return join((await promisify(execFile)(script, args)).stdout.trim(), 'kube-proxy');
  } catch {
    return undefined;
  }
}

/** Settles when what it heard of Services is in the kernel's tables. Ends with the signal. */
export async function startKubeProxy(
  { controlPlane, directory, master }: Pick<Lab, 'controlPlane' | 'directory' | 'master'>,
  program: string,
  signal: AbortSignal,
): Promise<void> {
  await addRoutes(directory, (args) => master.exec(args));
  const flags = {
    kubeconfig: controlPlane.adminKubeconfig,
    'hostname-override': masterName,
    'proxy-mode': 'iptables',
    'cluster-cidr': '10.42.0.0/16',
    // The machine's own limits stay: a namespace may not set them.
    'conntrack-max-per-core': 0,
    'conntrack-min': 0,
    'conntrack-tcp-timeout-established': '0s',
    'conntrack-tcp-timeout-close-wait': '0s',
    'healthz-bind-address': '127.0.0.1:10256',
    'metrics-bind-address': '127.0.0.1:10249',
  };
  const logFile = join(directory, 'kube-proxy.log');
  const child = await startChild(
    {
      ...{ name: 'kube-proxy', command: program, netns: master.netns, logFile },
      args: Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`),
    },
    signal,
  );
  let ended = false;
  void child.ended.then(() => {
    ended = true;
  });
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const { code } = await master.exec(['curl', '-fsS', '--max-time', '2', healthUrl]);
    if (code === 0) return;
    if (ended || performance.now() > deadline) throw new Error(`kube-proxy does not work:\n${tail(logFile, 10)}`);
    await sleep(100, undefined, { signal });
  }
}

/** The kubelet stand-in gives Pods addresses out of 10.42.<last number of its board's address>.0/24. */
async function addRoutes(directory: string, exec: Lab['master']['exec']): Promise<void> {
  const lines: string[] = [];
  for (let last = 2; last < 255; last += 1) lines.push(`route replace 10.42.${last}.0/24 via 10.77.0.${last}`);
  const file = join(directory, 'routes');
  await writeFile(file, `${lines.join('\n')}\n`);
  const { code, stderr } = await exec(['ip', '-batch', file]);
  if (code !== 0) throw new Error(`routes: ${stderr}`);
}
