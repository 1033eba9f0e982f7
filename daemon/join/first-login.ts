/**
 * The first login on a board that somebody flashed: once, with the password of its image, and with whatever host key it shows. It
 * leaves the board with our keys, and then, over a session that these opened, without passwords (facts 2.5).
 */
import { NodeSSH } from 'node-ssh';
import { ok, type Problem, problem, type Result } from '../../config/result.ts';
import { type Hostname, type Ipv4, minutes, seconds } from '../../config/values.ts';
import type { Clock } from '../ports.ts';
import type { SshSession } from './driver.ts';
import { closeScript, keysScript } from './first-login-scripts.ts';
import type { SshKeyPair } from './keys.ts';
import { quoteWords } from './quote.ts';
import { awaitSsh, withSsh } from './ssh.ts';

export type FirstLogin = {
  readonly address: Ipv4;
  readonly port: number;
  readonly user: string;
  readonly password: () => string;
  /** The daemon's own key: the one that lets us in from then on. */
  readonly daemonKey: SshKeyPair;
  /** Made for this board, and on our disk already: the one that its sshd shows from then on. */
  readonly hostKey: SshKeyPair;
  /** It may have shown that key before: an earlier try came so far. */
  readonly again: boolean;
  readonly name: Hostname;
  readonly clock: Clock;
  readonly signal: AbortSignal;
};

type Failed = Problem<'FIRST_LOGIN'>;
const failed = (detail: string): Result<never, Failed> => problem('FIRST_LOGIN', detail);

/** Throws the signal's reason. The password is in no problem's words. */
export async function firstLogin(login: FirstLogin): Promise<Result<void, Failed>> {
  const target = {
    ...{ host: login.address, port: login.port, username: 'root', privateKey: login.daemonKey.privateOpenssh },
    hostKeys: [login.hostKey.publicLine],
  };
  const close = (session: SshSession): ReturnType<SshSession['run']> =>
    session.run('sh', ['-c', closeScript, 'sh', login.user, login.name], { timeout: minutes(3) });
  const byKey = () => withSsh({ ...target, signal: login.signal, timeout: LOGIN }, close);

  if (!login.again || !(await withSsh({ ...target, signal: login.signal, timeout: LOGIN }, async () => undefined)).ok) {
    const put = await putKeys(login);
    if (!put.ok) return put;
    const shown = await awaitSsh({ ...target, clock: login.clock, signal: login.signal, deadline: RELOAD });
    if (!shown.ok) return failed(`it was given our keys, and does not let us in with them: ${shown.error.detail}`);
  }
  const closed = await byKey();
  const end = closed.ok ? closed.value : closed;
  if (!end.ok) return failed(`its passwords are still good: ${end.error.detail}`);
  if (end.value.code !== 0) return failed(`its passwords are still good: ${lastLine(end.value.stderr)}`);
  return stillOpen(login);
}

/** A slow board with entropy to gather for its first key exchange. */
const LOGIN = seconds(30);
/** For an sshd that reads its files again. */
const RELOAD = seconds(30);

const lastLine = (text: string): string => text.trim().split('\n').at(-1)?.slice(-300) ?? '';

async function putKeys(login: FirstLogin): Promise<Result<void, Failed>> {
  const { user, password, daemonKey, hostKey } = login;
  const secret = hostKey.privateOpenssh;
  const args = [daemonKey.publicLine, hostKey.publicLine, String(Buffer.byteLength(secret))];
  const script = ['sh', '-c', keysScript, 'sh', ...args];
  return withPassword(login, async (run) => {
    const may = user === 'root' ? { code: 0 } : await run(quoteWords(['sudo', '-n', 'true']), '');
    // Asked for even where it was given a moment ago: otherwise the password would be taken for the first line of the key.
    const asks = may.code !== 0;
    const sudo = user === 'root' ? [] : asks ? ['sudo', '-k', '-S', '-p', ''] : ['sudo', '-n'];
    const end = await run(quoteWords([...sudo, ...script]), asks ? `${password()}\n${secret}` : secret);
    if (end.code === 0) return ok(undefined);
    const words = lastLine(end.stderr).replaceAll(password(), '…');
    return failed(`our keys could not be put there${words === '' ? '' : `: ${words}`}`);
  });
}

type Ran = { readonly code: number; readonly stderr: string };
type Run = (command: string, stdin: string) => Promise<Ran>;

