/** The whole way, from power-on to a Ready node: real daemon, real control plane (or the simulator), virtual Pis. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import { type Lab, type LabBoard, type LabOptions, outsideAddress, startLab } from './lab.ts';

const main = fileURLToPath(new URL('main.ts', import.meta.url));
const patience = (): AbortSignal => AbortSignal.timeout(240_000);

async function labFor(t: ExecutionContext, heard = new Set<string>(), options: Partial<LabOptions> = {}): Promise<Lab> {
  const stop = new AbortController();
  const lab = await startLab({
    controlPlane: 'auto',
    ...options,
    signal: stop.signal,
    log: (line) => t.log(line),
    onEvent: ({ source, board, event }) => {
      if (source === 'board') heard.add(event.event);
      if (source === 'daemon') t.log(`${event.device}: ${event.from} → ${event.to} (${event.event}) ${event.reason}`);
      else if (event.event === 'crashed') t.log(board.label, event);
    },
  });
  t.teardown(async () => {
    if (!t.passed) t.log(await lab.daemon.lastLines());
    await lab.close();
  });
  return lab;
}

const reaches = (lab: Lab, board: LabBoard, state: string): Promise<void> =>
  lab.until(() => board.state === state, patience());

/** The same job on both, so that the simulator cannot drift from the real thing. */
const mainJob = test.macro(async (t: ExecutionContext, args: readonly string[], controlPlane: RegExp) => {
  const child = spawn(process.execPath, [main, '--pis', '3', '--once', '--json', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const code = await new Promise((resolve) => child.once('close', resolve));
  const last = output.trimEnd().split('\n').at(-1) ?? '';
  t.is(code, 0, `${errors}\n${output.slice(-3000)}`);
  t.log(last);
  const result: unknown = JSON.parse(last);
  t.like(result, { ok: true, boards: { length: 3 } });
  t.regex(last, controlPlane);
  t.regex(
    last,
    /^\{"ok":true,"controlPlane":"[^"]+","boards":\[\{"name":"worker-kube\d","model":"pi\d[b+]*","seconds":\{"seen":/,
  );
});

const realOrSimulator =
  process.env['CI'] === 'true' || process.env['KUBEBUILDER_ASSETS'] ? /"v1\.\d+\.\d+/ : /"controlPlane":"/;
test('three boards, one of them with a join card, become Ready by themselves', mainJob, [], realOrSimulator);
test('the same on the API simulator', mainJob, ['--simulator'], /"controlPlane":"simulator"/);

test('a board with a foreign disk waits for the owner and loses nothing before', async (t) => {
  const lab = await labFor(t);
  const board = await lab.plug({ model: 'pi4', disk: 'foreign' });
  await lab.until(() => board.state === 'pending' || board.state === 'held', patience());
  const { why } = await lab.daemon.client.describe(board.name ?? '');
  t.regex(why, /disk/i);
  t.is(board.timeline.installing, undefined);
  const next = await lab.daemon.client.imageFiles(board.name ?? '');
  t.false(next.made);
  t.regex(next.files.find(({ path }) => path === 'user-data')?.text ?? '', /^ +\*\*\* secret, \d+ bytes \*\*\*$/m);
  await lab.daemon.client.act(board.name ?? '', 'accept', 'lab-test');
  await reaches(lab, board, 'ready');
  t.true((board.timeline.ready ?? 0) > 0);
});

test('beside a router, without a range: the board keeps the router’s lease and joins under its name', async (t) => {
  const lab = await labFor(t, new Set(), { besideRouter: true });
  const board = await lab.plug({ model: 'pi4', disk: 'blank' });
  await lab.until(() => board.state === 'pending', patience());
  const seen = await lab.daemon.client.describe(board.name ?? '');
  t.regex(seen.address ?? '', /^10\.77\.0\.[2-6]\d$/, 'heard while it booted');
  await lab.daemon.client.act(board.name ?? '', 'accept', 'lab-test');
  await reaches(lab, board, 'ready');
  const { address } = await lab.daemon.client.describe(board.name ?? '');
  t.regex(address ?? '', /^10\.77\.0\.[2-6]\d$/);
});

test('a daemon that is killed while boards install goes on after its restart', async (t) => {
  const lab = await labFor(t);
  const boards = [await lab.plug({ model: 'pi4' }), await lab.plug({ model: 'pi5' })];
  await lab.until(() => boards.some(({ state }) => state === 'installing'), patience());
  await lab.daemon.stop('SIGKILL');
  await lab.daemon.start();
  await lab.until(() => boards.every(({ state }) => state === 'ready'), patience());
  t.is(new Set(boards.map(({ name }) => name)).size, 2);
});

test('a board whose cable is pulled is missed, and welcome when it returns; a power cut needs no second installation', async (t) => {
  const heard = new Set<string>();
  const lab = await labFor(t, heard);
  // The harder order: the network is asked first, and has to send an installed board to its disk.
  const board = await lab.plug({ model: 'pi4', bootOrder: 'network-first' });
  await reaches(lab, board, 'ready');
  const out = await board.host.exec(['busybox', 'ping', '-c', '1', '-W', '20', outsideAddress]);
  t.is(out.code, 0, `behind the master it gets out: ${out.stdout}${out.stderr}`);
  await lab.pull(board);
  await reaches(lab, board, 'unreachable');
  await lab.putBack(board);
  await reaches(lab, board, 'ready');
  board.hardware.powerCycle();
  await lab.until(() => board.lastEvent?.event === 'kubelet', patience());
  const { address } = await lab.daemon.client.describe(board.name ?? '');
  t.is(board.address, address ?? undefined);
  // It is offered a boot and refused every file: without an offer its firmware would ask for 45 s.
  t.false(heard.has('no-offer'));
});
