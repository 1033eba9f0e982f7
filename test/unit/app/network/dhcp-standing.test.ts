import test from 'ava';
import type { Config } from '../../../../config/schema.ts';
import {
  createDhcpStanding,
  type DhcpStanding,
  dhcpModeView,
  firstStanding,
  isStandstill,
  standingAdvice,
} from '../../../../daemon/app/network/dhcp-standing.ts';
import type { Write } from '../../../../daemon/store/store.ts';
import { createLogDouble } from '../../../support/doubles.ts';

function standing({ search = 120, narrowed, chosen, mode = 'full', broken = false }: Partial<Options> = {}) {
  const written: Write[] = [];
  const log = createLogDouble();
  const made = createDhcpStanding({
    config: { dhcp: { mode, search, guests: 'off' } },
    settings: new Map([
      ...(narrowed === undefined ? [] : [['dhcp.narrowed', narrowed] as const]),
      ...(chosen === undefined ? [] : [['dhcp.chosen', chosen] as const]),
    ]),
    commit: async (batch) => {
      if (broken) throw new Error('disk full');
      return written.push(...batch);
    },
    log,
  });
  return { made, written, log };
}
type Options = {
  search: number;
  narrowed: string;
  chosen: string;
  mode: 'auto' | 'full' | 'proxy' | 'off';
  broken: boolean;
};
const adviceOn = (
  now: DhcpStanding,
  { topology = 'beside-router', mode = 'auto', search = 120 }: Partial<Options & Pick<Config, 'topology'>> = {},
): string | undefined => standingAdvice(now, { topology, dhcp: { mode, search, guests: 'off' } });
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('quiet for long enough: alone', async (t) => {
  const { made } = standing();
  t.false(made.isAlone());
  t.regex(adviceOn(made.now()) ?? '', /looking for another DHCP server/);
  await made.quiet();
  t.true(made.isAlone());
  t.is(adviceOn(made.now()), undefined);
});

test('another server: narrowed for good, and on disk', async (t) => {
  const { made, written } = standing();
  await made.quiet();
  const remembered = made.narrow('10.77.0.254');
  t.false(made.isAlone(), 'before it is on disk');
  await remembered;
  await made.quiet();
  made.deaf('EADDRINUSE');
  await made.narrow('10.77.0.253');
  t.deepEqual(made.now(), { name: 'narrowed', server: '10.77.0.254' });
  t.deepEqual(written, [{ write: 'put-setting', key: 'dhcp.narrowed', value: '10.77.0.254' }]);
  const advice = adviceOn(made.now()) ?? '';
  for (const part of ['10.77.0.254', 'dhcp.mode to proxy', 'dhcp.search: 0']) t.true(advice.includes(part), advice);
});

test('a disk that refuses changes nothing about it', async (t) => {
  const { made, log } = standing({ broken: true });
  await made.narrow('10.77.0.254');
  t.is(made.now().name, 'narrowed');
  t.truthy(log.find('the standing of DHCP is not written down'));
});

test('it stays narrowed over a restart, until the owner says that there is no other', async (t) => {
  const restarted = standing({ narrowed: '10.77.0.254' });
  t.deepEqual(restarted.made.now(), { name: 'narrowed', server: '10.77.0.254' });
  await restarted.made.quiet();
  t.false(restarted.made.isAlone());
  const confirmed = standing({ narrowed: '10.77.0.254', search: 0 });
  t.true(confirmed.made.isAlone());
  await settled();
  t.deepEqual(confirmed.written, [{ write: 'delete-setting', key: 'dhcp.narrowed' }]);
});

test('another mode leaves alone what is remembered', async (t) => {
  const { written } = standing({ narrowed: '10.77.0.254', mode: 'proxy', search: 0 });
  await settled();
  t.deepEqual(written, []);
});

