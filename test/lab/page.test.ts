/** `scale N`: the article's web server on the boards of the lab. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import test from 'ava';
import { until } from '../support/until.ts';
import { openAdmin } from './admin.ts';
import { findAssets } from './control-plane/start.ts';
import { type LabBoard, startLab } from './lab.ts';
import { openPage } from './page/page.ts';

const hasControlPlane = (await findAssets()) !== undefined;
const title = 'scale: one web server on each board, and it runs on where the cable is pulled';
const realTest = hasControlPlane || process.env['CI'] === 'true' ? test : test.skip;

realTest(hasControlPlane ? title : `${title} (needs a control plane: run .ci/control-plane once)`, async (t) => {
  const stop = new AbortController();
  const lab = await startLab({
    controlPlane: 'auto',
    // Pods stay where they are, whatever else this version can do.
    keeping: { failover: { mode: 'off' }, balance: 'off' },
    signal: stop.signal,
    log: (line) => t.log(line),
    onEvent: () => undefined,
  });
  t.teardown(async () => {
    stop.abort();
    await lab.close();
  });
  const boards = [await lab.plug({ model: 'pi4' }), await lab.plug({ model: 'pi5' })];
  const patience = (): AbortSignal => AbortSignal.timeout(240_000);
  await lab.until(() => boards.every(({ state }) => state === 'ready'), patience());

  // Ready comes a moment before quarantine ends; with one board open for work both would go there.
  const admin = await openAdmin(lab, stop.signal);
  type Nodes = { readonly items: ReadonlyArray<{ readonly spec: { readonly taints?: readonly unknown[] } }> };
  await until('no Node has a taint', 60, async () => {
    const { items } = await admin.call<Nodes>('GET', '/api/v1/nodes');
    return items.every(({ spec }) => (spec.taints ?? []).length === 0);
  });

  let wake: () => void = () => undefined;
  const page = await openPage({ lab, say: (line) => t.log(line), onReplicas: () => wake(), signal: stop.signal });
  const spreadIs = async (...counts: readonly number[]): Promise<void> => {
    const limit = patience();
    while (boards.some(({ replicas }, index) => replicas !== counts[index])) {
      limit.throwIfAborted();
      await new Promise<void>((resolve) => {
        wake = resolve;
        limit.addEventListener('abort', () => resolve(), { once: true });
      });
    }
  };
  const pageOn = async ({ host }: LabBoard): Promise<string> => {
    const { stdout } = await promisify(execFile)('ip', ['-n', host.netns, '-4', '-o', 'addr', 'show', 'dev', 'lo']);
    const address = /10\.42\.\d+\.\d+/.exec(stdout)?.[0] ?? '';
    return (await host.exec(['curl', '-sS', '--max-time', '5', `http://${address}/`])).stdout;
  };
  await page.scale(2);
  await spreadIs(1, 1);
  for (const board of boards) t.regex(await pageOn(board), new RegExp(`^mijn-httpd-\\S+ on ${board.name}\n$`));
  const [first] = boards;
  if (first === undefined) throw new Error('no board');
  await lab.pull(first);
  t.regex(await pageOn(first), /^mijn-httpd-/);
  await lab.putBack(first);
  await page.scale(0);
  await spreadIs(0, 0);
});
