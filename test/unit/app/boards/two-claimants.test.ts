/** Two boards say to be one: the real runner, rules and desks over doubles of clock and disk. */
import test, { type ExecutionContext } from 'ava';
import { parseConfig } from '../../../../config/load.ts';
import { must } from '../../../../config/result.ts';
import { minutes, parseDeviceId, parseHostname, parseIpv4, parseMac, seconds } from '../../../../config/values.ts';
import { createAcceptances } from '../../../../daemon/app/boards/acceptances.ts';
import { admissionDesk } from '../../../../daemon/app/boards/admission-desk.ts';
import { createOpening } from '../../../../daemon/app/boards/opening.ts';
import { createRivals } from '../../../../daemon/app/boards/rivals.ts';
import type { Device } from '../../../../daemon/lifecycle/device.ts';
import type { LifecycleEvent } from '../../../../daemon/lifecycle/event.ts';
import { createRunner, type Runner, type Write } from '../../../../daemon/lifecycle/runner.ts';
import { createRests } from '../../../../daemon/rests.ts';
import { aDevice, aReport, MAC, SERIAL, START, states } from '../../../support/boards.ts';
import { createClockDouble, createLogDouble, createRandomDouble } from '../../../support/doubles.ts';

const THIEF = must(parseMac('dc:a6:32:66:66:66'));
const first = aDevice({ name: 'booting' }, { serials: [] });
const second = aDevice(
  { name: 'booting' },
  {
    id: must(parseDeviceId('d-00000000000f')),
    name: must(parseHostname('worker-kube2')),
    address: must(parseIpv4('10.77.0.101')),
    macs: [THIEF],
    serials: [],
  },
);

function world(t: ExecutionContext, devices: readonly Device[], yaml = '') {
  const config = parseConfig(yaml);
  if (!config.ok) throw new Error('not a configuration');
  const stop = new AbortController();
  const clock = createClockDouble(START);
  const log = createLogDouble();
  const rests = createRests(clock);
  const writes: Write[] = [];
  const rivals = createRivals({ dispatch: (id, event) => runner.dispatch(id, event), rests, log });
  const admission = admissionDesk({
    config: config.value,
    boards: () => runner.fleet.all(),
    acceptances: createAcceptances([], rests),
    opening: createOpening({
      ...{ settings: new Map(), commit: async () => 1, onNotice: () => undefined, clock, rests, log },
    }),
    rivals,
    lanIsOurs: () => true,
  });
  const idle = async (): Promise<LifecycleEvent | undefined> => undefined;
  const runner: Runner = createRunner({
    commit: async (batch) => void writes.push(...batch),
    ...{ devices, pendingEffects: new Map(), nextNumber: 3, reservation: () => undefined },
    ...{ clock, random: createRandomDouble(), log, signal: stop.signal, onChange: () => undefined },
    execute: {
      ...{ 'decide-admission': admission.decide, 'make-image': idle, 'find-installed': idle, 'await-ssh': idle },
      ...{
        join: idle,
        'release-quarantine': idle,
        leave: idle,
        'start-installer': idle,
        adopt: idle,
        drain: idle,
        stop: idle,
      },
    },
  });
  const done = Promise.all([rests.follow(stop.signal), runner.run()]);
  t.teardown(async () => {
    stop.abort();
    await done;
  });
  /** As the boot desk does it. */
  const report = async ({ id }: Device, mac = MAC): Promise<void> => {
    const board = runner.fleet.byId(id);
    if (board === undefined) throw new Error('it is gone');
    const told = aReport({ mac });
    const again = admission.isOverdue(board, told);
    await runner.dispatch(id, { event: 'installer-reported', report: told, ...(again && { again }) });
    await clock.advance(seconds(12));
  };
  const stateOf = ({ id }: Device) => runner.fleet.byId(id)?.state.name;
  const ask = (device: Device, event: 'accept-requested' | 'reject-requested') =>
    runner.dispatch(device.id, { event, by: 'anna' });
  const eventsOf = ({ id }: Device): readonly string[] =>
    writes.flatMap((one) => (one.write === 'append-event' && one.device === id ? [one.event.event] : []));
  return { runner, clock, report, stateOf, ask, eventsOf, writes };
}

for (const [mode, before] of [
  ['approve', 'pending'],
  ['auto', 'held'],
] as const) {
  test(`${mode}: both are held, whoever came first, and accepting decides for one`, async (t) => {
    const { report, stateOf, ask, eventsOf } = world(t, [first, second], `admission: {mode: ${mode}}`);
    if (mode === 'approve') await report(first);
    else await Promise.all([report(first), report(second, THIEF)]);
    t.is(stateOf(first), before);
    await report(second, THIEF);
    await report(first);
    t.deepEqual([stateOf(first), stateOf(second)], ['held', 'held']);
    t.true(eventsOf(first).includes('rival-seen') || eventsOf(second).includes('rival-seen'));
    await ask(second, 'accept-requested');
    for (let asked = 0; asked < 5; asked++) await report(first);
    t.deepEqual([stateOf(first), stateOf(second)], ['held', 'accepted']);
    await ask(first, 'accept-requested');
    t.is(stateOf(first), 'accepted', 'it is the owner who knows');
  });
}

test('rejecting one decides nothing for the other; forgetting it does', async (t) => {
  const { report, stateOf, ask, runner } = world(t, [first, second]);
  await Promise.all([report(first), report(second, THIEF)]);
  await report(first);
  t.deepEqual([stateOf(first), stateOf(second)], ['held', 'held']);
  await ask(second, 'reject-requested');
  await runner.dispatch(second.id, { event: 'left' });
  await report(first);
  t.is(stateOf(first), 'held', 'whoever was rejected still says so');
  await runner.dispatch(second.id, { event: 'forget-requested', by: 'anna' });
  await report(first);
  t.is(stateOf(first), 'accepted');
});

test('a board that is ready goes on, and says once an hour that there is another one', async (t) => {
  const ready = aDevice({ name: 'ready', quarantined: false });
  const { report, stateOf, eventsOf, clock } = world(t, [ready, second]);
  for (let asked = 0; asked < 20; asked++) await report(second, THIEF);
  t.deepEqual([stateOf(ready), stateOf(second)], ['ready', 'held']);
  t.deepEqual(eventsOf(ready), ['rival-seen']);
  await clock.advance(minutes(60));
  await report(second, THIEF);
  t.is(eventsOf(second).filter((event) => event === 'installer-reported').length, 1, 'it was decided about once');
  t.deepEqual(states.ready.name, stateOf(ready));
  t.true(ready.serials.includes(SERIAL));
});