test('deaf: not alone, unless the owner has said so; heard again, it searches on', async (t) => {
  const { made } = standing();
  made.deaf('EADDRINUSE');
  t.false(made.isAlone());
  t.regex(adviceOn(made.now()) ?? '', /EADDRINUSE.*port 68/);
  await made.quiet();
  t.true(made.isAlone());
  const confirmed = standing({ search: 0 });
  confirmed.made.deaf('EADDRINUSE');
  t.true(confirmed.made.isAlone());
});

test('auto: nobody is answered until it is chosen; a router makes it proxy, for good', async (t) => {
  const { made, written } = standing({ mode: 'auto' });
  t.is(made.mode(), undefined);
  made.deaf('EADDRINUSE');
  t.deepEqual(made.now(), { name: 'choosing', deaf: 'EADDRINUSE' });
  await made.narrow('10.77.0.254');
  t.is(made.mode(), 'proxy');
  await made.quiet();
  await made.narrow('10.77.0.253');
  t.is(made.mode(), 'proxy');
  t.deepEqual(written, [{ write: 'put-setting', key: 'dhcp.chosen', value: 'proxy' }]);
});

test('auto: silence for long enough is full, once that is on disk', async (t) => {
  const { made, written } = standing({ mode: 'auto' });
  const chosen = made.quiet();
  t.is(made.mode(), undefined);
  await chosen;
  t.true(made.isAlone());
  t.deepEqual(written, [{ write: 'put-setting', key: 'dhcp.chosen', value: 'full' }]);
  const refused = standing({ mode: 'auto', broken: true });
  await refused.made.quiet();
  t.is(refused.made.mode(), undefined, 'not on a disk that refuses it');
});

test('auto: a router that answers while silence is written down', async (t) => {
  const { made, written } = standing({ mode: 'auto' });
  await Promise.all([made.quiet(), made.narrow('10.77.0.254')]);
  t.is(made.mode(), 'proxy');
  t.deepEqual(written.at(-1), { write: 'put-setting', key: 'dhcp.chosen', value: 'proxy' });
});

const starts: [what: string, options: Partial<Options>, name: DhcpStanding['name']][] = [
  ['chosen proxy stays proxy, though the router is gone', { chosen: 'proxy' }, 'proxy'],
  ['chosen full looks again', { chosen: 'full' }, 'searching'],
  ['chosen full and narrowed stays narrowed', { chosen: 'full', narrowed: '10.77.0.254' }, 'narrowed'],
  ['a setting that makes no sense is no choice', { chosen: 'fool' }, 'choosing'],
  ['the owner’s full met a router, and now it says auto', { narrowed: '10.77.0.254' }, 'proxy'],
  ['search 0 is the owner’s word', { chosen: 'proxy', narrowed: '10.77.0.254', search: 0 }, 'alone'],
];
for (const [what, options, name] of starts) {
  test(`auto, at a later start: ${what}`, async (t) => {
    const { made, written } = standing({ mode: 'auto', ...options });
    t.is(made.now().name, name);
    await settled();
    // What the next start reads leads to the same.
    const again = new Map<string, string>(Object.entries({ 'dhcp.chosen': options.chosen ?? '' }));
    if (options.narrowed !== undefined) again.set('dhcp.narrowed', options.narrowed);
    for (const write of written) {
      if (write.write === 'put-setting') again.set(write.key, write.value);
      if (write.write === 'delete-setting') again.delete(write.key);
    }
    const { standing: next } = firstStanding({ mode: 'auto', search: options.search ?? 120 }, again);
    t.is(next.name, name);
  });
}

test('what silence did not widen, silence does not widen later', async (t) => {
  for (const options of [{ chosen: 'proxy' }, { chosen: 'full', narrowed: '10.77.0.254' }]) {
    const { made, written } = standing({ mode: 'auto', ...options });
    const before = made.now();
    await made.quiet();
    t.deepEqual(made.now(), before);
    t.deepEqual(written, []);
  }
});

