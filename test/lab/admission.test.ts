/** Who comes in, and who does not: real daemon, real installers, real control plane (or the simulator). */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import type { EventView } from '../../daemon/http/wire.ts';
import { type Lab, type LabBoard, type LabOptions, startLab } from './lab.ts';

const patience = (): AbortSignal => AbortSignal.timeout(240_000);

async function labFor(t: ExecutionContext, options: Partial<LabOptions> = {}) {
  const stop = new AbortController();
  const events: EventView[] = [];
  const lab = await startLab({
    controlPlane: 'auto',
    ...options,
    signal: stop.signal,
    log: (line) => t.log(line),
    onEvent: ({ source, event }) => {
      if (source !== 'daemon') return;
      events.push(event);
      t.log(`${event.device}: ${event.from} → ${event.to} (${event.event}) ${event.reason}`);
    },
  });
  t.teardown(async () => {
    if (!t.passed) t.log(await lab.daemon.lastLines());
    await lab.close();
  });
  const seen = (name: string, device = ''): EventView | undefined =>
    events.find((event) => event.event === name && event.device === device);
  return { lab, seen };
}

const reaches = (lab: Lab, board: LabBoard, state: string): Promise<void> =>
  lab.until(() => board.state === state, patience());

/** Asked again and again: nothing tells when this comes true. */
async function eventually<T>(ask: () => Promise<T | undefined>): Promise<T> {
  const limit = patience();
  for (;;) {
    const answer = await ask();
    if (answer !== undefined) return answer;
    await sleep(250, undefined, { signal: limit });
  }
}

const requests = async (lab: Lab): Promise<number> => (await lab.daemon.client.status()).master.traffic.http.answered;

test('a Pi 3B that waits for its owner goes on asking, and becomes Ready untouched when it is accepted', async (t) => {
  const { lab } = await labFor(t, { admission: { mode: 'approve' } });
  const board = await lab.plug({ model: 'pi3', disk: 'join-card' });
  await reaches(lab, board, 'pending');
  const name = board.name ?? '';
  const { length } = (await lab.daemon.client.describe(name)).events;
  const before = await requests(lab);
  await eventually(async () => ((await requests(lab)) >= before + 6 ? true : undefined));
  t.is((await lab.daemon.client.describe(name)).events.length, length, 'asking is no event');
  t.is(board.state, 'pending');
  // The daemon may be away meanwhile.
  await lab.daemon.stop('SIGKILL');
  await lab.daemon.start();
  const again = await requests(lab);
  await eventually(async () => ((await requests(lab)) >= again + 2 ? true : undefined));
  await lab.daemon.client.act(name, 'accept', 'lab-test');
  await reaches(lab, board, 'ready');
  const { events } = await lab.daemon.client.describe(name);
  t.truthy(events.find(({ event, reason }) => event === 'accept-requested' && reason === 'accepted by lab-test'));
});

test('open for one: one of two comes in by itself, and it is said who opened it', async (t) => {
  const { lab, seen } = await labFor(t, { admission: { mode: 'approve' } });
  const boards = [await lab.plug({ model: 'pi4' }), await lab.plug({ model: 'pi5' })];
  await lab.until(() => boards.every(({ state }) => state === 'pending'), patience());
  const { open } = await lab.daemon.client.setOpening({ boards: 1, seconds: 600, by: 'lab-test' });
  t.like(open, { by: 'lab-test', boards: 1 });
  await lab.until(() => boards.some(({ state }) => state === 'ready'), patience());
  const [first] = boards.filter(({ state }) => state === 'ready');
  t.is(seen('admission-decided', first?.name)?.from, 'reported');
  const { events } = await lab.daemon.client.describe(first?.name ?? '');
  t.is(events.findLast(({ event }) => event === 'admission-decided')?.reason, 'open by lab-test');
  t.is((await lab.daemon.client.status()).master.open, null);
  t.is(boards.filter(({ state }) => state === 'pending').length, 1);
  t.regex(seen('admission-opened')?.reason ?? '', /by lab-test/);
  t.is(seen('admission-closed')?.reason, 'closed by its last board');
});

type Node = {
  readonly metadata: { readonly uid: string };
  readonly spec: { readonly taints?: ReadonlyArray<{ readonly key: string; readonly effect: string }> };
};

