/** A rogue on the LAN: it knows every address, serial and arming, and it is not the board. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { must } from '../../../../config/result.ts';
import {
  type Instant,
  type Ipv4,
  type Mac,
  millis,
  minutes,
  parseDeviceId,
  parseHostname,
  parseIpv4,
  parseMac,
  parseSerial,
  seconds,
} from '../../../../config/values.ts';
import { type BoardSectors, boardSectors } from '../../../../daemon/app/boards/board-sectors.ts';
import { type BootDesk, type BootDeskDeps, bootDesk } from '../../../../daemon/app/boards/boot-desk.ts';
import { createChanges } from '../../../../daemon/app/changes.ts';
import { createTimelines } from '../../../../daemon/boot/timeline.ts';
import type { BootClaim, DiskClaim } from '../../../../daemon/http/claim.ts';
import type { BootInstruction } from '../../../../daemon/http/order.ts';
import { bootKey, bootProof } from '../../../../daemon/http/proof.ts';
import type { HttpClient } from '../../../../daemon/http/router.ts';
import { isOfAnother } from '../../../../daemon/lifecycle/admission.ts';
import type { Device, DeviceState } from '../../../../daemon/lifecycle/device.ts';
import type { DiskRule } from '../../../../daemon/lifecycle/disk-choice.ts';
import type { LifecycleEvent } from '../../../../daemon/lifecycle/event.ts';
import { createRunner } from '../../../../daemon/lifecycle/runner.ts';
import { encodeOverlay, type Overlay } from '../../../../image-builder/index.ts';
import { aDevice, aReport, MAC, SERIAL, START, states } from '../../../support/boards.ts';
import { createClockDouble, createLogDouble, createRandomDouble } from '../../../support/doubles.ts';

const OWN = must(parseIpv4('10.77.0.100'));
const ELSEWHERE = must(parseIpv4('10.77.0.66'));
const ROGUE = must(parseMac('dc:a6:32:66:66:66'));
const KEY = new Uint8Array(32).fill(7);
const SHA = 'a'.repeat(64);
const CHALLENGE = '0123456789abcdef'.repeat(2);
const aCard = (content: DiskClaim['content']): DiskClaim => ({
  name: 'mmcblk0',
  type: 'sd',
  bytes: 8_000_000_000,
  content,
  clusterId: '',
  deviceId: '',
  model: 'SC32G',
});
const claim = (changes: Partial<BootClaim> = {}): BootClaim => ({
  mac: MAC,
  serial: SERIAL,
  model: 'pi4',
  modelText: 'Raspberry Pi 4 Model B',
  memoryBytes: 4_000_000_000,
  disks: [aCard('blank')],
  card: undefined,
  source: 'netboot',
  challenge: CHALLENGE,
  proof: undefined,
  ...changes,
});
const OVERLAY: Overlay = {
  baseDigest: SHA,
  baseBytes: 1024,
  runs: [{ sector: 0, count: 1, bytes: new Uint8Array(512) }],
};
const at = (address: Ipv4) => ({ address, port: 40_000 });

type Setting = {
  readonly isOverdue?: () => boolean;
  readonly noticeRival?: BootDeskDeps['noticeRival'];
  readonly addressesAreOurs?: boolean;
  readonly diskRules?: readonly DiskRule[];
  readonly neighbours?: ReadonlyMap<Ipv4, Mac>;
  /** Where boards' own sectors lie; without it each has some. */
  readonly sectors?: BoardSectors;
  readonly others?: readonly Device[];
  /** That of the image; undefined once nobody has it any more. */
  readonly base?: string | undefined;
};

