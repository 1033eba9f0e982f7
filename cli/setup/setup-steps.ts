/** The steps of `bramble setup`. */
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { k3sArchs } from '../../config/k3s-release.ts';
import type { Problem, Result } from '../../config/result.ts';
import type { Config } from '../../config/schema.ts';
import type { MasterView } from '../../daemon/http/wire.ts';
import { chooseBase, importBase, listBases } from '../../image-builder/index.ts';
import type { Client } from '../client.ts';
import type { Changes } from '../cluster/changes.ts';
import { refuseForeign } from '../cluster/daemon-kubeconfig.ts';
import { fetchRelease } from '../cluster/fetch.ts';
import { archOf } from '../cluster/release.ts';
import { readRecord } from '../cluster/shelf.ts';
import { runProgram, unitFacts } from '../cluster/system.ts';
import { installCluster } from '../commands/cluster-install.ts';
import { CommandFailed, exitCodes } from '../exit-codes.ts';
import { progressOn } from '../output/progress.ts';
import type { Terminal } from '../output/terminal.ts';
import type { Choice } from './choice.ts';
import { fetchImage, type ImageSource } from './image-source.ts';
import { fixAddress, keepCopy } from './machine.ts';
import type { NetworkFile } from './network-files.ts';
import type { Step } from './steps.ts';

export type SetupStepsDeps = {
  readonly choice: Choice;
  /** As it is once the settings are written. */
  readonly config: Config;
  readonly settings: { readonly path: string; readonly before: string; readonly after: string };
  /** Undefined: nobody whom setup knows runs the interface. */
  readonly network: NetworkFile | undefined;
  readonly image: ImageSource;
  readonly sha256: string | undefined;
  readonly releases: string;
  readonly client: () => Client;
  readonly terminal: Terminal;
  readonly changes: Changes;
};

export const failure = (message: string): CommandFailed => new CommandFailed(exitCodes.failure, message);

export function value<T>(result: Result<T, Problem>): T {
  if (result.ok) return result.value;
  throw failure(result.error.detail);
}

export const setupSteps = (deps: SetupStepsDeps): readonly Step[] => [
  settingsStep(deps),
  addressStep(deps),
  imageStep(deps),
  ...(deps.config.cluster.driver === 'k3s' ? [k3sStep(deps)] : []),
  ...(deps.config.cluster.driver === 'kube-config' ? [] : [clusterStep(deps)]),
  daemonStep(deps),
];

function settingsStep({ settings: { path, before, after }, choice, changes }: SetupStepsDeps): Step {
  const way = choice.uplink === undefined ? '' : `, out by ${choice.uplink}`;
  const what = `boards on ${choice.interface}, ${choice.topology}${way}`;
  return {
    name: 'settings',
    todo: `${path}: ${what}`,
    done: async () => (before === after ? `${what}, as ${path} says` : undefined),
    run: async () => {
      await keepCopy(path, changes);
      await changes.putText(path, after, 0o644);
      return `${what}, in ${path}`;
    },
  };
}

function addressStep({ choice, network, changes }: SetupStepsDeps): Step {
  const { interface: name, address, isFixed } = choice;
  const own = `${address.address}/${address.prefix} on ${name}`;
  return {
    name: 'address',
    todo: `${own}, for good${network === undefined ? '' : `: ${network.path}`}`,
    done: async () => (isFixed ? own : undefined),
    run: async () => {
      if (network === undefined)
        throw failure(
          `no program that setup knows runs ${name} (NetworkManager, systemd-networkd, dhcpcd): give it ${address.address}/${address.prefix} for good yourself, and run this again`,
        );
      value(await fixAddress(network, choice, changes));
      const router = choice.gateway === undefined ? '' : '; take it out of what the router lends, too';
      return `${own}, for good: ${network.path}${router}`;
    },
  };
}

function imageStep({ config, image, sha256, terminal }: SetupStepsDeps): Step {
  const folder = join(config.data, 'bases');
  const { signal } = terminal;
  return {
    name: 'image',
    todo: image.is === 'file' ? `import ${image.path}` : `fetch ${image.url} and import it`,
    done: async () => {
      const { bases } = await listBases(folder);
      const chosen = chooseBase(bases, config.images.default);
      if (chosen.ok) return chosen.value.name;
      // Which of several, only the owner can say.
      if (bases.length > 0) throw failure(chosen.error.detail);
      return undefined;
    },
    run: async () => {
      const progress = progressOn(terminal);
      try {
        const onFetch = (done: number, of: number): void => progress.tell('fetch', done, of);
        const incoming = join(config.data, 'downloads');
        const file =
          image.is === 'file'
            ? { path: image.path, sha256 }
            : value(await fetchImage({ url: image.url, folder: incoming, sha256, onProgress: onFetch, signal }));
        const sum = file.sha256 === undefined ? {} : { sha256: file.sha256 };
        const base = value(
          await importBase({
            ...{ file: file.path, directory: folder, signal, ...sum },
            onProgress: ({ phase, taken, total }) =>
              progress.tell(phase === 'checking' ? 'check' : 'unpack', taken, total),
          }),
        );
        await base.close();
        return base.name;
      } finally {
        progress.end();
      }
    },
  };
}

