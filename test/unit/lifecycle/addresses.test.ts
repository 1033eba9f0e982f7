/** Names and addresses of boards, whatever happens: property tests over the runner, with a disk and a wall clock of their own. */
import test from 'ava';
import fc from 'fast-check';
import { must } from '../../../config/result.ts';
import {
  type DeviceId,
  type Ipv4,
  instant,
  type Mac,
  millis,
  minutes,
  parseAddressRange,
  parseIpv4,
  parseMac,
  parseSubnet,
  seconds,
} from '../../../config/values.ts';
import type { Device } from '../../../daemon/lifecycle/device.ts';
import { isUndecided, provisionalLease } from '../../../daemon/lifecycle/registry.ts';
import { createRunner, type Runner, type Write } from '../../../daemon/lifecycle/runner.ts';
import { aReport, START } from '../../support/boards.ts';
import { createClockDouble, createLogDouble, createRandomDouble } from '../../support/doubles.ts';

const range = must(parseAddressRange('10.0.0.10-14'));
const subnet = must(parseSubnet('10.0.0.0/24'));
const macOf = (number: number): Mac => must(parseMac(`dc:a6:32:00:00:0${number}`));
const idle = async () => undefined;

type Step =
  | { readonly do: 'sight' | 'boot' | 'accept' | 'readdress'; readonly board: number }
  /** All at once. */
  | { readonly do: 'sight-many'; readonly boards: readonly number[] }
  | { readonly do: 'lapse' | 'jump'; readonly minutes: number }
  | { readonly do: 'restart' | 'fail-next-write' };

const board = fc.integer({ min: 0, max: 7 });
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ do: fc.constant('sight' as const), board }) },
    {
      weight: 3,
      arbitrary: fc.record({ do: fc.constantFrom('boot' as const, 'accept' as const, 'readdress' as const), board }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('sight-many' as const), boards: fc.array(board) }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant('lapse' as const), minutes: fc.constantFrom(1, 3, 6) }) },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant('jump' as const), minutes: fc.constantFrom(-9999, -3, 3, 9999) }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('restart' as const, 'fail-next-write' as const) }) },
  ),
  { maxLength: 30, size: 'max' },
);

/** One daemon after the other on one disk. Real time goes by on `clock`; what the daemon reads off the wall may jump. */
class WorldDouble {
  readonly clock = createClockDouble(START);
  readonly disk = new Map<DeviceId, Device>();
  readonly random = createRandomDouble();
  wall = 0;
  nextNumber = 1;
  failNext: boolean = false;
  life = new AbortController();

  begin(): Runner {
    this.life = new AbortController();
    const runner = createRunner({
      commit: this.commit,
      devices: [...this.disk.values()],
      pendingEffects: new Map(),
      nextNumber: this.nextNumber,
      reservation: () => ({
        range,
        subnet,
        leases: true,
        isTaken: () => false,
        pattern: 'worker-kube{n}',
        pendingMax: 3,
      }),
      clock: { now: () => instant(this.clock.now() + this.wall), sleep: this.clock.sleep },
      random: this.random,
      log: createLogDouble(),
      signal: this.life.signal,
      execute: {
        'decide-admission': idle,
        'make-image': idle,
        'await-ssh': idle,
        join: idle,
        'release-quarantine': idle,
        leave: idle,
        'start-installer': idle,
        'find-installed': idle,
        ...{ adopt: idle, drain: idle, stop: idle },
      },
      onChange: () => undefined,
    });
    void runner.run();
    return runner;
  }

  readonly commit = async (batch: readonly Write[]): Promise<void> => {
    await Promise.resolve();
    if (this.failNext) {
      this.failNext = false;
      throw new Error('STORE_FULL');
    }
    const next = new Map(this.disk);
    for (const write of batch) {
      if (write.write === 'delete-device') next.delete(write.device);
      if (write.write === 'put-device') next.set(write.device.id, write.device);
      if (write.write === 'put-setting') this.nextNumber = Number(write.value);
    }
    // As the database has it.
    for (const field of ['address', 'name'] as const) {
      if (new Set([...next.values()].map((device) => device[field])).size < next.size)
        throw new Error(`UNIQUE ${field}`);
    }
    this.disk.clear();
    for (const [id, device] of next) this.disk.set(id, device);
  };

  /** Last: it needs all of the others. */
  runner: Runner = this.begin();
}

/** A write that the disk refused is as if nothing had been asked. */
const unlessFull = <T>(asked: Promise<T>): Promise<T | undefined> =>
  asked.catch((error: unknown) => {
    if (error instanceof Error && error.message === 'STORE_FULL') return undefined;
    throw error;
  });

