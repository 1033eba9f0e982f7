/**
 * A root shell on a board. The host key is the one we generated for it: nothing is trusted on first use, and node-ssh
 * without a verifier would accept any key (facts packages 7, measured).
 */
import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import { NodeSSH } from 'node-ssh';
import type { ClientChannel } from 'ssh2';
import { must, ok, type Problem, problem, type Result } from '../../config/result.ts';
import { type Millis, millis, seconds } from '../../config/values.ts';
import type { ByteSource, Clock } from '../ports.ts';
import type { RunOptions, RunResult, SshCode, SshProblem, SshSession } from './driver.ts';
import { retryIntervals } from './intervals.ts';
import { parsePublicLine } from './keys.ts';
import { quoteWords } from './quote.ts';

export type SshTarget = {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  /** OpenSSH format, not encrypted. */
  readonly privateKey: string;
  /** The only host keys that are accepted, each `ssh-ed25519 AAAA…`. */
  readonly hostKeys: readonly string[];
};

export type WithSshOptions = SshTarget & {
  readonly signal: AbortSignal;
  /** For the connection up to the login. */
  readonly timeout: Millis;
};

const defaultRunTimeout = seconds(60);
/** Of one attempt: a login takes a starting Pi 2 over a second, and an address that nobody has yet fails after three. */
const loginTimeout = seconds(5);
/** A board is not trusted to stop talking. */
const outputLimit = 256 * 1024;

/**
 * Connects, works, disconnects; settles once the connection is closed. An aborted signal ends it at once, with the
 * signal's reason thrown. `shown`: which of the host keys it was.
 */
export async function withSsh<T>(
  options: WithSshOptions,
  work: (session: SshSession, shown: string) => Promise<T>,
): Promise<Result<T, SshProblem>> {
  const { signal } = options;
  signal.throwIfAborted();
  const opened = await open(options);
  if (!opened.ok) {
    signal.throwIfAborted();
    return opened;
  }
  const { session, shown, close } = opened.value;
  try {
    signal.throwIfAborted();
    return ok(await work(session, shown));
  } finally {
    await close();
    signal.throwIfAborted();
  }
}

/**
 * Tries until the board's sshd answers with the right key and takes ours. While a board starts, refused connections,
 * silence and even a foreign host key (the image's stock sshd, before its key is replaced) mean only: wait. The last
 * problem is told when `deadline` is over. Throws the signal's reason.
 */
export async function awaitSsh(
  options: SshTarget & {
    readonly clock: Clock;
    readonly signal: AbortSignal;
    readonly deadline: Millis;
    /** Of a board that has shown its key before. */
    readonly foreignKeyEnds?: boolean;
  },
): Promise<Result<void, SshProblem>> {
  const { clock, signal, deadline } = options;
  // Slept, not read off: the wall clock may be set meanwhile.
  const [late, over] = [new AbortController(), new AbortController()];
  clock.sleep(deadline, AbortSignal.any([signal, over.signal])).then(
    () => late.abort(),
    () => undefined,
  );
  try {
    for (const pause of retryIntervals()) {
      const answered = await withSsh({ ...options, timeout: loginTimeout }, async () => undefined);
      if (answered.ok || late.signal.aborted) return answered;
      if (options.foreignKeyEnds && answered.error.code === 'SSH_HOST_KEY_CHANGED') return answered;
      await clock.sleep(pause, AbortSignal.any([signal, late.signal])).catch(() => signal.throwIfAborted());
      if (late.signal.aborted) return answered;
    }
    throw new Error('unreachable: the intervals never end');
  } finally {
    over.abort();
  }
}

type Opened = { readonly session: SshSession; readonly shown: string; readonly close: () => Promise<void> };

