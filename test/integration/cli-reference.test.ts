/** What is made of the tree of commands: examples, completion in real shells, the man page in the real formatter. */
import { execFile } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import { commandTree } from '../../cli/program.ts';
import { commandDocuments } from '../../cli/reference/documents.ts';
import { examples } from '../../cli/reference/examples.ts';
import { leaves } from '../../cli/reference/tree.ts';
import { runBramble } from '../support/command-line.ts';
import { parsedBramble, quietTerminal } from '../support/command-words.ts';
import { hostileDaemonDouble } from '../support/hostile-daemon-double.ts';
import { deviceFake, statusFake } from '../unit/http/views-fake.ts';

const run = promisify(execFile);
const commandLine = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));
const documents = commandDocuments({ version: '0.1.0', date: '2026-11-24' });
const tree = () => commandTree({ terminal: quietTerminal(), version: '0.1.0' }, () => {});

test('every command has examples in its help, and every example is one that the command line understands', async (t) => {
  const all = leaves(tree()).filter(({ path, command }) => path !== '' && command.commands.length === 0);
  t.true(all.length > 30);
  for (const { path, command } of all) {
    // Of its own, or in cli/reference/examples.ts.
    const { out } = await runBramble([...path.split(' '), '--help'], {});
    t.regex(out, new RegExp(`^Examples?:\n +(sudo |source <\\()?bramble.*\\b${command.name()}`, 'm'), path);
  }
  for (const [line] of Object.values(examples).flat()) t.is(await parsedBramble(line), 'understood', line);
  t.not(await parsedBramble('bramble accept --frob'), 'understood');
  t.not(await parsedBramble('bramble frob'), 'understood');
  t.not(await parsedBramble('bramble status -o xml'), 'understood');
});

test('the man page: no warning of the formatter, and every command and option of the tree is in it', async (t) => {
  const folder = await folderOf(t);
  const file = join(folder, 'bramble.1');
  await writeFile(file, documents.man);
  const { stdout, stderr } = await run('groff', ['-man', '-ww', '-Tascii', '-P-c', '-rLL=200n', file]);
  t.is(stderr, '');
  // Overstruck letters are how a printer was made to print bold.
  const text = [...stdout]
    .reduce((done, one) => (one === '\b' ? done.slice(0, -1) : done + one), '')
    .replaceAll(/\s+/g, ' ');
  for (const { path, command } of leaves(tree())) {
    if (command.commands.length === 0) t.true(text.includes(` bramble ${path} `), path);
    for (const { long } of command.options)
      if (long !== undefined) t.true(text.includes(`${long} `), `${path} ${long}`);
  }
  t.regex(text, / EXIT STATUS 0 Well\. .* 64 Usage\. /);
});

type Complete = (...words: readonly string[]) => Promise<readonly string[]>;

/** `bramble` is the real one, and asks a daemon that has two boards. */
async function shellOn(t: ExecutionContext, shell: 'bash' | 'zsh'): Promise<Complete> {
  const folder = await folderOf(t);
  const socket = join(folder, 'sock');
  const status = statusFake([deviceFake('worker-kube1'), deviceFake('worker-kube2')]);
  const none = new Set<string>();
  const double = await hostileDaemonDouble(
    socket,
    (_, path) => (path === '/v1/status' ? status : undefined),
    () => '',
    none,
  );
  t.teardown(double.close);
  await writeFile(join(folder, 'bramble'), `#!/bin/sh\nexec ${process.execPath} ${commandLine} "$@"\n`);
  await chmod(join(folder, 'bramble'), 0o755);
  await writeFile(join(folder, '_bramble'), documents[shell]);
  await writeFile(join(folder, 'ask'), asking[shell]);
  await writeFile(join(folder, 'card.img'), '');
  const env = { ...process.env, PATH: `${folder}:${process.env['PATH']}`, BRAMBLE_SOCKET: socket };
  const quiet = shell === 'bash' ? ['--norc'] : ['-f'];
  return async (...words) => {
    const { stdout, stderr } = await run(shell, [...quiet, 'ask', 'bramble', ...words], { env, cwd: folder });
    t.is(stderr, '');
    return stdout.split('\n').filter((line) => line !== '');
  };
}

/** As the shell's own completion calls the function; for zsh its three helpers print what they are told. */
const asking = {
  bash: `. ./_bramble
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_bramble
printf '%s\\n' "\${COMPREPLY[@]}"
`,
  zsh: `compdef() { : }
compadd() { shift; for one in "$@"; do [[ $one == $PREFIX* ]] && print -r -- $one; done; : }
_describe() { for one in \${(P)2}; do [[ $one == $PREFIX* ]] && print -r -- \${one%%:*}; done; : }
_files() { print -rl -- $PREFIX*(N) }
. ./_bramble
words=("$@") CURRENT=$# PREFIX=$words[-1]
_bramble || :
`,
};

for (const shell of ['bash', 'zsh'] as const) {
  test(`${shell} completes commands, options, values, files and the names of boards`, async (t) => {
    const complete = await shellOn(t, shell);
    t.deepEqual(await complete('acc'), ['accept']);
    t.true((await complete('')).includes('shutdown'));
    t.deepEqual(await complete('image', 'j'), ['join-card']);
    t.deepEqual(await complete('status', '--wat'), ['--watch']);
    t.deepEqual(await complete('status', '-o', 'j'), ['json']);
    t.deepEqual(await complete('accept', '--model', 'cm'), ['cm4', 'cm5']);
    t.deepEqual(await complete('completion', 'z'), ['zsh']);
    t.deepEqual(await complete('describe', 'work'), ['worker-kube1', 'worker-kube2']);
    t.deepEqual(await complete('replace', 'worker-kube1', '--with', 'worker-kube2'), ['worker-kube2']);
    t.deepEqual(await complete('image', 'add', 'card'), ['card.img']);
    t.deepEqual(await complete('open', '--for', ''), []);
  });
}

test('completion of an unknown shell is a mistake of usage', async (t) => {
  t.is((await runBramble(['completion', 'fish'], {})).code, 64);
  t.is((await runBramble(['completion', 'bash'], {})).out, documents.bash);
});

async function folderOf(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-reference-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
