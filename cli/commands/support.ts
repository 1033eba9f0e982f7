/** `bramble support`: one file for whoever helps, with nothing secret in it. */
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { arch, version as kernel, release } from 'node:os';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import type { Command } from 'commander';
import { stringify } from 'yaml';
import type { Client } from '../client.ts';
import { configOption, readConfig, shownConfig } from '../config-file.ts';
import { CommandFailed, exitCodes } from '../exit-codes.ts';
import { journalLines } from '../journal.ts';
import { harmless, type Terminal } from '../output/terminal.ts';
import { cleaned } from '../support/clean.ts';
import { type TarFile, tar } from '../support/tar.ts';

type SupportDeps = { readonly client: () => Client; readonly terminal: Terminal; readonly version: string };
type SupportFlags = { readonly config?: string; readonly output?: string };

const LOG_LINES = 5000;

export function addSupport(parent: Command, deps: SupportDeps): void {
  parent
    .command('support')
    .description('write a bundle for whoever helps: status, events, configuration, log, without secrets')
    .addOption(configOption())
    .option('-o, --output <file>', 'a new file for it; default: bramble-support-DATE.tar.gz here')
    .addHelpText('after', help)
    .action(async ({ config, output }: SupportFlags) => {
      const { terminal } = deps;
      const at = terminal.now();
      const file =
        output ?? `bramble-support-${new Date(at).toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}.tar.gz`;
      const bundle = gzipSync(tar(await parts(config, deps), at / 1000));
      await writeFile(file, bundle, { flag: 'wx', mode: 0o600 }).catch((error: NodeJS.ErrnoException) => {
        const why = error.code === 'EEXIST' ? `${file} is there already: name another with -o` : error.message;
        throw new CommandFailed(exitCodes.failure, why);
      });
      terminal.out(`${harmless(file)}\n`);
    });
}

const help = `
It has names, addresses, MACs and serials of your boards in it, and no
password, key or token. Look through it first: tar xzf FILE. What cannot be
had (the daemon is away, say) is told in its place.`;

/** Each part by itself: what one cannot tell keeps no other from being told. */
async function parts(named: string | undefined, deps: SupportDeps): Promise<readonly TarFile[]> {
  const { terminal, version } = deps;
  const client = deps.client();
  const config = await readConfig(named, terminal.env).catch(asText);
  const secrets = typeof config === 'string' ? [] : [config.join.firstLogin?.password.reveal() ?? ''];
  const part = async (path: string, make: () => Promise<string>): Promise<TarFile> => ({
    path: `bramble-support/${path}`,
    text: cleaned(await make().catch((error: unknown) => `not to be had: ${asText(error)}\n`), secrets),
  });
  const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;
  const status = await client.status().catch(asText);
  const boards = typeof status === 'string' ? [] : status.devices;
  return [
    await part('versions.txt', async () => await versions(version, status)),
    await part('status.json', async () => (typeof status === 'string' ? `not to be had: ${status}\n` : json(status))),
    await part('events.json', async () => json(await client.events({}))),
    ...(await Promise.all(
      boards.map(({ name, id }) => part(`boards/${plainName(name)}.json`, async () => json(await client.describe(id)))),
    )),
    await part('config.yaml', async () =>
      typeof config === 'string' ? `${config}\n` : stringify(withoutCommands(config)),
    ),
    await part('log.txt', async () => await logged(terminal)),
    await part('network.txt', async () => await printed(networkCommands)),
    await part('machine.txt', async () => await printed(machineCommands)),
  ];
}

/** A file of its name, whatever a board calls itself. */
const plainName = (name: string): string => name.replaceAll(/[^\w.-]/g, '_').slice(0, 63);

const asText = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Commands of the owner's may have passwords of other things in them. */
function withoutCommands(config: Parameters<typeof shownConfig>[0]): unknown {
  const isCommand = (key: string): boolean => /^(command|commands|runcmd|run)$/.test(key);
  return JSON.parse(
    JSON.stringify(shownConfig(config), (key, value: unknown) => (isCommand(key) ? '… left out' : value)),
  );
}

async function versions(own: string, status: string | { readonly version: string }): Promise<string> {
  const system = await readFile('/etc/os-release', 'utf8').catch(asText);
  const daemon = typeof status === 'string' ? status : status.version;
  return `bramble ${own}\nbrambled ${daemon}\nnode ${process.version}\n${kernel()} ${release()} ${arch()}\n\n${system}`;
}

async function logged(terminal: Terminal): Promise<string> {
  let text = '';
  for await (const line of journalLines({ lines: LOG_LINES, follow: false }, terminal)) text += `${line}\n`;
  return text === '' ? 'the journal has nothing of bramble\n' : text;
}

const networkCommands = ['ip -brief link', 'ip -brief address', 'ip route', 'ss -lnut'];
const machineCommands = ['uptime', 'free -m', 'df -h', 'systemctl --no-pager --full status bramble*'];

async function printed(commands: readonly string[]): Promise<string> {
  const texts: string[] = [];
  for (const line of commands) {
    const [program = '', ...args] = line.split(' ');
    const said = await promisify(execFile)(program, args, { timeout: 10_000 }).then(({ stdout }) => stdout, asText);
    texts.push(`$ ${line}\n${said}\n`);
  }
  return texts.join('\n');
}