/** The lab's own hand, from inside its network; undefined where the server says no. */
async function kubectl(lab: Lab, method: string, path: string, body?: unknown): Promise<Node | undefined> {
  const { server, adminToken } = lab.controlPlane;
  const [header, sent] = [join(lab.directory, 'admin-header'), join(lab.directory, 'admin-body')];
  await writeFile(header, `Authorization: Bearer ${adminToken}\nContent-Type: application/json\n`);
  await writeFile(sent, JSON.stringify(body ?? {}));
  const data = body === undefined ? [] : ['--data-binary', `@${sent}`];
  const { stdout } = await lab.master.exec([
    ...['curl', '--silent', '--insecure', '--fail', '--max-time', '20', '--request', method],
    ...['--header', `@${header}`, ...data, `${server}${path}`],
  ]);
  return stdout === '' ? undefined : JSON.parse(stdout);
}

const nodeOf = (lab: Lab, name = ''): Promise<Node | undefined> => kubectl(lab, 'GET', `/api/v1/nodes/${name}`);
const isQuarantined = (node: Node | undefined): boolean =>
  node?.spec.taints?.some(({ key, effect }) => key === 'bramble.dev/quarantine' && effect === 'NoSchedule') === true;
const quarantined = async (lab: Lab, name: string): Promise<true | undefined> =>
  isQuarantined(await nodeOf(lab, name)) || undefined;

test('a thief of a ready board: its serial number, its hardware address, its name, its label, its address; the board goes on', async (t) => {
  const { lab, seen } = await labFor(t);
  const board = await lab.plug({ model: 'pi4' });
  await lab.until(() => seen('quarantine-released', board.name) !== undefined, patience());
  const name = board.name ?? '';
  const { id, serials } = await lab.daemon.client.describe(name);
  const before = await nodeOf(lab, name);
  t.false(isQuarantined(before));

  const bySerial = await lab.plug({ model: 'pi4' }, { serial: board.identity.serial });
  await reaches(lab, bySerial, 'held');
  t.regex(seen('rival-seen', name)?.reason ?? '', new RegExp(`${bySerial.name} reports the serial number`));
  const { why, deed } = await lab.daemon.client.describe(bySerial.name ?? '');
  t.regex(why, new RegExp(`^${name} has the same serial number`));
  t.regex(deed ?? '', new RegExp(`^bramble accept ${bySerial.name}, or bramble reject`));
  t.is(bySerial.timeline.installing, undefined);
  await bySerial.hardware.powerOff();

  const node = (called: string, labels: Readonly<Record<string, string>>, addresses: readonly unknown[] = []) =>
    kubectl(lab, 'POST', '/api/v1/nodes', {
      ...{ apiVersion: 'v1', kind: 'Node', metadata: { name: called, labels }, status: { addresses } },
    });
  t.truthy(await node('worker-kube77', {}));
  t.truthy(await node('thief-of-label', { 'bramble.dev/device': id }));
  t.truthy(await node('thief-of-address', {}, [{ type: 'InternalIP', address: board.address }]));
  t.truthy(await node(bySerial.name ?? '', {}));
  for (const thief of ['worker-kube77', 'thief-of-label', 'thief-of-address', bySerial.name ?? ''])
    await eventually(() => quarantined(lab, thief));
  const told = await eventually(async () => {
    const lines = (await lab.daemon.client.status()).master.advice.filter((line) => line.startsWith('the Node '));
    return lines.length === 4 ? lines : undefined;
  });
  t.regex(told.join('\n'), /the Node worker-kube77 gets no work: bramble joined no Node of this name/);
  t.regex(told.join('\n'), new RegExp(`the Node thief-of-label gets no work: it says to be ${name}`));
  await lab.until(() => seen('node-suspected', bySerial.name) !== undefined, patience());
  t.truthy(await kubectl(lab, 'DELETE', '/api/v1/nodes/worker-kube77'));

  const byMac = await lab.plug({ model: 'pi4' }, { mac: board.identity.mac });
  await eventually(async () => {
    const { advice } = (await lab.daemon.client.status()).master;
    return advice.find(
      (line) => line.includes(`another board says to be ${name}`) && line.includes('hardware address'),
    );
  });
  await byMac.hardware.powerOff();
  await lab.pull(byMac);

  // Its uplink was contested for a moment; it is the same Node, and has lost nothing.
  await reaches(lab, board, 'ready');
  const after = await nodeOf(lab, name);
  t.is(after?.metadata.uid, before?.metadata.uid);
  t.deepEqual((await lab.daemon.client.describe(name)).serials, serials);
  await eventually(async () => (isQuarantined(await nodeOf(lab, name)) ? undefined : true));
});
