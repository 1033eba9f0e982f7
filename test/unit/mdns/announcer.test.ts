import test from 'ava';
import { instant } from '../../../config/values.ts';
import {
  type Announcement,
  announceAgain,
  publish,
  silentAnnouncer,
  withdraw,
} from '../../../daemon/mdns/announcer.ts';
import { masterRecords } from '../../../daemon/mdns/records.ts';
import { hostOf, master, records, show } from './examples.ts';

const said = ({ say }: Announcement): readonly string[] =>
  say.map((record) => `${show(record)}${record.ttl === 0 ? ' goodbye' : ''}`);
const announced = records.filter(({ type }) => type !== 'NSEC').map(show);
const start = publish(silentAnnouncer, records, instant(0));
const quiet = announceAgain(start.announcer);

test('at first everything, twice, a second apart', (t) => {
  t.deepEqual(said(start), announced);
  t.is(start.announcer.again?.at, instant(1000));
  t.deepEqual(said(quiet), announced);
  t.is(quiet.announcer.again, undefined);
});

test('the same records again are no news, also in between', (t) => {
  t.deepEqual(said(publish(quiet.announcer, masterRecords(master), instant(9000))), []);
  const between = publish(start.announcer, masterRecords(master), instant(500));
  t.deepEqual(said(between), []);
  t.is(between.announcer.again, start.announcer.again);
});

test('a new board: only what is new', (t) => {
  const boards = [...master.boards, hostOf('worker-kube3', '10.77.0.13')];
  const step = publish(quiet.announcer, masterRecords({ ...master, boards }), instant(9000));
  const news = ['A worker-kube3.local 10.77.0.13', 'PTR 13.0.77.10.in-addr.arpa worker-kube3.local'];
  t.deepEqual(said(step), news);
  t.is(step.announcer.again?.at, instant(10_000));
  t.deepEqual(said(announceAgain(step.announcer)), news);
});

test('a board that is gone: one goodbye, and no second announcement of it', (t) => {
  const less = masterRecords({ ...master, boards: master.boards.slice(0, 1) });
  const gone = ['A worker-kube2.local 10.77.0.12 goodbye', 'PTR 12.0.77.10.in-addr.arpa worker-kube2.local goodbye'];
  t.deepEqual(said(publish(quiet.announcer, less, instant(9000))), gone);
  const between = publish(start.announcer, less, instant(500));
  t.deepEqual(said(between), gone);
  t.false(said(announceAgain(between.announcer)).some((line) => line.includes('kube2')));
});

test('another text or address replaces the old one by the cache-flush bit alone', (t) => {
  const step = publish(quiet.announcer, masterRecords({ ...master, state: 'degraded' }), instant(9000));
  t.deepEqual(said(step), ['TXT master._bramble._tcp.local ["version=0.1.0","state=degraded"]']);
  const boards = [{ ...hostOf('worker-kube1', '10.77.0.31'), ssh: true }, ...master.boards.slice(1)];
  t.deepEqual(said(publish(quiet.announcer, masterRecords({ ...master, boards }), instant(9000))), [
    'PTR 11.0.77.10.in-addr.arpa worker-kube1.local goodbye',
    'A worker-kube1.local 10.77.0.31',
    'PTR 31.0.77.10.in-addr.arpa worker-kube1.local',
  ]);
});

test('at the end goodbye to everything', (t) => {
  t.deepEqual(
    said(withdraw(start.announcer)),
    announced.map((line) => `${line} goodbye`),
  );
  t.deepEqual(said(withdraw(silentAnnouncer)), []);
});