/** One connection, one answer to the one question that it asks. Settles once the connection is closed. */
async function withPassword(
  login: FirstLogin,
  work: (run: Run) => Promise<Result<void, Failed>>,
): Promise<Result<void, Failed>> {
  const { signal, address, user } = login;
  signal.throwIfAborted();
  const ssh = new NodeSSH();
  const answered: string[] = [];
  const connecting = ssh.connect({
    ...{ host: address, port: login.port, username: user, password: login.password(), readyTimeout: LOGIN },
    ...{ keepaliveInterval: 5000, keepaliveCountMax: 3, tryKeyboard: true },
    onKeyboardInteractive: (_name, _instructions, _lang, prompts, finish) =>
      finish(prompts.map(() => login.password())),
    // Whether it is asked for as a password or as an answer (PAM), it is sent once.
    authHandler: (left, _partial, next) => {
      if (left === null) return next('none');
      const way = (['password', 'keyboard-interactive'] as const).find((name) => left.includes(name));
      if (way === undefined || answered.length > 0) return next(false);
      answered.push(way);
      next(way);
    },
  });
  const { connection } = ssh;
  if (connection === null) throw new Error('node-ssh made no connection');
  connection.on('error', () => undefined);
  const closed = new Promise<void>((resolve) => void connection.once('close', () => resolve()));
  const cut = new AbortController();
  const onAbort = (): void => void connection.destroy();
  for (const end of [signal, cut.signal]) end.addEventListener('abort', onAbort, { once: true });
  const timer = setTimeout(() => cut.abort(), WORK);
  try {
    try {
      await connecting;
    } catch (error) {
      return failed(
        answered.length > 0 && isRefusal(error)
          ? `it does not take the password of ${user}`
          : `no login as ${user} on ${address}: ${error instanceof Error ? error.message : ''}`,
      );
    }
    const run: Run = async (command, stdin) => {
      let stderr = '';
      let received = 0;
      const count = ({ length }: Buffer): void => {
        received += length;
        // node-ssh keeps all of it beside us.
        if (received > outputLimit) connection.destroy();
      };
      const executing = ssh.execCommand(command, {
        stdin,
        onStdout: count,
        onStderr: (chunk) => {
          count(chunk);
          if (stderr.length < 8192) stderr += chunk.toString('utf8');
        },
        // Writing to a program that has ended is its business.
        onChannel: (channel) => void channel.on('error', () => undefined),
        noTrim: true,
      });
      const end = await Promise.race([executing, closed.then(() => undefined)]);
      return { code: end?.code ?? 255, stderr: end === undefined ? 'the connection was closed' : stderr };
    };
    return await work(run);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', onAbort);
    connection.end();
    const force = setTimeout(() => connection.destroy(), 1000);
    await closed;
    clearTimeout(force);
    signal.throwIfAborted();
  }
}

/** Whoever answers is not trusted to stop talking. */
const outputLimit = 256 * 1024;

/** Everything that is done over it: a card may take minutes to write what it has to. */
const WORK = minutes(4);

const isRefusal = (error: unknown): boolean =>
  error instanceof Error && Reflect.get(error, 'level') === 'client-authentication';

/** By effect, once its sshd has read its files: what a stranger is asked for. */
async function stillOpen(login: FirstLogin): Promise<Result<void, Failed>> {
  for (let tries = 1; ; tries += 1) {
    const ways = await waysIn(login);
    const open = ways.filter((way) => way === 'password' || way === 'keyboard-interactive');
    if (ways.length > 0 && open.length === 0) return ok(undefined);
    if (tries === LOOKS)
      return failed(
        open.length === 0
          ? 'its passwords were closed, and its sshd does not answer any more'
          : `its sshd still asks for passwords (${open.join(', ')})`,
      );
    await login.clock.sleep(seconds(1), login.signal);
  }
}
const LOOKS = 15;

/** Asks for them, and goes away. Empty: nobody answered. */
async function waysIn({ address, port, user, signal }: FirstLogin): Promise<readonly string[]> {
  signal.throwIfAborted();
  const ssh = new NodeSSH();
  let ways: readonly string[] = [];
  const connecting = ssh.connect({
    ...{ host: address, port, username: user, readyTimeout: LOGIN },
    authHandler: (left, _partial, next) => {
      if (left === null) return next('none');
      ways = left;
      next(false);
    },
  });
  const { connection } = ssh;
  connection?.on('error', () => undefined);
  await connecting.catch(() => undefined);
  connection?.destroy();
  signal.throwIfAborted();
  return ways;
}
