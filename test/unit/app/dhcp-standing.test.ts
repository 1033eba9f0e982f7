import test from 'ava';
import { minutes } from '../../../config/values.ts';
import { createDhcpStanding, declineAdvice, standingAdvice } from '../../../daemon/app/dhcp-standing.ts';
import type { Write } from '../../../daemon/store/store.ts';
import { aDevice } from '../../support/boards.ts';
import { createClockDouble, createLogDouble } from '../../support/doubles.ts';

function standing({ search = 120, narrowed, mode = 'full', broken = false }: Partial<Options> = {}) {
  const written: Write[] = [];
  const log = createLogDouble();
  const clock = createClockDouble();
  const made = createDhcpStanding({
    config: { dhcp: { mode, search } },
    settings: new Map(narrowed === undefined ? [] : [['dhcp.narrowed', narrowed]]),
    commit: async (batch) => {
      if (broken) throw new Error('disk full');
      return written.push(...batch);
    },
    clock,
    log,
  });
  return { made, written, log, clock };
}
type Options = { search: number; narrowed: string; mode: 'full' | 'proxy' | 'off'; broken: boolean };
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('quiet for long enough: alone', (t) => {
  const { made } = standing();
  t.false(made.isAlone());
  t.regex(standingAdvice(made.now()) ?? '', /looking for another DHCP server/);
  made.quiet();
  t.true(made.isAlone());
  t.is(standingAdvice(made.now()), undefined);
});

test('another server: narrowed for good, and on disk', async (t) => {
  const { made, written } = standing();
  made.quiet();
  const remembered = made.narrow('10.77.0.254');
  t.false(made.isAlone(), 'before it is on disk');
  await remembered;
  made.quiet();
  made.deaf('EADDRINUSE');
  await made.narrow('10.77.0.253');
  t.deepEqual(made.now(), { name: 'narrowed', server: '10.77.0.254' });
  t.deepEqual(written, [{ write: 'put-setting', key: 'dhcp.narrowed', value: '10.77.0.254' }]);
  const advice = standingAdvice(made.now()) ?? '';
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
  restarted.made.quiet();
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

test('deaf: not alone, unless the owner has said so; heard again, it searches on', (t) => {
  const { made } = standing();
  made.deaf('EADDRINUSE');
  t.false(made.isAlone());
  t.regex(standingAdvice(made.now()) ?? '', /EADDRINUSE.*port 68/);
  made.quiet();
  t.true(made.isAlone());
  const confirmed = standing({ search: 0 });
  confirmed.made.deaf('EADDRINUSE');
  t.true(confirmed.made.isAlone());
});

test('a board that declines its address is told of for a quarter of an hour', async (t) => {
  const { made, clock } = standing();
  const board = aDevice();
  t.false(made.hasDeclined(board));
  made.declined(board);
  t.true(made.hasDeclined(board));
  t.true(declineAdvice(board).includes(board.address));
  await clock.advance(minutes(16));
  t.false(made.hasDeclined(board));
});
