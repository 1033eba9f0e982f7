/**
 * A stand-in for `k3s server` where systemd starts it: reads k3s' own configuration, runs the real kube-apiserver, etcd and
 * controller manager under its name, writes k3s.yaml, and tells systemd when it is ready. What k3s adds for agents, and its
 * own agent, it has not. For `/srv`, which the test fills: `assets/` the programs, `fail` and `hang` how it does instead.
 */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parse } from 'yaml';
import { connect } from '../../lab/control-plane/api-client.ts';
import { startChild } from '../../lab/control-plane/child.ts';
import { renderKubeconfig } from '../../lab/control-plane/kubeconfig.ts';
import { makePki } from '../../lab/control-plane/pki.ts';
import { programs, usualPorts } from '../../lab/control-plane/programs.ts';

type Settings = {
  readonly 'advertise-address': string;
  readonly 'write-kubeconfig-mode': string;
  readonly 'tls-san': readonly string[];
};

async function serve(): Promise<void> {
  const settings = parse(readFileSync('/etc/rancher/k3s/config.yaml', 'utf8')) as Settings;
  if (existsSync('/srv/fail')) {
    process.stdout.write('level=fatal msg="the stand-in was told to fail"\n');
    process.exit(1);
  }
  if (existsSync('/srv/hang')) await sleep(600_000);
  const directory = '/var/lib/rancher/k3s/server';
  mkdirSync(directory, { recursive: true });
  const names = ['127.0.0.1', 'localhost', 'kubernetes', '10.43.0.1', ...settings['tls-san']];
  const pki = await makePki(`${directory}/pki`, names);
  const tokenFile = `${directory}/tokens.csv`;
  if (!existsSync(tokenFile))
    writeFileSync(tokenFile, `${randomBytes(16).toString('hex')},admin,admin,"system:masters"\n`, { mode: 0o600 });
  const token = readFileSync(tokenFile, 'utf8').slice(0, 32);
  const server = `https://127.0.0.1:${usualPorts.api}`;
  const kubeconfig = '/etc/rancher/k3s/k3s.yaml';
  const mode = Number.parseInt(settings['write-kubeconfig-mode'], 8);
  writeFileSync(kubeconfig, renderKubeconfig(server, pki.caPem, { name: 'default', credentials: { token } }), { mode });
  const site = {
    ...{ assets: '/srv/assets', directory, address: settings['advertise-address'], netns: undefined },
    ...{ ports: usualPorts, pki, tokenFile, adminKubeconfig: kubeconfig },
  };
  const { etcd, apiServer, controllerManager } = programs(site);
  const everywhere = apiServer.args.map((flag) =>
    flag.startsWith('--bind-address=') ? '--bind-address=0.0.0.0' : flag,
  );
  const { signal } = new AbortController();
  await startChild(etcd, signal);
  await startChild({ ...apiServer, args: everywhere }, signal);
  const api = connect({ server, caPem: pki.caPem, token, timeoutMs: 3000 });
  while (!(await api.call('GET', '/readyz').then(Boolean, () => false))) await sleep(200);
  await startChild(controllerManager, signal);
  execFileSync('systemd-notify', ['--ready', '--pid']);
}

if (process.argv[2] === '--version') process.stdout.write('k3s version v1.34.2+k3s1 (a stand-in)\n');
else await serve();
