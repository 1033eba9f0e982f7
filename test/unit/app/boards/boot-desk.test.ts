/** A rogue on the LAN: it knows every address, serial and arming, and it is not the board. */
import test, { type ExecutionContext } from 'ava';
import { must } from '../../../../config/result.ts';
import { type Ipv4, type Mac, parseIpv4, parseMac, parseSerial, seconds } from '../../../../config/values.ts';
import { bootDesk } from '../../../../daemon/app/boards/boot-desk.ts';
import { createChanges } from '../../../../daemon/app/changes.ts';
import { createTimelines } from '../../../../daemon/boot/timeline.ts';
import type { BootClaim } from '../../../../daemon/http/claim.ts';
import { bootProof } from '../../../../daemon/http/proof.ts';
import type { Device, DeviceState } from '../../../../daemon/lifecycle/device.ts';
import type { LifecycleEvent } from '../../../../daemon/lifecycle/event.ts';
import { createRunner } from '../../../../daemon/lifecycle/runner.ts';
import { aDevice, aReport, MAC, SERIAL, START, states } from '../../../support/boards.ts';
import { createClockDouble, createLogDouble, createRandomDouble } from '../../../support/doubles.ts';

const OWN = must(parseIpv4('10.77.0.100'));
const ELSEWHERE = must(parseIpv4('10.77.0.66'));
const ROGUE = must(parseMac('dc:a6:32:66:66:66'));
const KEY = new Uint8Array(32).fill(7);
const SHA = 'a'.repeat(64);
const claim = (changes: Partial<BootClaim> = {}): BootClaim => ({
  mac: MAC,
  serial: SERIAL,
  model: 'pi4',
  modelText: 'Raspberry Pi 4 Model B',
  memoryBytes: 4_000_000_000,
  disk: { bytes: 8_000_000_000, content: 'blank' },
  source: 'netboot',
  proof: undefined,
  ...changes,
});
const at = (address: Ipv4) => ({ address, port: 40_000 });

type Setting = {
  readonly isAcceptable?: () => boolean;
  readonly addressesAreOurs?: boolean;
  readonly neighbours?: ReadonlyMap<Ipv4, Mac>;
};

/** A desk with one board in `state`, on a LAN where `neighbours` answer. What is decided is accepted at once. */
function desk(t: ExecutionContext, state: DeviceState, setting: Setting = {}) {
  const clock = createClockDouble(START);
  const abort = new AbortController();
  t.teardown(() => abort.abort());
  const changes = createChanges(clock, abort.signal);
  const idle = async (): Promise<LifecycleEvent | undefined> => undefined;
  const runner = createRunner({
    commit: async () => undefined,
    devices: [aDevice(state)],
    pendingEffects: new Map(),
    nextNumber: 2,
    reservation: () => undefined,
    clock,
    random: createRandomDouble(),
    log: createLogDouble(),
    signal: abort.signal,
    execute: {
      'decide-admission': async ({ state: reported }: Device) => ({
        event: 'admission-decided',
        verdict:
          reported.name === 'reported' && reported.report.disk.content === 'foreign'
            ? { verdict: 'wait', reason: 'its disk holds data' }
            : { verdict: 'accept', by: 'test' },
      }),
      'make-image': async () => ({ event: 'image-made', arming: 'fresh' }),
      'await-ssh': idle,
      join: idle,
      'release-quarantine': idle,
      leave: idle,
    },
    onChange: changes.tell,
  });
  const heard: string[] = [];
  const neighbours = setting.neighbours ?? new Map([[OWN, MAC]]);
  const boot = bootDesk({
    runner,
    timelines: createTimelines(),
    clock,
    random: createRandomDouble(),
    clusterKey: KEY,
    addressesAreOurs: () => setting.addressesAreOurs ?? true,
    hardwareAddressOf: async (address) => neighbours.get(address),
    onHeard: (device, address) => void heard.push(`${device.name} ${address}`),
    nextChange: changes.next,
    images: {
      openBase: async () => undefined,
      baseOf: async () => ({ sha256: SHA, bytes: 1000 }),
      sectorsOf: async () => ({ runs: [], blob: new Uint8Array(512) }),
    },
    onProgress: async () => undefined,
    isAcceptable: setting.isAcceptable ?? (() => false),
  });
  return { boot, runner, clock, heard, stateNow: () => runner.fleet.byMac(MAC)?.state };
}

/** What it may try: its own address; the board's address; and beside a router, where every address may be the board's. */
const rogues: readonly { readonly why: string; readonly from: Ipv4; readonly setting: Setting }[] = [
  { why: 'from its own address', from: ELSEWHERE, setting: { neighbours: new Map([[ELSEWHERE, ROGUE]]) } },
  { why: 'from the board’s address', from: OWN, setting: { neighbours: new Map([[OWN, ROGUE]]) } },
  {
    why: 'beside a router',
    from: ELSEWHERE,
    setting: { addressesAreOurs: false, neighbours: new Map([[ELSEWHERE, ROGUE]]) },
  },
  { why: 'from another network', from: ELSEWHERE, setting: { addressesAreOurs: false, neighbours: new Map() } },
];
for (const { why, from, setting } of rogues) {
  test(`a rogue ${why}: no instruction, no sectors, and nothing that it says is believed`, async (t) => {
    const { boot, stateNow } = desk(t, states.installing, setting);
    const before = stateNow();
    const told = await boot.report(claim({ disk: { bytes: 1, content: 'foreign' } }), at(from));
    t.is(told.action, 'wait');
    t.false('arming' in told);
    t.is(await boot.sectors('a1', at(from)), undefined);
    t.false(await boot.progress('a1', 1, at(from)));
    t.false(await boot.installed('a1', SHA, at(from)));
    t.false(await boot.failed('a1', 'VERIFY_FAILED', '', at(from)));
    t.deepEqual(stateNow(), before);
  });
}