/** A desk with one board in `state`, on a LAN where `neighbours` answer. What is decided is accepted at once. */
function desk(t: ExecutionContext, state: DeviceState, setting: Setting = {}) {
  const clock = createClockDouble(START);
  const abort = new AbortController();
  t.teardown(() => abort.abort());
  const changes = createChanges(clock, abort.signal);
  const idle = async (): Promise<LifecycleEvent | undefined> => undefined;
  const writes: Instant[] = [];
  const runner = createRunner({
    commit: async () => void writes.push(clock.now()),
    devices: [aDevice(state), ...(setting.others ?? [])],
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
      'make-image': async ({ id }: Device) => {
        await setting.sectors?.put(id, OVERLAY);
        return { event: 'image-made', arming: 'fresh' };
      },
      'await-ssh': idle,
      join: idle,
      'release-quarantine': idle,
      leave: idle,
      'start-installer': idle,
      'find-installed': idle,
      ...{ adopt: idle, drain: idle, stop: idle },
    },
    onChange: changes.tell,
  });
  const heard: string[] = [];
  const base = 'base' in setting ? setting.base : SHA;
  const neighbours = setting.neighbours ?? new Map([[OWN, MAC]]);
  const boot = bootDesk({
    runner,
    timelines: createTimelines(),
    clock,
    random: createRandomDouble(),
    clusterKey: KEY,
    clusterId: 'c',
    diskRules: setting.diskRules ?? [],
    addressesAreOurs: () => setting.addressesAreOurs ?? true,
    hardwareAddressOf: async (address) => neighbours.get(address),
    onHeard: (device, address) => void heard.push(`${device.name} ${address}`),
    nextChange: changes.next,
    images: {
      openBase: async () => undefined,
      baseOf: async () => (base === undefined ? undefined : { sha256: base, bytes: 1000 }),
      sectorsOf: async ({ id }) =>
        setting.sectors === undefined || (await setting.sectors.get(id)) !== undefined
          ? { runs: [], blob: new Uint8Array(512) }
          : undefined,
    },
    onProgress: async () => undefined,
    isOverdue: setting.isOverdue ?? (() => false),
    noticeRival: setting.noticeRival ?? (() => false),
  });
  return { boot, runner, clock, heard, writes, stateNow: () => runner.fleet.byMac(MAC)?.state };
}

/** As the installer does: proves its key if it is asked to. */
async function tell(boot: BootDesk, said: BootClaim, client: HttpClient): Promise<BootInstruction> {
  const order = await boot.report(said, client);
  if (order.action !== 'wait' || order.nonce === undefined) return order;
  const key = said.source === 'join-card' ? KEY : bootKey(KEY, said.mac);
  return boot.report(
    { ...said, proof: bootProof(key, { nonce: order.nonce, mac: said.mac, serial: said.serial }) },
    client,
  );
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
    const told = await boot.report(claim({ disks: [aCard('foreign')] }), at(from));
    t.is(told.action, 'wait');
    t.false('arming' in told);
    t.is(await boot.sectors('a1', at(from)), undefined);
    t.false(await boot.progress('a1', { written: 1, verified: 0 }, at(from)));
    t.false(await boot.installed('a1', SHA, at(from)));
    t.false(await boot.failed('a1', 'VERIFY_FAILED', '', at(from)));
    t.deepEqual(stateNow(), before);
  });
}

test('the board itself: behind the master and beside a router', async (t) => {
  const beside: Setting = { addressesAreOurs: false, neighbours: new Map([[ELSEWHERE, MAC]]) };
  for (const [from, setting] of [[OWN, {}] as const, [ELSEWHERE, beside] as const]) {
    const { boot, stateNow, heard } = desk(t, states.installing, setting);
    t.like(await tell(boot, claim(), at(from)), { action: 'install', arming: 'a1' });
    t.deepEqual(new Set(heard), new Set([`worker-kube1 ${from}`]));
    t.truthy(await boot.sectors('a1', at(from)));
    t.true(await boot.installed('a1', SHA, at(from)));
    t.is(stateNow()?.name, 'starting');
    t.true(await boot.installed('a1', SHA, at(from)), 'said again, since the answer was lost');
  }
});

test('an installation whose base was removed meanwhile is one; one that read back something else is none', async (t) => {
  const { boot, stateNow } = desk(t, states.installing, { base: undefined });
  t.true(await boot.installed('a1', SHA, at(OWN)));
  t.is(stateNow()?.name, 'starting');
  const { boot: other, stateNow: then } = desk(t, states.installing, { base: 'b'.repeat(64) });
  t.false(await other.installed('a1', SHA, at(OWN)));
  t.like(then(), { name: 'failed', code: 'BASE_DIFFERS' });
});

test('a wipe is told again, since the answer was lost: the same answer, to that board alone', async (t) => {
  const { boot, stateNow } = desk(t, states.wiping, {
    neighbours: new Map([
      [OWN, MAC],
      [ELSEWHERE, ROGUE],
    ]),
  });
  t.true(await boot.wiped('w1', 'all of it', at(OWN)));
  t.like(stateNow(), { name: 'wiping', start: { step: 'done' } });
  t.true(await boot.wiped('w1', 'all of it', at(OWN)));
  t.false(await boot.wiped('w1', 'all of it', at(ELSEWHERE)));
  t.false(await boot.wiped('w2', 'all of it', at(OWN)));
});

