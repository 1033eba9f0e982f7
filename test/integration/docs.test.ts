/** Every command in the documents: the command line understands it, and those that only look are run. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';
import { parseConfig } from '../../config/load.ts';
import { runBramble } from '../support/command-line.ts';
import { parsedBramble } from '../support/command-words.ts';
import { hostileDaemonDouble } from '../support/hostile-daemon-double.ts';
import { descriptionFake, deviceFake, eventFake, statusFake } from '../unit/http/views-fake.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Lines of fenced blocks that begin with `bramble`, without what explains them: `  text` or `# text`. */
async function linesOf(file: string): Promise<readonly string[]> {
  const text = await readFile(join(root, file), 'utf8');
  const blocks = [...text.matchAll(/^ *```(?:sh)?\n([\s\S]*?)^ *```$/gm)].flatMap(([, block = '']) =>
    block.split('\n'),
  );
  const commands = blocks.map((line) => line.trim()).filter((line) => /^(sudo )?bramble( |$)/.test(line));
  return commands.map((line) =>
    line
      .replace(/\s+#.*$/, '')
      .replace(/ {2,}.*$/, '')
      .replace(/^(bramble reinstall \S+) writes.*/, '$1'),
  );
}

const pages = (await readdir(join(root, 'docs'))).filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`);

for (const page of ['README.md', ...pages]) {
  test(`${page}: the command line understands every command`, async (t) => {
    const lines = await linesOf(page);
    t.true(lines.length >= 3, 'there are some');
    for (const line of lines) t.is(await parsedBramble(line), 'understood', line);
  });
}

test('README, docs: every piece of bramble.yaml is right', async (t) => {
  const texts = await Promise.all(['README.md', ...pages].map((page) => readFile(join(root, page), 'utf8')));
  const pieces = texts.flatMap((text) =>
    [...text.matchAll(/^ *```yaml\n([\s\S]*?)^ *```$/gm)].map(([, piece = '']) => piece),
  );
  t.true(pieces.length >= 2);
  for (const piece of pieces) t.true(parseConfig(piece).ok, piece);
});

test('README, docs: what only looks is run, and ends as it says', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'bramble-docs-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  const config = join(folder, 'bramble.yaml');
  await writeFile(config, JSON.stringify({ data: join(folder, 'data') }));
  const boards = [1, 4].map((number) => deviceFake(`worker-kube${number}`));
  const answers = (_: string, path: string): unknown => {
    if (path === '/v1/status') return statusFake(boards);
    if (path === '/v1/events') return { events: [eventFake(1)] };
    const board = boards.find(({ name }) => path === `/v1/devices/${name}/describe`);
    return board && descriptionFake(board);
  };
  const socket = join(folder, 'sock');
  const double = await hostileDaemonDouble(socket, answers, () => '', new Set());
  t.teardown(double.close);
  const lines = (await Promise.all(['README.md', ...pages].map(linesOf))).flat();
  const looking = /^(?:sudo )?bramble(?: (?:status|describe|config|version|image list)\b.*)?$/;
  const run = new Set(lines.filter((line) => looking.test(line) && !/ (-w|-f)\b/.test(line)));
  t.true(run.size >= 7, [...run].join('\n'));
  for (const line of run) {
    const words = line
      .replace(/^(?:sudo )?bramble ?/, '')
      .split(' ')
      .filter((word) => word !== '');
    const ended = await runBramble(words, { BRAMBLE_SOCKET: socket, BRAMBLE_CONFIG: config });
    t.is(ended.code, 0, `${line}: ${ended.err}`);
    t.not(ended.out, '', line);
  }
});