test('no address is held by two boards, and a board that was decided about keeps name and address for ever', async (t) => {
  let told = 0;
  await fc.assert(
    fc.asyncProperty(steps, async (script) => {
      const world = new WorldDouble();
      /** What each board was told, and until when it uses it without asking again. */
      const held = new Map<Mac, { readonly address: Ipv4; readonly until: number }>();
      const forEver = new Map<Mac, Pick<Device, 'name' | 'address' | 'id'>>();
      const sight = async (number: number): Promise<void> => {
        const mac = macOf(number);
        const sighted = await unlessFull(world.runner.sight({ mac }));
        if (sighted?.ok !== true) return;
        const { address, id } = sighted.value;
        const now = world.clock.now();
        if (address === undefined || world.disk.get(id)?.address !== address)
          throw new Error(`${mac} was told ${address}, which is not on disk`);
        for (const [other, lease] of held) {
          if (other !== mac && lease.address === address && lease.until > now) {
            throw new Error(`${address} is ${other}'s for ${lease.until - now} ms, and ${mac} was told it, too`);
          }
        }
        const before = held.get(mac);
        const until = Math.max(before?.address === address ? before.until : 0, now + provisionalLease(sighted.value));
        held.set(mac, { address, until });
        told += 1;
      };
      for (const step of script) {
        if (step.do === 'sight') await sight(step.board);
        if (step.do === 'sight-many') await Promise.all(step.boards.map(sight));
        if (step.do === 'lapse') await world.clock.advance(minutes(step.minutes));
        if (step.do === 'jump') world.wall += minutes(step.minutes);
        if (step.do === 'fail-next-write') world.failNext = true;
        if (step.do === 'restart') {
          world.life.abort();
          world.runner = world.begin();
        }
        if (step.do === 'boot') {
          const known = world.runner.fleet.byMac(macOf(step.board));
          const event = { event: 'boot-file-served', file: 'start4.elf' } as const;
          if (known !== undefined) await unlessFull(world.runner.dispatch(known.id, event));
        }
        if (step.do === 'accept' || step.do === 'readdress') {
          const mac = macOf(step.board);
          const known = world.runner.fleet.byMac(mac);
          if (known === undefined) continue;
          const report = aReport({ mac });
          if (step.do === 'accept') {
            await unlessFull(world.runner.dispatch(known.id, { event: 'installer-reported', report }));
            await unlessFull(world.runner.dispatch(known.id, { event: 'accept-requested', by: 'owner' }));
            const after = world.disk.get(known.id);
            if (after !== undefined && !isUndecided(after)) forEver.set(mac, after);
          } else if ((await unlessFull(world.runner.readdress(known.id)))?.ok) held.delete(mac);
        }
        const boards = world.runner.fleet.all();
        for (const field of ['address', 'name'] as const) {
          if (new Set(boards.map((one) => one[field])).size < boards.length) throw new Error(`${field} twice`);
        }
        for (const [mac, { id, name, address }] of forEver) {
          const now = world.runner.fleet.byMac(mac);
          if (now?.id !== id || now.name !== name || now.address !== address) {
            throw new Error(`${mac} was ${name} ${address}, and is ${now?.name} ${now?.address}`);
          }
        }
      }
      world.life.abort();
    }),
    { numRuns: 200 },
  );
  t.true(told > 500, `${told} answers`);
});

test('the wall clock jumps a year ahead: nobody’s address is given to another board', async (t) => {
  const world = new WorldDouble();
  for (const number of [1, 2, 3]) must(await world.runner.sight({ mac: macOf(number) }));
  world.wall = minutes(365 * 24 * 60);
  t.false((await world.runner.sight({ mac: macOf(4) })).ok);
  await world.clock.advance(millis(minutes(2) + seconds(5)));
  t.true((await world.runner.sight({ mac: macOf(4) })).ok, 'they are silent for their lease now');
  world.life.abort();
});

test('a board that was told five minutes has them, also if its state would be told two by now', async (t) => {
  const world = new WorldDouble();
  for (const number of [1, 2, 3]) must(await world.runner.sight({ mac: macOf(number) }));
  const first = world.runner.fleet.byMac(macOf(1));
  if (first === undefined) return t.fail();
  await world.runner.dispatch(first.id, { event: 'boot-file-served', file: 'start4.elf' });
  await world.clock.advance(millis(minutes(5) - seconds(10)));
  // Five minutes, ten seconds before it is taken for one of which only a packet was seen.
  for (const number of [1, 2, 3]) must(await world.runner.sight({ mac: macOf(number) }));
  await world.clock.advance(minutes(1));
  for (const number of [2, 3]) must(await world.runner.sight({ mac: macOf(number) }));
  t.is(world.runner.fleet.byId(first.id)?.state.name, 'seen');
  await world.clock.advance(millis(minutes(2) - seconds(5)));
  t.false((await world.runner.sight({ mac: macOf(4) })).ok, 'its lease runs');
  for (const number of [2, 3]) must(await world.runner.sight({ mac: macOf(number) }));
  await world.clock.advance(minutes(2));
  for (const number of [2, 3]) must(await world.runner.sight({ mac: macOf(number) }));
  await world.clock.advance(minutes(1));
  t.true((await world.runner.sight({ mac: macOf(4) })).ok, 'it is over');
  t.is(world.runner.fleet.byId(first.id), undefined);
  world.life.abort();
});

test('another address for a board: only while nobody decided about it, and only if there is one', async (t) => {
  const world = new WorldDouble();
  const first = must(await world.runner.sight({ mac: macOf(1) }));
  const moved = must(await world.runner.readdress(first.id));
  t.is(moved.address, must(parseIpv4('10.0.0.11')));
  t.deepEqual({ ...moved, address: first.address }, first);
  t.is(world.disk.get(first.id)?.address, moved.address);
  world.failNext = true;
  await t.throwsAsync(world.runner.readdress(first.id), { message: 'STORE_FULL' });
  t.is(world.runner.fleet.byMac(macOf(1))?.address, moved.address, 'not written: not changed');
  await world.runner.dispatch(first.id, { event: 'installer-reported', report: aReport({ mac: macOf(1) }) });
  await world.runner.dispatch(first.id, { event: 'accept-requested', by: 'owner' });
  t.like(await world.runner.readdress(first.id), { ok: false, error: { code: 'DECIDED' } });
  world.life.abort();
});
