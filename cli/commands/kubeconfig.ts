/** `bramble kubeconfig`: a certificate of one's own for kubectl. The key is made here and stays here. */
import { createPublicKey, X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { type Command, InvalidArgumentError } from 'commander';
import { ok, type Problem, problem, type Result } from '../../config/result.ts';
import { peopleGroup } from '../../daemon/cluster/account.ts';
import type { AccessAnswer } from '../../daemon/http/wire.ts';
import type { Client } from '../client.ts';
import { makeKeyAndRequest } from '../cluster/certificate-request.ts';
import { changeFile, mergeTarget } from '../cluster/kubeconfig-files.ts';
import { type Entry, entryName, mergeKubeconfig, newKubeconfig } from '../cluster/merge-kubeconfig.ts';
import { isPlainlyFound } from '../cluster/plain-names.ts';
import { CommandFailed, exitCodes } from '../exit-codes.ts';
import { harmless, type Terminal } from '../output/terminal.ts';

type Flags = { readonly merge?: true; readonly user?: string; readonly days: number; readonly output?: string } & {
  readonly address?: true;
};
type Deps = { readonly client: () => Client; readonly terminal: Terminal };

const help = `
Without --merge and -o it goes to standard output: from another machine,
  ssh MASTER bramble kubeconfig > ~/.kube/bramble
The server is the master's name (MASTER.local). Many builds of kubectl for Linux
ask DNS only: --address is for them, and --merge takes it where DNS has no such
name.

Whoever has it is an administrator of the cluster until its certificate ends; a
single one cannot be taken back. All of them are worth nothing without the
binding of ${peopleGroup}: kubectl delete clusterrolebinding bramble-admins
(bramble cluster install makes it again).`;

export function addKubeconfig(parent: Command, { client, terminal }: Deps): void {
  parent
    .command('kubeconfig')
    .description('a way into the cluster for kubectl, with a certificate of your own')
    .option('--merge', 'add it, as context bramble, to $KUBECONFIG or ~/.kube/config')
    .option('--user <name>', 'whom the certificate names; you, unless given', person)
    .option('--days <n>', 'how long it is good; the cluster may give less', days, 365)
    .option('--address', 'reach the master by its address, not its name: kubectl for Linux seldom knows mDNS')
    .option('-o, --output <file>', 'a new file for it; - is standard output')
    .addHelpText('after', help)
    .action(async ({ merge, user = terminal.user, days: span, output, address }: Flags) => {
      if (merge === true && output !== undefined)
        throw new CommandFailed(exitCodes.usage, '--merge knows where to (KUBECONFIG says otherwise): leave -o out');
      // Whatever is wrong with the file is found before anybody gets a certificate.
      const put = merge === true ? await merging(terminal) : await saving(output, terminal);
      const { key, request } = makeKeyAndRequest({ user, group: peopleGroup });
      const given = await client().access({ user, request, days: span, by: terminal.user });
      const { certificate, ca } = fitting(given, key);
      const server = (address === true ? given.address : await serverHere(given, merge)) ?? given.server;
      await put({ certificate, server, ca, key });
      terminal.err(`${harmless(`${user} is an administrator of the cluster until ${given.until} (${server})`)}\n`);
      if (given.note !== null) terminal.err(`${harmless(given.note)}\n`);
    });
}

/** What is merged is used on this machine, whose kubectl may not find the name. */
async function serverHere({ server, address }: AccessAnswer, merge: true | undefined): Promise<string> {
  const { hostname } = new URL(server);
  const isSure = merge !== true || address === null || !hostname.endsWith('.local');
  return isSure || (await isPlainlyFound(hostname)) ? server : address;
}

type Put = (entry: Entry) => Promise<void>;

async function merging({ env, out, err }: Terminal): Promise<Put> {
  const path = value(await mergeTarget(env));
  return async (entry) => {
    value(await changeFile(path, (text) => mergeKubeconfig(text ?? '', entry)));
    out(`${path}: context ${entryName}\n`);
    const isRootsOwn = process.getuid?.() === 0 && env['SUDO_USER'] !== undefined && path.startsWith(homedir());
    if (isRootsOwn) err('That file is root’s: without sudo it goes into your own.\n');
  };
}

async function saving(output: string | undefined, { out }: Terminal): Promise<Put> {
  if (output === undefined || output === '-') return async (entry) => out(newKubeconfig(entry));
  const isThere = 'is there already: name another, or add to it with KUBECONFIG=… and --merge';
  if (existsSync(output)) throw new CommandFailed(exitCodes.failure, `${output} ${isThere}`);
  const once = (text: string | undefined, entry: Entry): Result<string, Problem> =>
    text === undefined ? ok(newKubeconfig(entry)) : problem('EXISTS', isThere);
  return async (entry) => value(await changeFile(output, (text) => once(text, entry)));
}

/** It has to be for our key: an answer that was mixed up would fail at the first use only. */
function fitting(given: AccessAnswer, key: string): AccessAnswer {
  if (new X509Certificate(given.certificate).publicKey.equals(createPublicKey(key))) return given;
  throw new CommandFailed(exitCodes.failure, 'the certificate is not for the key that was made here');
}

function value<T>(result: Result<T, Problem>): T {
  if (result.ok) return result.value;
  throw new CommandFailed(exitCodes.failure, result.error.detail);
}

function person(text: string): string {
  if (!/^[\w.@-]{1,64}$/.test(text)) throw new InvalidArgumentError('up to 64 of a-z A-Z 0-9 . _ @ -');
  return text;
}

function days(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text) || Number(text) > 3650) throw new InvalidArgumentError('1 to 3650');
  return Number(text);
}