test('the board itself: behind the master and beside a router', async (t) => {
  const beside: Setting = { addressesAreOurs: false, neighbours: new Map([[ELSEWHERE, MAC]]) };
  for (const [from, setting] of [[OWN, {}] as const, [ELSEWHERE, beside] as const]) {
    const { boot, stateNow, heard } = desk(t, states.installing, setting);
    t.like(await boot.report(claim(), at(from)), { action: 'install', arming: 'a1' });
    t.deepEqual(heard, [`worker-kube1 ${from}`]);
    t.truthy(await boot.sectors('a1', at(from)));
    t.true(await boot.installed('a1', SHA, at(from)));
    t.is(stateNow()?.name, 'starting');
    t.true(await boot.installed('a1', SHA, at(from)), 'said again, since the answer was lost');
  }
});

test('a board that was accepted by a forged report of an empty disk is not told to overwrite its own', async (t) => {
  const { boot, stateNow } = desk(t, { ...states.pending, report: aReport() });
  const foreign = claim({ disk: { bytes: 8_000_000_000, content: 'foreign' } });
  const { boot: forged, runner, stateNow: after } = desk(t, states.installing);
  t.is((await forged.report(foreign, at(OWN))).action, 'wait');
  t.is(after()?.name, 'pending');
  t.is(runner.fleet.byArming('a1'), undefined, 'the arming is void');
  t.is((await boot.report(claim(), at(OWN))).action, 'wait');
  t.is(stateNow()?.name, 'pending');
});

test('a report that comes while another one is decided about is not answered with that one’s decision', async (t) => {
  const { boot, stateNow } = desk(t, states.seen);
  const [blank, foreign] = await Promise.all([
    boot.report(claim(), at(OWN)),
    boot.report(claim({ disk: { bytes: 8_000_000_000, content: 'foreign' } }), at(OWN)),
  ]);
  t.not(foreign.action, 'install');
  t.truthy(blank);
  t.not(stateNow()?.name, 'installing');
});

test('a proof is good for the serial it was made for, and is forgotten with the board', async (t) => {
  const { boot, runner } = desk(t, { ...states.pending, report: aReport({ source: 'join-card' }) });
  const card = { source: 'join-card' } as const;
  const asked = await boot.report(claim(card), at(OWN));
  const nonce = asked.action === 'wait' ? asked.nonce : undefined;
  t.truthy(nonce);
  const proof = bootProof(KEY, { nonce: nonce ?? '', mac: MAC, serial: SERIAL });
  t.false('nonce' in (await boot.report(claim({ ...card, proof }), at(OWN))));
  t.false('nonce' in (await boot.report(claim(card), at(OWN))));
  t.true('nonce' in (await boot.report(claim({ ...card, serial: must(parseSerial('00000000deadbeef')) }), at(OWN))));
  const [device] = runner.fleet.all();
  if (device !== undefined) boot.forget(device.id);
  t.true('nonce' in (await boot.report(claim(card), at(OWN))));
});

test('a proof that is used again, or made with another key, is none', async (t) => {
  const { boot, runner, stateNow } = desk(t, { ...states.pending, report: aReport({ source: 'join-card' }) });
  const card = { source: 'join-card' } as const;
  const asked = await boot.report(claim(card), at(OWN));
  const nonce = asked.action === 'wait' ? (asked.nonce ?? '') : '';
  const wrong = bootProof(new Uint8Array(32), { nonce, mac: MAC, serial: SERIAL });
  await boot.report(claim({ ...card, proof: wrong }), at(OWN));
  const right = bootProof(KEY, { nonce, mac: MAC, serial: SERIAL });
  t.true('nonce' in (await boot.report(claim({ ...card, proof: right }), at(OWN))), 'its nonce is used up');
  const state = stateNow();
  t.false(state?.name === 'pending' && state.report.proof);
  t.is(runner.fleet.all().length, 1);
});

test('a board that waited until it was known whose network this is: accepted by itself when it asks again', async (t) => {
  let isAcceptable = false;
  const { boot, clock, stateNow } = desk(
    t,
    { ...states.pending, report: aReport() },
    { isAcceptable: () => isAcceptable },
  );
  await clock.advance(seconds(11));
  await boot.report(claim(), at(OWN));
  t.is(stateNow()?.name, 'pending');
  isAcceptable = true;
  t.is((await boot.report(claim(), at(OWN))).action, 'install');
});
