/** The main job by its own command: three boards from power-on to Ready against a real control plane, one waiting board. */
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { finish, startProgram } from '../support/program.ts';
import type { Scenario } from './scenario.ts';

const lab = fileURLToPath(new URL('../lab/main.ts', import.meta.url));

export const mainJob: Scenario = async (check) => {
  const run = await finish(startProgram([process.execPath, lab, '--once', '--pis', '3', '--json']), {
    deadlineMs: 400_000,
  });
  const lines = run.stdout.trimEnd().split('\n');
  process.stdout.write(`${lines.at(-1)}\n`);
  const result: unknown = JSON.parse(lines.at(-1) ?? '');
  const field = (from: unknown, name: string): unknown =>
    typeof from === 'object' && from !== null ? Reflect.get(from, name) : undefined;

  await check('exit 0', () => assert.equal(run.code, 0, run.stderr));
  await check('every line is JSON', () => {
    for (const line of lines) assert.doesNotThrow(() => JSON.parse(line), line);
  });
  await check('a real control plane, 1.34 or newer', () =>
    assert.match(String(field(result, 'controlPlane')), /^v1\.(3[4-9]|[4-9]\d)\./),
  );
  const boards = field(result, 'boards');
  await check('three boards are Ready, with names of their own', () => {
    assert.ok(Array.isArray(boards));
    assert.equal(new Set(boards.map((board: unknown) => field(board, 'name'))).size, 3);
    for (const board of boards) {
      const seconds = field(board, 'seconds');
      const [seen, installing, ready] = ['seen', 'installing', 'ready'].map((step) => Number(field(seconds, step)));
      assert.ok(seen !== undefined && installing !== undefined && ready !== undefined);
      assert.ok(seen > 0 && seen <= installing && installing < ready, JSON.stringify(board));
    }
  });
};