test('a board that was accepted by a forged report of an empty disk is not told to overwrite its own', async (t) => {
  const { boot, stateNow } = desk(t, { ...states.pending, report: aReport() });
  const foreign = claim({ disks: [aCard('foreign')] });
  const { boot: forged, runner, stateNow: after } = desk(t, states.installing);
  t.is((await tell(forged, foreign, at(OWN))).action, 'wait');
  t.is(after()?.name, 'pending');
  t.is(runner.fleet.byArming('a1'), undefined, 'the arming is void');
  t.is((await tell(boot, claim(), at(OWN))).action, 'wait');
  t.is(stateNow()?.name, 'pending');
});

test('a report that comes while another one is decided about is not answered with that one’s decision', async (t) => {
  const { boot, stateNow } = desk(t, states.seen);
  const [blank, foreign] = await Promise.all([
    tell(boot, claim(), at(OWN)),
    tell(boot, claim({ disks: [aCard('foreign')] }), at(OWN)),
  ]);
  t.not(foreign.action, 'install');
  t.truthy(blank);
  t.not(stateNow()?.name, 'installing');
});

test('a proof is good for the serial it was made for, and is forgotten with the board', async (t) => {
  const { boot, runner } = desk(t, { ...states.pending, report: aReport({ source: 'join-card' }) });
  const card = { source: 'join-card', card: 'mmcblk0' } as const;
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
  const card = { source: 'join-card', card: 'mmcblk0' } as const;
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
  let isOverdue = false;
  const { boot, clock, stateNow } = desk(t, { ...states.pending, report: aReport() }, { isOverdue: () => isOverdue });
  await clock.advance(seconds(11));
  await tell(boot, claim(), at(OWN));
  t.is(stateNow()?.name, 'pending');
  isOverdue = true;
  t.is((await tell(boot, claim(), at(OWN))).action, 'install');
});

test('the hardware address of a board with another serial number: nothing is ordered, in whatever state, and nobody loses anything', async (t) => {
  const twin = must(parseSerial('10000000abcdef02'));
  for (const state of Object.values(states).filter((one) => isOfAnother(aDevice(one), twin))) {
    const noticed: string[] = [];
    const { boot, stateNow, runner } = desk(t, state, {
      noticeRival: ({ name }, { serial }) => isOfAnother(aDevice(state), serial) && noticed.push(name) > 0,
    });
    const order = await tell(boot, claim({ serial: twin, disks: [aCard('foreign')] }), at(OWN));
    t.is(order.action, 'wait', state.name);
    t.regex(order.message, /is worker-kube1, with another serial number/);
    t.deepEqual(stateNow(), state);
    t.deepEqual(runner.fleet.byMac(MAC)?.serials, [SERIAL]);
    t.deepEqual(noticed, ['worker-kube1']);
  }
});

test('a board that waits ten minutes goes on asking, which writes nothing, and is installed at its next question once it is accepted', async (t) => {
  const known = aReport();
  const { boot, runner, clock, writes, stateNow } = desk(t, { name: 'pending', report: known, reason: 'approve' });
  void runner.run();
  await tell(boot, claim(), at(OWN));
  const { length } = writes;
  for (let asked = 0; asked < 300; asked++) {
    await clock.advance(seconds(2));
    const order = await tell(boot, claim(), at(OWN));
    t.is(order.action, 'wait');
    if (order.action === 'wait') t.is(order.retry, seconds(2));
  }
  t.is(writes.length, length);
  t.deepEqual(stateNow(), { name: 'pending', report: known, reason: 'approve' });
  const { id } = runner.fleet.byMac(MAC) ?? aDevice();
  await runner.dispatch(id, { event: 'accept-requested', by: 'anna' });
  t.is((await tell(boot, claim(), at(OWN))).action, 'install');
});

test('a flood of reports, each with another serial number or disk: a decision every ten seconds, and no more is kept of them', async (t) => {
  const { boot, runner, clock, writes } = desk(t, { ...states.pending, report: aReport() });
  await clock.advance(seconds(10));
  for (let number = 1; number <= 3000; number++) {
    const serial = must(parseSerial(number.toString(16).padStart(16, '0')));
    await boot.report(claim({ serial, disks: [{ ...aCard('foreign'), bytes: number }] }), at(OWN));
    await tell(boot, claim({ serial, disks: [{ ...aCard('foreign'), bytes: number }] }), at(OWN));
    await clock.advance(millis(10));
  }
  const perMinute = (writes.length / (clock.now() - START - seconds(10))) * minutes(1);
  t.true(perMinute <= 30, `${writes.length} writes in ${clock.now() - START} ms`);
  const [device, ...more] = runner.fleet.all();
  t.deepEqual(more, []);
  t.true((device?.serials.length ?? 0) <= 4);
});

