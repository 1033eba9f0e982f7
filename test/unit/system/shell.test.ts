import test from 'ava';
import { millis, minutes, seconds } from '../../../config/values.ts';
import { outputLimit, systemShell, timedOutCode } from '../../../daemon/system/shell.ts';

const patient = () => ({ signal: new AbortController().signal, timeout: minutes(1) });

test('gives code, both outputs, and the input', async (t) => {
  const result = await systemShell('sh', ['-c', 'cat; echo bad >&2; exit 3'], { ...patient(), stdin: 'ü in' });
  t.deepEqual(result, { code: 3, stdout: 'ü in', stderr: 'bad\n' });
});

test('arguments are not interpreted', async (t) => {
  const { stdout } = await systemShell('printf', ['%s', '$(id); `id` *'], patient());
  t.is(stdout, '$(id); `id` *');
});

test('rejects for a program that is not there', async (t) => {
  await t.throwsAsync(systemShell('no-such-program-here', [], patient()), { message: /cannot start no-such-program/ });
});

test('an input that is not read is no error', async (t) => {
  const { code } = await systemShell('true', [], { ...patient(), stdin: 'x'.repeat(2_000_000) });
  t.is(code, 0);
});

test('the timeout ends the program', async (t) => {
  const { code } = await systemShell('sleep', ['600'], { ...patient(), timeout: millis(50) });
  t.is(code, timedOutCode);
});

test('the timeout ends also what the program started', async (t) => {
  // It settles when the output is closed, and the inner `sleep` holds it open for as long as it lives.
  const { code, stdout } = await systemShell('sh', ['-c', 'sleep 600 & echo started'], {
    ...patient(),
    timeout: millis(300),
  });
  t.deepEqual({ code, stdout }, { code: timedOutCode, stdout: 'started\n' });
});

test('an abort gives the code of the signal', async (t) => {
  const controller = new AbortController();
  const running = systemShell('sleep', ['600'], { signal: controller.signal, timeout: minutes(5) });
  controller.abort();
  t.is((await running).code, 143);
});

test('a program that ignores SIGTERM is killed', async (t) => {
  const { code } = await systemShell('sh', ['-c', 'trap "" TERM; while :; do sleep 1; done'], {
    ...patient(),
    timeout: millis(200),
  });
  t.is(code, timedOutCode);
});

test('nothing is started after an abort', async (t) => {
  const reason = new Error('over');
  const options = { signal: AbortSignal.abort(reason), timeout: seconds(1) };
  t.is(await t.throwsAsync(systemShell('true', [], options)), reason);
});

test('the output is cut, and the program can still end', async (t) => {
  const { code, stdout } = await systemShell('sh', ['-c', 'head -c 5000000 /dev/zero | tr "\\0" x; exit 4'], patient());
  t.is(code, 4);
  t.is(stdout.length, outputLimit);
});

test('many programs on one signal leave no listener', async (t) => {
  const warnings: Error[] = [];
  const onWarning = (warning: Error): void => void warnings.push(warning);
  process.on('warning', onWarning);
  const options = patient();
  await Promise.all(Array.from({ length: 20 }, () => systemShell('true', [], options)));
  process.off('warning', onWarning);
  t.deepEqual(warnings, []);
});
