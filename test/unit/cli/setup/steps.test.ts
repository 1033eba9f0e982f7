import test from 'ava';
import { planSteps, runSteps, type Step } from '../../../../cli/setup/steps.ts';

function world(there: Record<string, boolean>, fails = '') {
  const log: string[] = [];
  const steps = Object.keys(there).map(
    (name): Step => ({
      ...{ name, todo: `make ${name}` },
      done: async () => (there[name] === true ? `${name} was there` : undefined),
      run: async () => {
        if (name === fails) throw new Error(`no ${name}`);
        there[name] = true;
        return `${name} is made`;
      },
    }),
  );
  const ticks = {
    done: (_: Step, text: string) => void log.push(text),
    failed: ({ name }: Step) => void log.push(`${name} failed`),
  };
  const undo = async (): Promise<void> => void log.push('undone');
  return { log, steps, run: () => runSteps(steps, ticks, undo) };
}

test('in order, without what is done; again, nothing is left to do', async (t) => {
  const there = { a: false, b: true, c: false };
  const { log, run, steps } = world(there);
  t.deepEqual(
    (await planSteps(steps)).map(({ there: what }) => what),
    [undefined, 'b was there', undefined],
  );
  await run();
  await run();
  t.deepEqual(log, ['a is made', 'b was there', 'c is made', 'a was there', 'b was there', 'c was there']);
});

test('the first failure ends it, after what was changed is taken back', async (t) => {
  const { log, run } = world({ a: false, b: false, c: false }, 'b');
  await t.throwsAsync(run, { message: 'no b' });
  t.deepEqual(log, ['a is made', 'b failed', 'undone']);
});
