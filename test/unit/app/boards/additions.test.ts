import { execFile } from 'node:child_process';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { stringify } from 'yaml';
import { formatProblem, parseConfig } from '../../../../config/load.ts';
import { must } from '../../../../config/result.ts';
import type { Config } from '../../../../config/schema.ts';
import { type Model, parseHostname } from '../../../../config/values.ts';
import { additionProblems, groupsFor, readAdditions } from '../../../../daemon/app/boards/additions.ts';

const configOf = (additions: unknown): Config => {
  const config = parseConfig(stringify({ images: { additions } }));
  if (!config.ok) throw new Error(config.error.map((problem) => formatProblem('bramble.yaml', problem)).join('\n'));
  return config.value;
};
const board = (name: string, model?: Model) => ({ name: must(parseHostname(name)), model });

async function folderOf(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'additions-'));
  t.teardown(() => rm(folder, { recursive: true }));
  return folder;
}

test('a group is told by model, by names, by both, by neither', (t) => {
  const { images } = configOf([
    { runcmd: ['all'] },
    { match: { model: 'pi4' }, runcmd: ['pi4'] },
    { match: { names: 'worker-kube?' }, runcmd: ['names'] },
    { match: { model: 'pi4', names: 'web-*' }, runcmd: ['both'] },
  ]);
  const of = (name: string, model?: Model) =>
    groupsFor(images.additions, board(name, model)).map(({ runcmd }) => runcmd[0]);
  t.deepEqual(of('worker-kube1', 'pi4'), ['all', 'pi4', 'names']);
  t.deepEqual(of('worker-kube10', 'pi3'), ['all']);
  t.deepEqual(of('web-1', 'pi4'), ['all', 'pi4', 'both']);
  t.deepEqual(of('web-1', 'pi3'), ['all']);
  t.deepEqual(of('web-1'), ['all'], 'a board of an unknown model');
});

test('what fits is read, in the order of the file, images once', async (t) => {
  const folder = await folderOf(t);
  const from = join(folder, 'motd');
  await writeFile(from, 'hello\n');
  const { images } = configOf([
    { files: [{ path: '/etc/motd', from }], runcmd: ['one'], containerImages: ['nginx'] },
    {
      match: { names: 'w*' },
      files: [{ path: '/etc/x', from, mode: '0600', owner: 'a:b', secret: true }],
      runcmd: ['two'],
    },
    { containerImages: ['nginx', '/var/local/x.tar'] },
  ]);
  t.deepEqual(must(await readAdditions(images.additions, board('w1'))), {
    files: [
      { path: '/etc/motd', content: Buffer.from('hello\n'), mode: '0644', owner: 'root:root', secret: false },
      { path: '/etc/x', content: Buffer.from('hello\n'), mode: '0600', owner: 'a:b', secret: true },
    ],
    runcmd: ['one', 'two'],
    containerImages: ['nginx', '/var/local/x.tar'],
  });
  await writeFile(from, 'changed\n');
  const again = must(await readAdditions(images.additions, board('w1')));
  t.is(Buffer.from(again.files[0]?.content ?? []).toString(), 'changed\n');
});

test('files that cannot be had are named, with their key', async (t) => {
  const folder = await folderOf(t);
  const [large, fifo, missing] = ['large', 'fifo', 'missing'].map((name) => join(folder, name));
  if (large === undefined || fifo === undefined || missing === undefined) throw new Error('unreachable');
  await writeFile(large, '');
  await truncate(large, 2 ** 20 + 1);
  await promisify(execFile)('mkfifo', [fifo]);
  const config = configOf([
    { match: { names: 'x' }, files: [{ path: '/a', from: missing }] },
    { files: [large, fifo, folder].map((from) => ({ path: '/b', from })) },
  ]);
  const problems = await additionProblems(config);
  t.deepEqual(
    problems.map(({ key }) => key),
    [
      'images.additions.0.files.0.from',
      'images.additions.1.files.0.from',
      'images.additions.1.files.1.from',
      'images.additions.1.files.2.from',
    ],
  );
  t.regex(problems[0]?.detail ?? '', /missing.*ENOENT/);
  t.regex(problems[1]?.detail ?? '', /more than 1048576 bytes/);
  t.regex(problems[2]?.detail ?? '', /not a file/);
  const read = await readAdditions(config.images.additions, board('x'));
  t.is(read.ok ? '' : read.error.code, 'ADDITION_NOT_READ');
  t.deepEqual(await additionProblems(configOf([])), []);
});

test('too much for one board is told before anything is made', async (t) => {
  const from = join(await folderOf(t), 'mebibyte');
  await writeFile(from, '');
  await truncate(from, 2 ** 20);
  const files = Array.from({ length: 5 }, (_, number) => ({ path: `/x${number}`, from }));
  const read = await readAdditions(configOf([{ files }]).images.additions, board('x'));
  t.is(read.ok ? '' : read.error.code, 'ADDITIONS_TOO_LARGE');
});

const wrong: readonly (readonly [addition: unknown, problem: RegExp])[] = [
  [{ match: { model: 'pi9' } }, /additions\.0\.match\.model/],
  [{ files: [{ path: 'etc/x', from: '/x' }] }, /files\.0\.path: where the file goes on the board: an absolute path/],
  [{ files: [{ path: '/proc/x', from: '/x' }] }, /files\.0\.path: a place that does not last, or that bramble writes/],
  [{ files: [{ path: '/etc/ssh/ssh_host_rsa_key', from: '/x' }] }, /that bramble writes itself/],
  [{ files: [{ path: '/x', from: 'x' }] }, /files\.0\.from: an absolute path/],
  [{ files: [{ path: '/x', from: '/x', mode: 644 }] }, /files\.0\.mode: in quotes, such as "0644"/],
  [{ files: [{ path: '/x', from: '/x', mode: '0999' }] }, /files\.0\.mode: octal/],
  [{ files: [{ path: '/x', from: '/x', owner: '0; reboot' }] }, /files\.0\.owner/],
  [{ runcmd: [''] }, /runcmd\.0/],
  [{ containerImages: ['-x'] }, /containerImages\.0: an archive on the board such as/],
  [{ command: [] }, /additions\.0\.command: is no key/],
];
for (const [addition, problem] of wrong) {
  test(`refused in the file: ${JSON.stringify(addition)}`, (t) => {
    t.throws(() => configOf([addition]), { message: problem });
  });
}
