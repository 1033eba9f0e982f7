/** `bramble drain`, `uncordon`, `shutdown` and `startup` against the daemon's own routes, with a daemon that plays what it is told. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { must, ok } from '../../config/result.ts';
import { json } from '../../daemon/http/answer.ts';
import { type PowerRoutesDeps, powerRoutes } from '../../daemon/http/endpoints/power.ts';
import { get } from '../../daemon/http/router.ts';
import { serveHttp } from '../../daemon/http/server.ts';
import type { DeviceView, PowerRunView, PowerView } from '../../daemon/http/wire.ts';
import { runBramble } from '../support/command-line.ts';
import { powerFake } from '../unit/http/power-fake.ts';
import { deviceFake, statusFake } from '../unit/http/views-fake.ts';
import { silentLog } from './installer-boot-fake.ts';

/** What it shows from one look to the next; the last one stays. */
type Script = { readonly powers?: readonly PowerView[]; readonly devices?: readonly (readonly DeviceView[])[] };

async function daemon(t: ExecutionContext, { powers = [], devices = [] }: Script = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-cli-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const socket = join(folder, 'brambled.sock');
  const fake = powerFake();
  const [views, statuses] = [[...powers], [...devices]];
  const next = <T>(list: T[], otherwise: T): T => (list.length > 1 ? list.shift() : list[0]) ?? otherwise;
  const power = () => next(views, { run: null, last: null });
  const begun = async (asked: unknown) => {
    fake.asked.push(asked);
    return ok(power());
  };
  const deps: PowerRoutesDeps = { ...fake, power, ...(powers.length > 0 && { shutdown: begun, startup: begun }) };
  const status = get('/v1/status', () => json(statusFake(next(statuses, []))));
  const stopped = new AbortController();
  const routes = [...powerRoutes(deps), status];
  const server = must(await serveHttp({ listen: { socket }, routes, log: silentLog, signal: stopped.signal }));
  t.teardown(async () => {
    stopped.abort();
    await server.closed;
  });
  const bramble = (args: readonly string[], answer?: string) =>
    runBramble(args, { BRAMBLE_SOCKET: socket }, answer === undefined ? {} : { ask: async () => answer });
  return { asked: fake.asked, bramble };
}

const row = (name: string, state: string, why: string, done = false) => ({ name, state, why, done });
const run = (changes: Partial<PowerRunView>): PowerView => ({
  run: { kind: 'stop', by: 'anna', all: true, phase: 'boards', boards: [], waits: [], ...changes },
  last: null,
});
const none = { force: false, deleteData: false };

test('shutdown asks first, and switches nothing off without a yes', async (t) => {
  const { asked, bramble } = await daemon(t);
  t.is((await bramble(['shutdown', '--all'], 'no')).code, 1);
  t.regex((await bramble(['shutdown', '--all'])).err, /nobody is here to be asked: bramble shutdown --all --yes/);
  for (const wrong of [[], ['--all', 'worker-kube1'], ['worker-kube1', '--keep-master']])
    t.is((await bramble(['shutdown', '--yes', ...wrong])).code, 64, wrong.join(' '));
  t.deepEqual(asked, []);
  t.is((await bramble(['shutdown', 'worker-kube1', 'worker-kube2', '--force'], 'yes')).code, 0);
  t.is((await bramble(['shutdown', '--all', '--yes', '--keep-master', '--delete-emptydir-data'])).code, 0);
  t.deepEqual(asked, [
    { by: 'anna', all: false, boards: ['worker-kube1', 'worker-kube2'], keepMaster: false, ...none, force: true },
    { by: 'anna', all: true, boards: [], keepMaster: true, ...none, deleteData: true },
  ]);
  t.like(await bramble(['shutdown', '--yes', 'nobody']), { code: 4 });
  t.like(await bramble(['shutdown', '--yes', 'busy']), { code: 1, err: 'bramble: busy: it is busy\n' });
});

test('shutdown shows each thing once, until the boards are off', async (t) => {
  const going = row('worker-kube1', 'draining', 'is being switched off, asked by anna');
  const off = row('worker-kube1', 'stopped', 'switched off, asked by anna', true);
  const powers = [
    run({ phase: 'cordon' }),
    run({ boards: [going] }),
    run({ boards: [going] }),
    run({ boards: [off] }),
    run({ phase: 'down', boards: [off] }),
  ];
  const { bramble } = await daemon(t, { powers });
  t.deepEqual(await bramble(['shutdown', '--all', '--yes']), {
    code: 0,
    err: '',
    out: [
      'no board gets new pods',
      'boards are switched off',
      'worker-kube1: is being switched off, asked by anna',
      'worker-kube1: switched off, asked by anna',
      'the boards are off: bramble startup brings them back\n',
    ].join('\n'),
  });
});

test('shutdown fails where it waits for somebody, and says for what', async (t) => {
  const waits = ['worker-kube1 cannot be drained within 5 minutes: bramble shutdown worker-kube1 --force switches off'];
  const { bramble } = await daemon(t, { powers: [run({ all: false }), run({ all: false, waits })] });
  t.like(await bramble(['shutdown', 'worker-kube1', '--yes']), { code: 1, err: `bramble: ${waits[0]}\n` });
  const unattended = await daemon(t, { powers: [run({ all: false })] });
  t.is((await unattended.bramble(['shutdown', 'worker-kube1', '--yes', '--no-wait'])).code, 0);
});

test('startup says which boards to switch on, and ends with how many are back', async (t) => {
  const waits = ['switch on by hand: worker-kube1'];
  const powers = [
    run({ kind: 'start', phase: 'cluster' }),
    run({ kind: 'start', waits }),
    { run: null, last: '1 of 1 boards are back' },
  ];
  const { asked, bramble } = await daemon(t, { powers });
  const { code, out } = await bramble(['startup']);
  t.is(code, 0);
  t.deepEqual(out.trimEnd().split('\n'), [
    'waiting for the cluster',
    'waiting for the boards',
    ...waits,
    '1 of 1 boards are back',
  ]);
  t.deepEqual(asked, [{ by: 'anna', boards: [] }]);
});

test('drain shows how many are left, until none is; uncordon lifts it', async (t) => {
  const at = (why: string, state = 'draining') => [deviceFake('worker-kube1', { state, why })];
  const devices = [at('is being drained, asked by anna, 2 pods left'), at('drained, asked by anna; bramble uncordon')];
  const { asked, bramble } = await daemon(t, { devices });
  t.deepEqual(await bramble(['drain', 'worker-kube1', '--force']), {
    code: 0,
    err: '',
    out: 'worker-kube1: is being drained, asked by anna, 2 pods left\nworker-kube1: drained, asked by anna; bramble uncordon\n',
  });
  t.is((await bramble(['uncordon', 'worker-kube1', '--force'])).code, 0);
  t.deepEqual(asked, [
    { name: 'worker-kube1', how: { by: 'anna', force: true, deleteData: false } },
    { name: 'worker-kube1', how: { by: 'anna', force: true } },
  ]);
  const gone = await daemon(t, { devices: [at('its Node was deleted', 'failed')] });
  t.like(await gone.bramble(['drain', 'worker-kube1']), { code: 1 });
  t.is((await gone.bramble(['drain', 'nobody'])).code, 4);
});