async function open(options: WithSshOptions): Promise<Result<Opened, SshProblem>> {
  const { host, port, username, privateKey, signal, timeout } = options;
  const expected = options.hostKeys.map((line) => ({ line, key: must(parsePublicLine(line)) }));
  const ssh = new NodeSSH();
  let shown: string | undefined;
  let foreignKey = false;
  const connecting = ssh.connect({
    ...{ host, port, username, privateKey, readyTimeout: timeout },
    // A dead board is noticed after 20 s even while a command is silent.
    ...{ keepaliveInterval: 5000, keepaliveCountMax: 3 },
    algorithms: { serverHostKey: ['ssh-ed25519'] },
    authHandler: ['publickey'],
    hostVerifier: (key) => {
      shown = expected.find((one) => one.key.equals(key))?.line;
      foreignKey = shown === undefined;
      return !foreignKey;
    },
  });
  // node-ssh takes its own listener off after the login; an error without a listener would end the process.
  const connection = ssh.connection;
  if (connection === null) throw new Error('node-ssh made no connection');
  // Small packets, each waiting for an answer: with Nagle's algorithm a login took 165 ms instead of 35, a command 180
  // instead of 90 (measured on loopback; the rest is sshd's own Nagle, which is on for sessions without a terminal).
  connection.setNoDelay(true);
  let lost: unknown;
  const closed = new Promise<void>((resolve) => void connection.once('close', () => resolve()));
  connection.on('error', (error: unknown) => {
    lost ??= error;
  });
  const onAbort = (): void => void connection.destroy();
  signal.addEventListener('abort', onAbort, { once: true });
  const close = async (): Promise<void> => {
    signal.removeEventListener('abort', onAbort);
    const force = setTimeout(() => connection.destroy(), 1000);
    connection.end();
    await closed;
    clearTimeout(force);
  };
  try {
    await connecting;
  } catch (error) {
    signal.removeEventListener('abort', onAbort);
    connection.destroy();
    await closed;
    const found = connectProblem(error, foreignKey);
    return problem(found, `${username}@${host} port ${port}: ${messageOf(error)}`);
  }
  const why = (): string => (lost === undefined ? 'the connection was closed' : messageOf(lost));
  const session = openSession(ssh, closed, () => ({
    code: isTimeout(lost) ? 'SSH_TIMEOUT' : 'SSH_CLOSED',
    detail: why(),
  }));
  if (shown === undefined) throw new Error('ssh2 logged in without a look at the host key');
  return ok({ session, shown, close });
}

function connectProblem(error: unknown, foreignKey: boolean): SshCode {
  if (foreignKey || /host key format/.test(messageOf(error))) return 'SSH_HOST_KEY_CHANGED';
  if (fieldOf(error, 'code') === 'ECONNREFUSED') return 'SSH_REFUSED';
  if (fieldOf(error, 'level') === 'client-authentication') return 'SSH_AUTH';
  return isTimeout(error) ? 'SSH_TIMEOUT' : 'SSH_CLOSED';
}