function k3sStep({ config, releases, terminal }: SetupStepsDeps): Step {
  const { data, cluster } = config;
  const { version } = cluster;
  const own = archOf(process.arch);
  const archs = k3sArchs.filter((arch) => arch === 'arm64' || arch === own);
  return {
    name: 'k3s',
    todo: `fetch ${version} for ${archs.join(' and ')}`,
    done: async () => {
      const { files } = value(await readRecord(data, version));
      const isWhole = archs.every((arch) => files.filter((file) => file.arch === arch).length === 2);
      return isWhole ? `${version} is here` : undefined;
    },
    run: async () => {
      const progress = progressOn(terminal);
      const onFile = (): void => progress.end();
      const options = {
        data,
        version,
        archs,
        url: releases,
        onProgress: progress.tell,
        onFile,
        signal: terminal.signal,
      };
      value(await fetchRelease(options));
      return `${version} is here, for ${archs.join(' and ')}`;
    },
  };
}

function clusterStep({ config, client, terminal }: SetupStepsDeps): Step {
  const { kubeconfig } = config.cluster;
  return {
    name: 'cluster',
    todo: `make this machine its server, and an account for the daemon (${kubeconfig})`,
    done: async () => {
      const master = await statusOf(client);
      return master?.cluster.reachable === true ? `${master.cluster.driver} answers` : undefined;
    },
    run: async () => {
      value(await refuseForeign(kubeconfig));
      // What it says line by line is for who runs it alone.
      await installCluster({ client, config, flags: { yes: true }, terminal: { ...terminal, out: terminal.err } });
      return `the control plane answers, the daemon's account is ${kubeconfig}`;
    },
  };
}

const serviceUnit = 'bramble.service';

function daemonStep({ choice, config, client, terminal, settings }: SetupStepsDeps): Step {
  const isThere = (master: MasterView | undefined): master is MasterView =>
    master?.interface === choice.interface && master.address === choice.address.address && !isChoosing(master);
  return {
    name: 'daemon',
    todo: `start it, and look for other DHCP servers (${config.dhcp.search} s)`,
    done: async () => {
      if (settings.before !== settings.after) return undefined;
      const master = await statusOf(client);
      return isThere(master) && !master.degraded ? servesText(master) : undefined;
    },
    run: async () => {
      const unit = await unitFacts(serviceUnit);
      if (!unit.isLoaded) throw failure(`${serviceUnit} is not installed here: apt install ./bramble_VERSION_ARCH.deb`);
      for (const verb of ['enable', 'restart']) {
        const { code, stderr } = await runProgram('systemctl', verb, serviceUnit);
        if (code !== 0) throw failure(`systemctl ${verb} ${serviceUnit}: ${stderr.trim()}`);
      }
      const patience = config.dhcp.search + 90;
      for (let waited = 0; waited < patience; waited += 1) {
        const master = await statusOf(client);
        if (isThere(master)) {
          if (master.degraded) throw failure(master.advice[0] ?? 'the daemon does not serve: see bramble status');
          return servesText(master);
        }
        await sleep(1000, undefined, { signal: terminal.signal });
      }
      const master = await statusOf(client);
      throw failure(
        master?.advice[0] ??
          `the daemon did not serve ${choice.interface} within ${patience} s: journalctl -u ${serviceUnit}`,
      );
    },
  };
}

const isChoosing = ({ dhcpMode }: MasterView): boolean => dhcpMode === 'searching';

const servesText = ({ interface: name, address, dhcpMode }: MasterView): string => {
  const modes: Readonly<Record<MasterView['dhcpMode'], string>> = {
    full: 'no other DHCP server is here: bramble gives the addresses',
    proxy: 'the router gives the addresses, bramble adds the boot information',
    narrowed: 'another DHCP server is here: only known boards are answered',
    off: 'DHCP is off (dhcp.mode)',
    deaf: 'other DHCP servers cannot be looked for',
    searching: 'other DHCP servers are looked for',
  };
  return `serves ${name} at ${address}; ${modes[dhcpMode]}`;
};

/** Undefined: it does not answer. */
async function statusOf(client: () => Client): Promise<MasterView | undefined> {
  try {
    return (await client().status()).master;
  } catch (error) {
    if (error instanceof CommandFailed) return undefined;
    throw error;
  }
}
