/** Kills a process that commits, at any moment, and looks whether all it had acknowledged is there. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import test from 'ava';
import { open, temporaryFolder } from '../unit/store/samples.ts';

const child = new URL('./store-crash-child.ts', import.meta.url).pathname;

/** Starts it, kills it `delay` milliseconds after its first acknowledgement, and returns the last one it gave. */
async function killedAfter(
  directory: string,
  delay: number,
  onStart: (process: ChildProcess) => void,
): Promise<number> {
  const running = spawn(process.execPath, [child, directory], { stdio: ['ignore', 'pipe', 'inherit'] });
  onStart(running);
  const lines = createInterface({ input: running.stdout });
  let last = 0;
  lines.on('line', (line) => {
    if (last === 0) setTimeout(() => running.kill('SIGKILL'), delay);
    last = Math.max(last, Number(line));
  });
  await once(lines, 'close');
  return last;
}

test('whatever was acknowledged before a SIGKILL is there after it', async (t) => {
  const directory = await temporaryFolder(t);
  let kill = (): void => {};
  t.teardown(() => kill());
  let before = 0;
  for (const delay of [0, 1, 7, 23, 60, 111, 180, 250]) {
    const last = await killedAfter(directory, delay, (running) => {
      kill = () => void running.kill('SIGKILL');
    });
    t.true(last > before, `nothing was committed in the round of ${delay} ms`);
    const store = await open(t, directory);
    const { revision, settings } = store.snapshot();
    t.true(revision >= last, `revision ${revision} after ${last} was acknowledged`);
    const missing = Array.from({ length: revision }, (_, index) => `revision-${index + 1}`).filter(
      (key) => !settings.has(key),
    );
    t.deepEqual(missing, []);
    t.is(settings.size, revision, 'nothing of a batch that was not committed');
    t.deepEqual(store.integrity(), []);
    await store.close();
    before = revision;
  }
});
