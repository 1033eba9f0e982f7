import test from 'ava';
import { parseConfig } from '../../../../config/load.ts';
import { ok, problem, type Result } from '../../../../config/result.ts';
import { seconds } from '../../../../config/values.ts';
import { createAdoption } from '../../../../daemon/app/boards/adoption.ts';
import { generateSshKeyPair } from '../../../../daemon/join/keys.ts';
import type { Device } from '../../../../daemon/lifecycle/device.ts';
import type { LifecycleEvent } from '../../../../daemon/lifecycle/event.ts';
import { aDevice, aHeardDevice, states } from '../../../support/boards.ts';
import { createClockDouble, createLogDouble } from '../../../support/doubles.ts';

const daemonKey = generateSshKeyPair('daemon');
const FIRST_LOGIN = 'join: {firstLogin: {user: pirate, password: hypriot}}\n';

function desk(
  yaml: string,
  world: { lanIsOurs?: boolean; hasRival?: boolean; accepted?: number; end?: Result<void> } = {},
) {
  const config = parseConfig(yaml);
  if (!config.ok) throw new Error('not a configuration');
  const clock = createClockDouble();
  const log = createLogDouble();
  const events: LifecycleEvent[] = [];
  const seen = { answers: false, asked: 0, pinned: 0, logins: [] as string[] };
  let now: Device | undefined;
  const abort = new AbortController();
  const adoption = createAdoption({
    config: config.value,
    dispatch: async (_id, event) => {
      events.push(event);
      return problem('DEVICE_GONE', '');
    },
    boardNow: (device) => now ?? device,
    keys: {
      accepted: () => [],
      own: { pinned: () => undefined, plan: async () => daemonKey, pin: async () => void seen.pinned++ },
    },
    acceptances: { besides: () => world.accepted ?? 0, note: () => undefined },
    lanIsOurs: () => world.lanIsOurs ?? true,
    hasRival: () => world.hasRival ?? false,
    answersSsh: async () => {
      seen.asked += 1;
      return seen.answers;
    },
    firstLogin: async ({ user, password }) => {
      seen.logins.push(`${user} ${password()}`);
      return world.end?.ok === false ? problem('FIRST_LOGIN', world.end.error.detail) : ok(undefined);
    },
    ...{ daemonKey, clock, log, signal: abort.signal },
  });
  const become = (device: Device): void => {
    now = device;
  };
  return { adoption, clock, log, events, seen, become, abort };
}

test('on a network of our own a board whose system answers SSH is taken in by itself, once', async (t) => {
  const { adoption, clock, events, seen, become } = desk(FIRST_LOGIN);
  const board = aDevice(states.seen);
  adoption.systemHeard(board);
  adoption.systemHeard(board);
  await clock.advance(seconds(9));
  t.deepEqual([seen.asked, events], [2, []], 'its sshd is not there yet');
  t.deepEqual([adoption.isAdoptable(board), adoption.awaitsOwner(board)], [true, false], 'it is looked after');
  seen.answers = true;
  await clock.advance(seconds(1));
  t.deepEqual(events, [{ event: 'adopt-requested', by: 'auto: nobody else is on this network' }]);
  become(aDevice(states.failed));
  adoption.systemHeard(aDevice(states.failed));
  await clock.advance(seconds(600));
  t.is(events.length, 1, 'and never again');
});

test('not by itself: a shared network, another mode, a rival, too many, a board that starts its installer, no login', async (t) => {
  for (const [yaml, world] of [
    [FIRST_LOGIN, { lanIsOurs: false }],
    [`${FIRST_LOGIN}admission: {mode: approve}`, {}],
    [FIRST_LOGIN, { hasRival: true }],
    [FIRST_LOGIN, { accepted: 32 }],
    ['', {}],
  ] as const) {
    const { adoption, clock, seen, events } = desk(yaml, world);
    seen.answers = true;
    adoption.systemHeard(aDevice(states.seen));
    await clock.advance(seconds(60));
    t.deepEqual([seen.asked, events], [0, []], yaml);
    t.is(adoption.isAdoptable(aDevice(states.seen)), yaml !== '', 'the owner may ask for it');
    t.is(adoption.awaitsOwner(aDevice(states.seen)), yaml !== '', 'and nobody else will');
    t.is(adoption.lacksLogin(aDevice(states.seen)), yaml === '');
    t.false(adoption.lacksLogin(aDevice(states.ready)), 'it is one of ours by now');
    adoption.restarted(aDevice(states.seen));
    t.false(adoption.lacksLogin(aDevice(states.seen)), 'it may be in its boot ROM');
  }
  const { adoption, clock, seen, events, become } = desk(FIRST_LOGIN);
  adoption.systemHeard(aDevice(states.seen));
  await clock.advance(seconds(5));
  adoption.restarted(aDevice(states.seen));
  seen.answers = true;
  await clock.advance(seconds(60));
  t.deepEqual(events, []);
  t.false(adoption.isAdoptable(aDevice(states.seen)), 'it may be in its boot ROM');
  adoption.systemHeard(aDevice(states.pending));
  become(aHeardDevice(states.seen));
  adoption.systemHeard(aHeardDevice(states.seen));
  t.false(adoption.isAdoptable(aHeardDevice(states.seen)), 'its address is not known');
});

test('the one try: its key is pinned only if all of it worked', async (t) => {
  const good = desk(FIRST_LOGIN);
  const signal = new AbortController().signal;
  t.deepEqual(await good.adoption.adopt(aDevice(states.adopting), signal), { event: 'adopted' });
  t.deepEqual([good.seen.logins, good.seen.pinned], [['pirate hypriot'], 1]);
  t.notRegex(JSON.stringify(good.log.records), /hypriot/);
  const bad = desk(FIRST_LOGIN, { end: problem('FIRST_LOGIN', 'it does not take the password of pirate') });
  t.deepEqual(await bad.adoption.adopt(aDevice(states.adopting), signal), {
    ...{ event: 'first-login-failed', code: 'FIRST_LOGIN', detail: 'it does not take the password of pirate' },
  });
  t.deepEqual([bad.seen.logins.length, bad.seen.pinned], [1, 0]);
  const gone = desk('');
  t.like(await gone.adoption.adopt(aDevice(states.adopting), signal), { event: 'first-login-failed' });
  t.deepEqual(gone.seen.logins, []);
});
