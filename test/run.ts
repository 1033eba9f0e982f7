/**
 * `npm test`: unit and integration tests side by side, then the lab one after another. Ends with `N passed, N failed`.
 * What cannot run on this machine is named with the reason; in CI that is a failure.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { constants } from 'node:os';
import { createInterface } from 'node:readline';

type Suite = { readonly name: string; readonly args: readonly string[]; readonly needsRoot: boolean };
type Count = { readonly passed: number; readonly failed: number };

const suites: readonly Suite[] = [
  { name: 'unit', args: ['test/unit/**/*.test.ts'], needsRoot: false },
  { name: 'integration', args: ['test/integration/**/*.test.ts'], needsRoot: true },
  { name: 'lab', args: ['--config', 'test/lab/ava.config.js'], needsRoot: true },
];

const inCi = process.env['CI'] === 'true';
const isRoot = process.getuid?.() === 0;
const wanted = process.argv.slice(2);

/** Runs one suite in TAP, shows its failures and its last lines as they come. */
function run(suite: Suite): Promise<Count> {
  const child = spawn('ava', ['--tap', ...suite.args], { stdio: ['ignore', 'pipe', 'inherit'] });
  running = child;
  const count = { passed: 0, failed: 0 };
  let ofFailure = false;
  createInterface({ input: child.stdout }).on('line', (line) => {
    if (/^(not )?ok /.test(line)) ofFailure = line.startsWith('not ');
    if (/^ok .* # (SKIP|TODO)/.test(line)) {
      // Its title says what is missing here.
      say(`  not run: ${line}`);
      // What is missing can be installed, except for a part of the kernel.
      if (inCi && !line.includes('this kernel has no ')) count.failed += 1;
    } else if (line.startsWith('ok ')) {
      count.passed += 1;
      if (suite.name === 'lab') say(`  ${line.replace(/^ok \d+ - /, '✔ ')}`);
    } else if (line.startsWith('not ok ')) {
      count.failed += 1;
      say(`  ✘ ${line}`);
    } else if (line.startsWith('#   ')) {
      // What a test logged is worth its lines only where it failed.
      if (ofFailure) say(`    ${line}`);
    } else if (!/^(TAP version|1\.\.|# |\s*$)/.test(line)) {
      say(`    ${line}`);
    }
  });
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    // A process that fell over without a failing test is a failure too.
    child.on('close', (code) => resolve(code !== 0 && count.failed === 0 ? { ...count, failed: 1 } : count));
  });
}

const say = (line: string): void => void process.stdout.write(`${line}\n`);

let running: ChildProcess | undefined;
for (const signal of ['SIGHUP', 'SIGTERM'] as const) {
  process.once(signal, () => {
    running?.kill(signal);
    process.exit(128 + constants.signals[signal]);
  });
}
let passed = 0;
let failed = 0;
for (const suite of suites) {
  if (wanted.length > 0 && !wanted.includes(suite.name)) continue;
  if (suite.needsRoot && !isRoot) {
    say(`${suite.name}: not run, it needs network namespaces and so root: sudo npm test`);
    if (inCi) failed += 1;
    continue;
  }
  say(`${suite.name}:`);
  const started = performance.now();
  const count = await run(suite);
  say(`  ${count.passed} passed, ${count.failed} failed in ${((performance.now() - started) / 1000).toFixed(1)} s`);
  passed += count.passed;
  failed += count.failed;
}
say(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