test('a board that does not know its key gets no instruction, and is told what to do', async (t) => {
  const { boot, stateNow } = desk(t, states.installing);
  const before = stateNow();
  for (const [source, advice] of [
    ['netboot', /switch it off and on/],
    ['join-card', /image join-card/],
    ['reinstall', /join card/],
  ] as const) {
    await boot.report(claim({ source }), at(OWN));
    const told = await boot.report(claim({ source, proof: 'ab'.repeat(32) }), at(OWN));
    t.is(told.action, 'wait');
    t.regex(told.message, advice);
  }
  t.deepEqual(stateNow(), before);
});

test('the key of a netboot is known to who listens: it opens no shared network', async (t) => {
  const { boot, stateNow } = desk(t, states.booting);
  await tell(boot, claim(), at(OWN));
  const netbooted = stateNow();
  t.false(netbooted?.name === 'installing' && netbooted.report.proof);
  const { boot: other, stateNow: then } = desk(t, states.booting);
  await tell(other, claim({ source: 'join-card', card: 'mmcblk0' }), at(OWN));
  const carded = then();
  t.true(carded?.name === 'installing' && carded.report.proof);
});

test('the order names the disk that the rules allow, by the name that it has now', async (t) => {
  const nvme: DiskClaim = { ...aCard('blank'), name: 'nvme1n1', type: 'nvme', bytes: 256_000_000_000 };
  const { boot } = desk(t, states.installing, { diskRules: [{ type: 'nvme' }] });
  t.like(await tell(boot, claim({ disks: [aCard('blank'), nvme] }), at(OWN)), { action: 'install', disk: 'nvme1n1' });
  t.like(await tell(boot, claim(), at(OWN)), {
    action: 'wait',
    message: 'it has no disk any more that may be written',
  });
});

test('a system of another cluster, or of another board, is data: it is not written over without a word', async (t) => {
  const other = aDevice(states.ready, {
    id: must(parseDeviceId('d-00000000000b')),
    name: must(parseHostname('worker-kube2')),
    address: ELSEWHERE,
    macs: [ROGUE],
    serials: [],
  });
  for (const [clusterId, deviceId, action] of [
    ['', '', 'install'],
    ['c', '', 'install'],
    ['c', aDevice().id, 'install'],
    // Of a board that was forgotten.
    ['c', 'd-00000000000c', 'install'],
    ['c', other.id, 'wait'],
    ['d', aDevice().id, 'wait'],
    ['d', '', 'wait'],
  ] as const) {
    const { boot, stateNow } = desk(t, states.booting, { others: [other] });
    const said = claim({ disks: [{ ...aCard('ours'), clusterId, deviceId }] });
    t.is((await tell(boot, said, at(OWN))).action, action, `${clusterId} ${deviceId}`);
    const state = stateNow();
    const known = clusterId === 'c' ? [aDevice(), other].find(({ id }) => id === deviceId) : undefined;
    const content = action === 'wait' ? 'foreign' : 'ours';
    t.is(state?.name, action === 'wait' ? 'pending' : 'installing');
    t.deepEqual(
      state !== undefined && 'report' in state ? state.report.disk : state,
      aReport({ disk: { content, ...(known !== undefined && { device: known.id }) } }).disk,
    );
  }
});

test('an installer in a board’s own boot partition that is not wanted any more is sent to the system beside it', async (t) => {
  const said = (content: DiskClaim['content']): BootClaim =>
    claim({ source: 'reinstall', card: 'mmcblk0', disks: [aCard(content)] });
  for (const [state, content, action] of [
    [states.starting, 'ours', 'boot'],
    [states.joining, 'ours', 'boot'],
    [states.ready, 'ours', 'boot'],
    [states.unreachable, 'ours', 'boot'],
    [states['local-boot-failed'], 'ours', 'boot'],
    [{ ...states.failed, resume: { at: 'start' } }, 'ours', 'boot'],
    [{ ...states.rejected, system: 'disk' }, 'ours', 'boot'],
    // Its wipe was half done, or somebody put another disk in.
    [{ ...states.rejected, system: 'disk' }, 'blank', 'stop'],
    [{ ...states.rejected, system: 'none' }, 'ours', 'stop'],
  ] as const satisfies readonly (readonly [DeviceState, DiskClaim['content'], string])[]) {
    const { boot } = desk(t, state);
    const told = await tell(boot, said(content), at(OWN));
    t.is(told.action, action, state.name);
    if (told.action === 'boot') t.is(told.disk, 'mmcblk0');
  }
  // A join card would only start the installer again.
  const { boot } = desk(t, states.ready);
  t.is((await tell(boot, claim({ source: 'join-card', card: 'mmcblk0' }), at(OWN))).action, 'wait');
});

