/**
 * Boards for a join: real sshd in a network namespace, files and processes of their own, stand-ins for kubeadm, `k3s agent` and
 * systemctl. What comes over SSH is written down command by command, and cut where a test wants it.
 */
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { must } from '../../../config/result.ts';
import { parseIpv4 } from '../../../config/values.ts';
import { startHypriotBoard } from '../../support/kube-config-stand-in/board.ts';
import type { Host } from '../../support/netns.ts';
import { killNow, type Running } from '../../support/program.ts';
import { until } from '../../support/until.ts';

const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const kubeadm = file('../../lab/kubeadm-stand-in/main.ts');
const k3sAgent = file('../../lab/k3s-agent-stand-in/main.ts');

/** See each-command.sh. */
export type Cut = 'before' | 'during' | 'after' | 'hold' | 'hold-after';

export type Board = {
  readonly name: string;
  readonly address: string;
  readonly host: Host;
  /** Each command that came over SSH, on one line, in order. */
  readonly commands: () => Promise<readonly string[]>;
  /** Once it is cut, or held. */
  readonly wasCut: () => Promise<void>;
  readonly release: () => Promise<void>;
  /** Its sshd's own words. */
  readonly log: () => string;
  /** Everything on it is gone, but for its folder. */
  readonly powerOff: () => Promise<void>;
  /** Again, with another host key. */
  readonly powerOn: (hostKey: string) => Promise<void>;
};

/** The programs of all boards of a run, in a folder; returns what their PATH is to begin with. */
export async function installPrograms(folder: string): Promise<string> {
  const bin = join(folder, 'bin');
  await mkdir(bin);
  const cache = join(folder, 'cache');
  const node = `export NODE_COMPILE_CACHE=${cache} KUBELET_STAND_IN_HEARTBEAT_MS=10000\nexec ${process.execPath} --disable-warning=ExperimentalWarning`;
  const programs = {
    kubeadm: `${node} ${kubeadm} "$@"`,
    'k3s-agent': `${node} ${k3sAgent} "$@"`,
    // What systemd would do for one unit.
    systemctl: `stop() { [ ! -e /run/agent.pid ] || kill -9 "$(cat /run/agent.pid)" 2> /dev/null; rm -f /run/agent.pid /run/agent-is-up; }
case " $* " in
  *' is-active '*) [ -e /run/agent-is-up ] && kill -0 "$(cat /run/agent.pid)" ;;
  *' restart '*) stop; NOTIFY_SOCKET=/run/notify setsid /usr/local/bin/k3s agent < /dev/null >> /var/log/agent.log 2>&1 & echo $! > /run/agent.pid ;;
  *' stop '*) stop ;;
esac`,
    'systemd-notify': 'touch /run/agent-is-up',
    journalctl: 'case " $* " in *--show-cursor*) ;; *) tail -n 50 /var/log/agent.log ;; esac',
    // A slow card: transfers that are over at once would hide how many there are at a time.
    curl: 'exec /usr/bin/curl --limit-rate 2M "$@"',
  };
  for (const [name, body] of Object.entries(programs)) {
    await writeFile(join(bin, name), `#!/bin/sh\n${body}\n`);
    await chmod(join(bin, name), 0o755);
  }
  return bin;
}

/** What the master has of k3s, as far as a board goes. */
export const k3sProgram = (bin: string): string => `#!/bin/sh\nexec ${bin}/k3s-agent "$@"\n`;

export type BoardSpec = {
  readonly name: string;
  readonly address: string;
  readonly host: Host;
  readonly folder: string;
  readonly bin: string;
  /** OpenSSH private key. */
  readonly hostKey: string;
  readonly authorized: string;
};

/** What becomes of one command of the board in that folder; they count from 1. */
export async function cutCommand(
  folder: string,
  { command, how }: { readonly command: number; readonly how: Cut },
): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'cut'), `${command} ${how}\n`);
}

/** Settles when its sshd listens. */
export async function startBoard({ name, address, host, folder, bin, hostKey, authorized }: BoardSpec): Promise<Board> {
  await mkdir(join(folder, 'disk'), { recursive: true });
  const at = (part: string): string => join(folder, part);
  await Promise.all([
    writeFile(at('commands'), ''),
    writeFile(at('authorized'), `${authorized}\n`, { mode: 0o600 }),
    writeFile(at('host-key'), hostKey, { mode: 0o600 }),
  ]);
  const settings = {
    HostKey: '/etc/ssh/ssh_host_ed25519_key',
    AuthorizedKeysFile: at('authorized'),
    ForceCommand: `${file('each-command.sh')} ${folder}`,
    StrictModes: 'no',
    UsePAM: 'no',
    UseDNS: 'no',
    PasswordAuthentication: 'no',
    PidFile: 'none',
    LogLevel: 'VERBOSE',
    SetEnv: `PATH=${bin}:/usr/sbin:/usr/bin:/sbin:/bin`,
  };
  const sshd = ['/usr/sbin/sshd', '-D', '-e', '-f', '/dev/null'];
  for (const [key, value] of Object.entries(settings)) sshd.push('-o', `${key}=${value}`);
  const machine = ['unshare', '--mount', '--uts', '--pid', '--fork', '--kill-child=SIGKILL', '--mount-proc'];
  const command = [...machine, '--propagation', 'private', file('board.sh'), folder, ...sshd];

  const start = async (): Promise<Running> => {
    const program = host.spawn(command);
    await program.waitFor(/Server listening/, 60_000);
    return program;
  };
  let program = await start();
  const powerOff = async (): Promise<void> => {
    // Its first process, and with it everything on the board: unshare itself waits for that and does not mind SIGTERM.
    const path = `/proc/${program.pid}/task/${program.pid}/children`;
    killNow(Number((await readFile(path, 'utf8').catch(() => '')).trim()));
    await program.kill();
  };
  return {
    ...{ name, address, host, powerOff },
    ...controlOf(name, folder),
    log: () => program.stderr(),
    powerOn: async (key) => {
      await writeFile(at('host-key'), key, { mode: 0o600 });
      program = await start();
    },
  };
}

function controlOf(name: string, folder: string): Pick<Board, 'commands' | 'wasCut' | 'release'> {
  const read = (part: string): Promise<string | undefined> =>
    readFile(join(folder, part), 'utf8').catch(() => undefined);
  return {
    commands: async () => ((await read('commands')) ?? '').split('\n').filter((line) => line !== ''),
    wasCut: async () => {
      await until(`${name} is cut`, 120, () => read('done'));
    },
    release: () => writeFile(join(folder, 'release'), ''),
  };
}

/** One with HypriotOS and Kubernetes on ARM (stand-in); it restarts when it is told to. */
export async function startLegacyBoard({
  name,
  address,
  host,
  folder,
  hostKey,
  authorized,
}: BoardSpec): Promise<Board> {
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'commands'), '');
  const ends: (() => unknown)[] = [];
  const started = await startHypriotBoard(
    { teardown: (end) => void ends.push(end) },
    {
      ...{ address: must(parseIpv4(address)), port: 22, netns: host.netns, hostKey, authorized },
      eachCommand: `${file('each-command.sh')} ${folder}`,
    },
  );
  return {
    ...{ name, address, host },
    ...controlOf(name, folder),
    log: () => '',
    powerOff: started.stop,
    powerOn: () => Promise.reject(new Error('it keeps its host key')),
  };
}