test('on another network it looks again before new boards are answered, unless the owner has said that there is none', async (t) => {
  const { made, written } = standing({ mode: 'auto' });
  await made.quiet();
  made.moved();
  t.deepEqual(made.now(), { name: 'searching' });
  await made.narrow('10.77.0.254');
  made.moved();
  t.is(made.now().name, 'narrowed');
  t.is(written.length, 2);
  const confirmed = standing({ search: 0 });
  confirmed.made.moved();
  t.true(confirmed.made.isAlone());
});

test('narrowed: what to do is another thing behind the master than beside a router, and leads out of it', async (t) => {
  const standing = { name: 'narrowed', server: '10.77.0.254' } as const;
  const behind = adviceOn(standing, { topology: 'behind-master' }) ?? '';
  t.regex(
    behind,
    /10\.77\.0\.254, is on the boards’ switch.*unplug it, start once with dhcp\.search: 0, then take that/,
  );
  t.notRegex(behind, /proxy/, 'which would give the boards no gateway');
  t.regex(
    adviceOn(standing) ?? '',
    /set dhcp\.mode to proxy, or stop that server and start once with dhcp\.search: 0, then/,
  );
});

test('proxy behind the master contradicts itself: by the owner’s word, or by what was found', async (t) => {
  const proxy = { name: 'proxy' } as const;
  t.is(adviceOn(proxy), undefined);
  const found = adviceOn(proxy, { topology: 'behind-master' }) ?? '';
  t.regex(
    found,
    /unplug it, start once with dhcp\.search: 0, then take that line out again; or set topology to beside-router/,
  );
  const written = adviceOn(proxy, { topology: 'behind-master', mode: 'proxy' }) ?? '';
  t.regex(written, /dhcp\.mode is proxy.*take one of the two lines out/);
});

for (const mode of ['auto', 'full'] as const) {
  const options = mode === 'auto' ? { chosen: 'proxy' } : { narrowed: '10.77.0.254' };
  test(`${mode}: what the advice says does end it, also once the line is out again`, async (t) => {
    const before = standing({ mode, ...options });
    t.true(before.made.hearsAnother());
    const once = standing({ mode, ...options, search: 0 });
    await settled();
    const put = once.written.find((write) => write.write === 'put-setting');
    const after = standing({ mode, ...(put?.write === 'put-setting' && { chosen: put.value }) });
    await after.made.quiet();
    t.true(after.made.isAlone());
    t.false(isStandstill(after.made.now()));
  });
}

test('deaf: it says so, and names what helps', (t) => {
  const [choosing, full] = [
    { name: 'choosing', deaf: 'EADDRINUSE' },
    { name: 'deaf', reason: 'EADDRINUSE' },
  ] as const;
  for (const standing of [choosing, full]) {
    t.is(dhcpModeView(standing), 'deaf');
    t.true(isStandstill(standing));
    t.regex(adviceOn(standing) ?? '', /EADDRINUSE.*free port 68, or.*dhcp\.search to 0/);
  }
  t.regex(adviceOn(choosing) ?? '', /dhcp\.mode to proxy \(beside a router\), or dhcp\.search to 0/);
  t.notRegex(adviceOn(choosing) ?? '', /full/, 'which is as deaf');
});

test('a search tells how long it takes', (t) => {
  for (const name of ['choosing', 'searching'] as const) {
    t.regex(adviceOn({ name }, { search: 45 }) ?? '', / 45 seconds/);
    t.is(dhcpModeView({ name }), 'searching');
    t.false(isStandstill({ name }));
  }
});

test('deaf while alone: boards are served on, and the status says so until it hears again', async (t) => {
  const { made } = standing();
  made.hears();
  t.is(made.now().name, 'searching');
  await made.quiet();
  made.deaf('EPERM');
  t.true(made.isAlone());
  t.regex(adviceOn(made.now()) ?? '', /EPERM/);
  made.moved();
  made.deaf('EPERM');
  t.is(made.now().name, 'deaf', 'on another network nobody new is served');
  made.hears();
  t.deepEqual(made.now(), { name: 'searching' });
});