test('the daemon’s proof is for the key of that board and for its challenge', async (t) => {
  const { boot } = desk(t, states.seen);
  const text = `daemon|${CHALLENGE}|${MAC}|boot|||||` as const;
  t.not(boot.prove({ mac: MAC, source: 'netboot' }, text), boot.prove({ mac: MAC, source: 'join-card' }, text));
  t.not(boot.prove({ mac: MAC, source: 'netboot' }, text), boot.prove({ mac: ROGUE, source: 'netboot' }, text));
  t.is(boot.prove({ mac: MAC, source: 'netboot' }, text), boot.prove({ mac: MAC, source: 'reinstall' }, text));
});

test('a light blinks once for each time somebody looks for the board', async (t) => {
  const { boot, runner } = desk(t, states.ready);
  const [device] = runner.fleet.all();
  await tell(boot, claim(), at(OWN));
  const told = device && [boot.locate(device.id), boot.locate(device.id)];
  t.is((await tell(boot, claim(), at(OWN))).blink, seconds(60));
  t.is((await tell(boot, claim(), at(OWN))).blink, undefined);
  t.deepEqual(await Promise.all(told ?? []), [true, true]);
});

test('a light of a board whose installer does not ask blinks neither now nor at any time later', async (t) => {
  const { boot, runner, clock } = desk(t, states.ready);
  const [device] = runner.fleet.all();
  const told = device && boot.locate(device.id);
  await clock.advance(seconds(10));
  t.is(await told, false);
  t.is((await tell(boot, claim(), at(OWN))).blink, undefined);
});

test('what an installer says is kept for its own board only, printable and bounded', async (t) => {
  const { boot, runner } = desk(t, states.installing, {
    neighbours: new Map([
      [OWN, MAC],
      [ELSEWHERE, ROGUE],
    ]),
  });
  const [device] = runner.fleet.all();
  if (device === undefined) return t.fail('no board');
  t.false(await boot.log(MAC, 'I am the board', at(ELSEWHERE)));
  t.false(await boot.log(ROGUE, 'who is that', at(OWN)));
  t.deepEqual(boot.logOf(device.id), []);
  t.true(await boot.log(MAC, `lost\n${'x'.repeat(16_000)}\n\u001b[2Jdd: I/O error\r\n\n`, at(OWN)));
  t.is(boot.logOf(device.id).at(-1), '[2Jdd: I/O error');
  t.true(boot.logOf(device.id).join('').length <= 16 * 1024);
  boot.forget(device.id);
  t.deepEqual(boot.logOf(device.id), []);
});

test('a board whose sectors are of an older version is not left alone with them: they are made anew half a minute later', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'overlays-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const log = createLogDouble();
  const sectors = boardSectors(folder, log);
  const { boot, runner, clock, stateNow } = desk(t, states.installing, { sectors });
  const [device] = runner.fleet.all();
  if (device === undefined) return t.fail('no board');
  const old = Buffer.from(encodeOverlay(OVERLAY));
  old.writeUInt16LE(1, 8);
  await writeFile(join(folder, `${device.id}.overlay`), old);
  const told = await tell(boot, claim(), at(OWN));
  t.like(told, { action: 'wait', state: 'failed' });
  t.regex(told.message, /IMAGE_GONE: .*made by itself/);
  t.like(stateNow(), { name: 'failed', code: 'IMAGE_GONE' });
  await clock.advance(seconds(10));
  t.is((await tell(boot, claim(), at(OWN))).action, 'wait');
  t.is(log.records.filter(({ level }) => level === 'error').length, 1, 'it was looked at once');
  await clock.advance(seconds(21));
  t.like(await tell(boot, claim(), at(OWN)), { action: 'install', arming: 'fresh' });
});
