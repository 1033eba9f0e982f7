/** What setup reads of this machine, and how it changes its network. */
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { ok, type Problem, problem, type Result } from '../../config/result.ts';
import type { Ipv4 } from '../../config/values.ts';
import { readInterfaces } from '../../daemon/system/interface.ts';
import type { Changes } from '../cluster/changes.ts';
import { isLent, runProgram } from '../cluster/system.ts';
import type { Choice } from './choice.ts';
import { type Manager, type NetworkFile, networkFile } from './network-files.ts';

/** Of this machine's interfaces. */
export async function lentAddresses(): Promise<readonly Ipv4[]> {
  const lent: Ipv4[] = [];
  for (const { name, addresses } of await readInterfaces())
    for (const { address } of addresses) if (await isLent(name, address)) lent.push(address);
  return lent;
}

/** Who runs the interface; undefined: nobody whom setup knows. */
export async function managerOf(name: string, index: number | undefined): Promise<Manager | undefined> {
  const nm = await runProgram('nmcli', '-g', 'GENERAL.STATE', 'device', 'show', name);
  if (nm.code === 0 && !/unmanaged/.test(nm.stdout)) return 'NetworkManager';
  const link = await textOf(`/run/systemd/netif/links/${index ?? 0}`);
  if (/^ADMIN_STATE=/m.test(link) && !/^ADMIN_STATE=unmanaged$/m.test(link)) return 'systemd-networkd';
  for (const file of ['/run/dhcpcd/pid', '/run/dhcpcd.pid', `/run/dhcpcd/${name}.pid`, `/run/dhcpcd-${name}.pid`]) {
    const pid = (await textOf(file)).trim();
    if (/^\d+$/.test(pid) && (await textOf(`/proc/${pid}/comm`)).trim() === 'dhcpcd') return 'dhcpcd';
  }
  return undefined;
}

/** The file as it has to be. */
export async function plannedFile(manager: Manager, choice: Choice): Promise<NetworkFile> {
  const found = manager === 'dhcpcd' ? await textOf('/etc/dhcpcd.conf') : '';
  return networkFile(manager, choice, () => found);
}

/** A copy of what was there stays beside it. Taken back with `changes`. */
export async function fixAddress(
  { path, text, mode, apply }: NetworkFile,
  { interface: name, address }: Choice,
  changes: Changes,
): Promise<Result<void, Problem>> {
  const run = async (): Promise<string | undefined> => {
    for (const [program = '', ...args] of apply) {
      const { code, stderr } = await runProgram(program, ...args);
      if (code !== 0) return `${program} ${args.join(' ')}: ${stderr.trim()}`;
    }
    return undefined;
  };
  const hadIt = await hasAddress(name, address, 0);
  // Registered first: when the file is as before.
  changes.onUndo(async () => {
    await run();
    // Some keep an address until they have another.
    if (!hadIt) await runProgram('ip', 'address', 'del', `${address.address}/${address.prefix}`, 'dev', name);
  });
  await keepCopy(path, changes);
  await changes.putText(path, text, mode);
  const failure = await run();
  if (failure !== undefined) return problem('NETWORK', failure);
  return (await hasAddress(name, address, 60))
    ? ok(undefined)
    : problem('NETWORK', `${name} did not get ${address.address}/${address.prefix} within a minute, as ${path} says`);
}

/** The oldest one counts: a second run does not lose what the owner had. */
export async function keepCopy(path: string, changes: Changes): Promise<void> {
  const copy = `${path}.bramble-backup`;
  const [old, kept] = [await textOf(path), await textOf(copy)];
  if (old !== '' && kept === '') await changes.putText(copy, old, 0o600);
}

/** Now, or within so many seconds. */
async function hasAddress(name: string, wanted: Choice['address'], seconds: number): Promise<boolean> {
  for (let turn = 0; ; turn += 1) {
    const own = (await readInterfaces()).find((one) => one.name === name)?.addresses ?? [];
    if (own.some(({ address, prefix }) => address === wanted.address && prefix === wanted.prefix)) return true;
    if (turn >= seconds * 2) return false;
    await sleep(500);
  }
}

export const textOf = (path: string): Promise<string> => readFile(path, 'utf8').catch(() => '');
