/**
 * Stands for `kubeadm` and the kubelet inside a virtual Pi. What passes between a board and the cluster is real
 * (discovery, TLS bootstrap, Node, Lease, Pod status); of containers only web servers run, as processes.
 *
 *   main.ts join --config FILE     main.ts reset -f
 *   main.ts kubelet                the kubelet, in the foreground: what an init system starts at boot
 *   main.ts kubelet --background   the same, returning once it runs
 *
 * KUBEADM_STAND_IN_ROOT: a folder in place of `/`. KUBEADM_STAND_IN_KEY: ec (default) or rsa. KUBEADM_STAND_IN_ARCH: arm64.
 * The kubelet: KUBELET_STAND_IN_START_DELAY_MS, _STOP_DELAY_MS, _HEARTBEAT_MS, _PORT (10250); _PAGES=yes where it has a network
 * namespace to itself, to which it may add the addresses of Pods that serve a page.
 */
import { enableCompileCache } from 'node:module';
import { tmpdir } from 'node:os';
import { join as joinPath } from 'node:path';
import { parseArgs } from 'node:util';

// Before anything else of ours is loaded, so that all of it but this file comes out of the cache next time.
process.env['NODE_COMPILE_CACHE'] ??= joinPath(tmpdir(), `kubeadm-stand-in-${process.getuid?.() ?? 0}`);
enableCompileCache(process.env['NODE_COMPILE_CACHE']);

const log = (line: string): void => void process.stdout.write(`${line}\n`);

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      config: { type: 'string' },
      force: { type: 'boolean', short: 'f' },
      background: { type: 'boolean' },
    },
  });
  const { layoutAt } = await import('./layout.ts');
  const layout = layoutAt(process.env['KUBEADM_STAND_IN_ROOT'] ?? '/');
  switch (positionals[0]) {
    case 'join': {
      if (values.config === undefined) throw new Error('join: --config FILE is missing');
      const { join } = await import('./join.ts');
      await join(values.config, layout, process.env['KUBEADM_STAND_IN_KEY'] === 'rsa' ? 'rsa' : 'ec', log);
      return 0;
    }
    case 'reset': {
      if (values.force !== true) throw new Error('reset: nobody to ask, say -f');
      const { reset } = await import('./join.ts');
      await reset(layout, log);
      return 0;
    }
    case 'kubelet': {
      if (values.background === true) {
        const { startKubelet } = await import('./kubelet-process.ts');
        await startKubelet(layout);
        return 0;
      }
      const { kubelet } = await import('./kubelet.ts');
      await kubelet(layout);
      return 0;
    }
    case 'version':
      log('kubeadm stand-in');
      return 0;
    default:
      throw new Error('usage: kubeadm join --config FILE | reset -f | kubelet [--background] | version');
  }
}

try {
  process.exit(await main());
} catch (error) {
  process.stderr.write(`error: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
