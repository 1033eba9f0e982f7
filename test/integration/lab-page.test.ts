/** The lab's web servers, and what a reader makes of them. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { servesPage } from '../lab/kubeadm-stand-in/page-server.ts';
import { type Fetch, failuresText, readingOf } from '../lab/page/fetches.ts';
import { planFor } from '../lab/plans.ts';
import { table } from '../lab/screen.ts';
import { makeLan, runPrefix } from '../support/netns.ts';

const child = fileURLToPath(new URL('lab-page-child.ts', import.meta.url));

test('a Pod’s web server is a process of its own, and its address comes and goes with it', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'lab-page-'));
  const lan = await makeLan({ prefix: runPrefix(), signal: new AbortController().signal });
  t.teardown(async () => {
    await lan.close();
    await rm(folder, { recursive: true, force: true });
  });
  const board = await lan.addHost({ name: 'board', address: '10.77.0.100/24' });
  const master = await lan.addHost({ name: 'master', address: '10.77.0.1/24' });
  await master.exec(['ip', 'route', 'add', '10.42.100.0/24', 'via', '10.77.0.100']);
  const tell = async (...args: readonly string[]): Promise<void> => {
    const { code, stderr } = await board.exec([process.execPath, child, folder, ...args]);
    t.is(code, 0, stderr);
  };
  // It listens a moment after it was started.
  const page = (address: string) =>
    master.exec([
      'curl',
      '-sS',
      '--max-time',
      '2',
      '--retry',
      '20',
      '--retry-delay',
      '1',
      '--retry-connrefused',
      `http://${address}/`,
    ]);
  const pageAtOnce = (address: string) => master.exec(['curl', '-sS', '--max-time', '2', `http://${address}/`]);

  await tell('serve', 'first', '10.42.100.2');
  await tell('serve', 'second', '10.42.100.3');
  t.is((await page('10.42.100.2')).stdout, 'mijn-httpd-1 on worker-kube1\n', 'who started it has ended by now');
  await tell('serve', 'first', '10.42.100.2');
  t.is((await page('10.42.100.3')).code, 0);
  await tell('end', 'first');
  t.not((await pageAtOnce('10.42.100.2')).code, 0);
  t.is((await page('10.42.100.3')).code, 0);
  await tell('end', 'first');
  await tell('keep', 'none of them');
  t.not((await pageAtOnce('10.42.100.3')).code, 0);
  t.notRegex((await board.exec(['ip', 'addr'])).stdout, /10\.42\./);
});

test('which Pods serve a page', (t) => {
  const pod = (image: string, ...ports: readonly number[]) =>
    servesPage({
      metadata: {},
      spec: { containers: [{ name: 'one', image, ports: ports.map((containerPort) => ({ containerPort })) }] },
    });
  t.true(pod('hypriot/rpi-busybox-httpd'));
  t.true(pod('hypriot/rpi-busybox-httpd:latest', 8080));
  t.true(pod('nginx', 443, 80));
  t.false(pod('nginx', 8080));
  t.false(pod('postgres'));
});

const fetchAt = (at: number, took: number, ok = true): Fetch => ({ at, end: at + took, ok, said: 'timed out' });

test('a reading: how many failed, and the longest time without a page', (t) => {
  const fetches = [
    fetchAt(0, 5),
    fetchAt(100, 5),
    fetchAt(200, 1000, false),
    fetchAt(300, 1000, false),
    fetchAt(1400, 5),
    fetchAt(1500, 5),
  ];
  t.deepEqual(readingOf(fetches, 150, 1600), { asked: 4, failed: 2, longestGap: 1300, disturbed: 1100 });
  t.deepEqual(readingOf(fetches, 1450, 1600), { asked: 1, failed: 0, longestGap: 100, disturbed: 0 });
  t.is(readingOf(fetches, 150, 1200).longestGap, 1095, 'one that has not ended counts to the end');
  t.is(failuresText(fetches, 1350, 1600), '0 of 2 requests failed');
  t.is(
    failuresText([...fetches, { at: 1, end: 2, ok: false, said: 'no' }], 0, 250),
    '2 of 4 requests failed (timed out 1, no 1)',
  );
  t.deepEqual(readingOf([], 0, 700), { asked: 0, failed: 0, longestGap: 700, disturbed: 0 });
});

test('every second one answered: many failures, and hardly a gap', (t) => {
  const fetches = Array.from({ length: 20 }, (_, index) => fetchAt(index * 100, 5, index % 2 === 0));
  t.like(readingOf(fetches, 0, 1900), { asked: 20, failed: 10, longestGap: 200 });
});

test('the table tells of replicas once there are any to tell of', (t) => {
  const row = {
    ...{ label: 'pi-1', plan: planFor('pi4'), name: 'worker-kube1', state: 'ready', address: '10.77.0.100' },
    ...{ lastEvent: undefined, plugged: true, timeline: {} },
  };
  t.notRegex(table([{ ...row, replicas: undefined }]).join('\n'), /PODS/);
  const [header = '', line = '', other = ''] = table([
    { ...row, replicas: 12 },
    { ...row, replicas: undefined },
  ]);
  const column = header.indexOf('PODS');
  t.true(column > 0);
  t.is(line.slice(column).split(/\s/)[0], '12');
  t.is(other.slice(column).split(/\s/)[0], '0');
});
