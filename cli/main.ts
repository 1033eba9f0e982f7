#!/usr/bin/env node
import { userInfo } from 'node:os';
import { createInterface } from 'node:readline/promises';
import manifest from '../package.json' with { type: 'json' };
import { exitCodes } from './exit-codes.ts';
import { run } from './program.ts';

const stopped = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stopped.abort());
// The reader of a pipe may leave first (`bramble events | head`): that is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  process.exit(error.code === 'EPIPE' ? exitCodes.well : exitCodes.failure);
});

process.exitCode = await run(process.argv.slice(2), {
  version: manifest.version,
  terminal: {
    out: (text) => process.stdout.write(text),
    err: (text) => process.stderr.write(text),
    outBytes: writeBytes,
    ask: process.stdin.isTTY ? ask : undefined,
    isTerminal: process.stdout.isTTY,
    columns: process.stdout.isTTY ? process.stdout.columns : 80,
    errColumns: process.stderr.isTTY ? process.stderr.columns : undefined,
    env: process.env,
    now: Date.now,
    user: userName(),
    signal: stopped.signal,
  },
});

function writeBytes(bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}

/** Ctrl-C and the end of the input are an empty answer. */
async function ask(question: string): Promise<string> {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  const closed = new Promise<string>((resolve) => lines.once('close', () => resolve('')));
  lines.once('SIGINT', () => lines.close());
  try {
    return await Promise.race([lines.question(question), closed]);
  } finally {
    lines.close();
  }
}

/** A user without an entry in the password file has none. */
function userName(): string {
  try {
    const name = process.env['SUDO_USER'] ?? userInfo().username;
    return /^[\w.@-]{1,64}$/.test(name) ? name : 'owner';
  } catch {
    return 'owner';
  }
}