/** An address that nobody answers for is the same as silence: the board is not up (yet). */
const isTimeout = (error: unknown): boolean =>
  fieldOf(error, 'level') === 'client-timeout' ||
  ['ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'EHOSTDOWN'].includes(String(fieldOf(error, 'code')));

function openSession(ssh: NodeSSH, closed: Promise<void>, ended: () => SshProblem): SshSession {
  const run = async (
    program: string,
    args: readonly string[],
    { stdin, timeout = defaultRunTimeout }: RunOptions = {},
  ): Promise<Result<RunResult, SshProblem>> => {
    const command = quoteWords([program, ...args]);
    const input =
      stdin === undefined || typeof stdin === 'string' ? stdin : Readable.from(stdin, { objectMode: false });
    // What cannot be read ends the program, whose word then counts.
    if (typeof input === 'object') input.on('error', () => channel?.close());
    let channel: ClientChannel | undefined;
    let received = 0;
    // node-ssh decodes each chunk by itself, which breaks a character that was cut in two.
    const [stdout, stderr]: [Buffer[], Buffer[]] = [[], []];
    const keepIn =
      (chunks: Buffer[]) =>
      (chunk: Buffer): void => {
        received += chunk.length;
        if (received > outputLimit) channel?.close();
        else chunks.push(chunk);
      };
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'late'>((resolve) => {
      timer = setTimeout(() => resolve('late'), timeout);
    });
    const executing = ssh.execCommand(command, {
      ...{ onStdout: keepIn(stdout), onStderr: keepIn(stderr) },
      ...(input !== undefined && { stdin: input }),
      onChannel: (opened) => {
        channel = opened;
        // Writing to a program that has ended is its business; the exit code tells.
        opened.on('error', () => undefined);
      },
    });
    try {
      const end = await Promise.race([executing, late, closed.then(() => 'closed' as const)]);
      if (end === 'late') {
        channel?.close();
        return problem('SSH_TIMEOUT', `${program} did not end within ${timeout} ms`);
      }
      if (end === 'closed') return { ok: false, error: ended() };
      if (received > outputLimit) return problem('SSH_CLOSED', `${program} wrote more than ${outputLimit} bytes`);
      if (end.code === null && end.signal === null) return { ok: false, error: ended() };
      const [out, errors] = [Buffer.concat(stdout).toString('utf8'), Buffer.concat(stderr).toString('utf8')];
      return ok({ code: end.code ?? 255, stdout: out, stderr: errors });
    } catch (error) {
      return problem(isTimeout(error) ? 'SSH_TIMEOUT' : ended().code, messageOf(error));
    } finally {
      clearTimeout(timer);
      if (typeof input === 'object') input.destroy();
      executing.catch(() => undefined);
    }
  };
  return {
    run,
    putFile: (path, content, mode) => put(run, { path, mode, bytes: Buffer.byteLength(content), content }, seconds(20)),
    putBytes: (path, source, mode) =>
      put(run, { path, mode, bytes: source.size, content: chunksOf(source) }, slowCard(source.size)),
  };
}

/** 512 KiB/s, and time for a card that gathers its breath. */
const slowCard = (bytes: number): Millis => millis(60_000 + bytes / 512);

async function* chunksOf(source: ByteSource): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < source.size; ) {
    const chunk = new Uint8Array(Math.min(256 * 1024, source.size - at));
    const read = await source.read(chunk, at);
    if (read === 0) throw new Error(`the source ended at byte ${at} of ${source.size}`);
    yield chunk.subarray(0, read);
    at += read;
  }
}

/**
 * `cat` cannot tell a cut connection from the end of the content, so the length is checked before the file gets its name.
 * $1 path, $2 mode, $3 length in bytes.
 */
const receiveFile = `umask 077; mkdir -p "\${1%/*}/" && cat > "$1.new" && [ "$(wc -c < "$1.new")" -eq "$3" ] &&
chmod "$2" "$1.new" && mv -f "$1.new" "$1" || { rm -f "$1.new"; exit 1; }`;

async function put(
  run: SshSession['run'],
  file: {
    readonly path: string;
    readonly mode: number;
    readonly bytes: number;
    readonly content: NonNullable<RunOptions['stdin']>;
  },
  timeout: Millis,
): Promise<Result<void, SshProblem | Problem<'PUT_FILE_FAILED'>>> {
  const { path, mode, bytes, content } = file;
  if (!path.startsWith('/') || dirname(path) === '/') throw new Error(`not a path below a folder: ${path}`);
  const words = ['-c', receiveFile, 'sh', path, mode.toString(8), String(bytes)];
  const end = await run('sh', words, { stdin: content, timeout });
  if (!end.ok) return end;
  return end.value.code === 0
    ? ok(undefined)
    : problem('PUT_FILE_FAILED', `${path}: ${end.value.stderr.trim().slice(0, 300)}`);
}

const fieldOf = (error: unknown, name: 'code' | 'level'): unknown =>
  error instanceof Error ? Reflect.get(error, name) : undefined;
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error)).slice(0, 300);
