import test from 'ava';
import { parseConfig } from '../../../../config/load.ts';
import { must } from '../../../../config/result.ts';
import { millis, minutes, parseDeviceId, parseHostname, parseMac } from '../../../../config/values.ts';
import { createAcceptances } from '../../../../daemon/app/boards/acceptances.ts';
import { admissionDesk } from '../../../../daemon/app/boards/admission-desk.ts';
import { createOpening } from '../../../../daemon/app/boards/opening.ts';
import type { BoardReport, Device } from '../../../../daemon/lifecycle/device.ts';
import { aDevice, aReport, MAC, SERIAL, states } from '../../../support/boards.ts';
import { createClockDouble, createLogDouble } from '../../../support/doubles.ts';

const numbered = (number: number, state: Device['state']): Device =>
  aDevice(state, {
    id: must(parseDeviceId(`d-${String(number).padStart(12, '0')}`)),
    name: must(parseHostname(`worker-kube${number}`)),
    macs: [must(parseMac(`dc:a6:32:00:00:${String(number).padStart(2, '0')}`))],
    serials: [],
  });
const reportOf = ({ macs }: Device, more: Partial<BoardReport> = {}): BoardReport =>
  aReport({ mac: macs[0] ?? MAC, serial: undefined, ...more });
const reported = (number: number, more: Partial<BoardReport> = {}): Device => {
  const device = numbered(number, states.seen);
  return { ...device, state: { name: 'reported', report: reportOf(device, more) } };
};

function desk(yaml: string, setting: { boards?: readonly Device[]; lanIsOurs?: boolean | undefined } = {}) {
  const config = parseConfig(yaml);
  if (!config.ok) throw new Error('not a configuration');
  let elapsed = millis(0);
  const rests = { elapsed: () => elapsed };
  const told: string[] = [];
  const opening = createOpening({
    ...{
      settings: new Map(),
      commit: async () => 1,
      onNotice: () => undefined,
      clock: createClockDouble(),
      rests,
      log: createLogDouble(),
    },
  });
  const admission = admissionDesk({
    config: config.value,
    boards: () => setting.boards ?? [],
    acceptances: createAcceptances([], rests),
    opening,
    rivals: { seen: ({ name }, by) => void told.push(`${name}: ${by}`) },
    lanIsOurs: () => ('lanIsOurs' in setting ? setting.lanIsOurs : true),
  });
  const pass = (time: number): void => {
    elapsed = millis(elapsed + time);
  };
  const verdict = async (device: Device) => {
    const event = await admission.decide(device);
    return event?.event === 'admission-decided' ? event.verdict : undefined;
  };
  return { admission, opening, pass, told, verdict };
}

test('whose network it is, is asked at each decision: nobody knows, a shared one, ours', async (t) => {
  const on = async (lanIsOurs: boolean | undefined) => desk('', { lanIsOurs }).verdict(reported(1));
  t.regex(JSON.stringify(await on(undefined)), /"wait".*not known yet/);
  t.regex(JSON.stringify(await on(false)), /"wait".*shared/);
  t.is((await on(true))?.verdict, 'accept');
});

test('open for two: two come in, named after who opened it; those who would come in anyway take no place', async (t) => {
  const { opening, verdict } = desk('', { lanIsOurs: false });
  await opening.open({ by: 'anna', boards: 2, left: minutes(10) });
  t.deepEqual(await verdict(reported(1, { proof: true })), { verdict: 'accept', by: 'auto: it knows the cluster key' });
  t.is(opening.now()?.boards, 2);
  t.deepEqual(await verdict(reported(2)), { verdict: 'accept', by: 'open by anna' });
  t.deepEqual(await verdict(reported(2)), { verdict: 'accept', by: 'open by anna' }, 'it could not be written');
  t.is(opening.now()?.boards, 1);
  const both = await Promise.all([verdict(reported(3)), verdict(reported(4))]);
  t.deepEqual(
    both.map((one) => one?.verdict),
    ['accept', 'wait'],
    'one place, two boards at the same moment',
  );
  t.is(opening.now(), undefined);
});

test('data on a disk keeps a board out, and its place free', async (t) => {
  const { opening, verdict } = desk('admission: {mode: approve}');
  await opening.open({ by: 'anna', boards: 1, left: minutes(10) });
  const foreign = { ...aReport().disk, content: 'foreign' } as const;
  t.is((await verdict(reported(1, { disk: foreign })))?.verdict, 'wait');
  t.is(opening.now()?.boards, 1);
});

test('admission.limit holds over one window after the other, for an hour', async (t) => {
  const { opening, verdict, pass } = desk('admission: {mode: approve, limit: 3}');
  const open = () => opening.open({ by: 'anna', boards: 2, left: minutes(10) });
  await open();
  for (const number of [1, 2]) t.is((await verdict(reported(number)))?.verdict, 'accept');
  await open();
  t.is((await verdict(reported(3)))?.verdict, 'accept');
  const refused = await verdict(reported(4));
  t.regex(JSON.stringify(refused), /"wait".*3 boards were accepted within the last hour already/);
  t.is(opening.now()?.boards, 1, 'it took no place');
  pass(minutes(60));
  await open();
  t.is((await verdict(reported(4)))?.verdict, 'accept');
});

test('what a board waited for has come: it is decided about again, though it says the same', async (t) => {
  const { admission, opening } = desk('admission: {mode: approve}');
  const board = numbered(1, states.seen);
  const report = reportOf(board);
  const waits: Device = { ...board, state: { name: 'pending', report, reason: 'x' } };
  const isHeld: Device = { ...board, state: { name: 'held', report, reason: 'x' } };
  t.false(admission.isOverdue(waits, report));
  t.true(admission.isOverdue(isHeld, report), 'nobody else says to be it any more');
  await opening.open({ by: 'anna', boards: 1, left: minutes(10) });
  t.true(admission.isOverdue(waits, report));
  t.false(admission.isOverdue({ ...board, state: states.ready }, report));
});

test('one serial number in two boards: the one that reports is held, the other one is told of it, whatever its state', async (t) => {
  for (const state of [states.seen, states.pending, states.ready, states.rejected]) {
    const other: Device = { ...numbered(1, state), serials: [SERIAL] };
    const { verdict, told, admission } = desk('', { boards: [other] });
    const newcomer = reported(2, { serial: SERIAL });
    t.is((await verdict(newcomer))?.verdict, 'hold', state.name);
    t.deepEqual(told, [
      'worker-kube1: worker-kube2 reports the serial number 10000000abcdef01 and the hardware address dc:a6:32:00:00:02',
    ]);
    if (newcomer.state.name !== 'reported') throw new Error('unreachable');
    const waits: Device = { ...newcomer, state: { ...newcomer.state, name: 'pending', reason: 'x' } };
    t.true(admission.isOverdue(waits, newcomer.state.report), 'one that waited before the other came');
  }
});
