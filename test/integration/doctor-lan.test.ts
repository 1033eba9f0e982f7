/** `bramble doctor` on a LAN: beside the real daemon, beside a real dnsmasq in its place, and from another machine. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import test, { type ExecutionContext } from 'ava';
import type { Finding } from '../../cli/findings.ts';
import { startDaemon } from '../support/daemon.ts';
import { type Host, makeLan, runPrefix } from '../support/netns.ts';

const cli = fileURLToPath(new URL('../../cli/main.ts', import.meta.url));

async function begin(t: ExecutionContext) {
  t.timeout(240_000);
  const folder = await mkdtemp(join(tmpdir(), 'bramble-doctor-lan-'));
  const lan = await makeLan({ prefix: runPrefix(), signal: new AbortController().signal });
  t.teardown(async () => {
    await lan.close();
    await rm(folder, { recursive: true, force: true });
  });
  const master = await lan.addHost({ name: 'master', address: '10.77.0.1/24' });
  const doctor = async (host: Host, ...args: readonly string[]) => {
    const run = [process.execPath, cli, '--socket', join(folder, 'sock'), 'doctor', '-o', 'json', ...args];
    const { code, stdout, stderr } = await host.exec(run, { deadlineMs: 60_000 });
    t.is(stderr, '');
    const { findings } = JSON.parse(stdout) as { readonly findings: readonly Finding[] };
    return { code, told: findings.map(({ level, about, text }) => `${level} ${about}: ${text}`) };
  };
  return { folder, lan, master, doctor };
}

test('the daemon has its ports, and is answered for by two foreign programs on another machine', async (t) => {
  const { folder, lan, master, doctor } = await begin(t);
  await startDaemon(master, folder, '10.77.0.100-119', { cluster: { kubeconfig: join(folder, 'none') } });
  const here = await doctor(master, '--config', join(folder, 'bramble.yaml'));
  t.is(here.code, 2, 'there is no control plane, and no image');
  for (const line of [
    'well interface: eth0, 10.77.0.1/24',
    'well DHCP: no other DHCP server answers on this network; bramble gives the addresses',
    'well ports: UDP 67 (DHCP): brambled',
    'well ports: UDP 69 (TFTP): brambled',
    'well ports: TCP 8067 (installer, images and status page): brambled',
  ]) {
    t.true(here.told.includes(line), `${line}\n${here.told.join('\n')}`);
  }
  const desk = await lan.addHost({ name: 'desk', address: '10.77.0.50/24' });
  // mdns-js joins the group on 0.0.0.0: the kernel wants a route to it.
  await desk.exec(['ip', 'route', 'add', 'default', 'dev', 'eth0']);
  const afar = await doctor(desk, '--at', '10.77.0.1');
  t.is(afar.code, 0, afar.told.join('\n'));
  t.regex(afar.told.join('\n'), /^well files: a TFTP client that is no board is answered: \(Server\) File not found/);
  t.regex(afar.told.join('\n'), /^well names: a browser hears \S+\.local:8067$/m);
  const nobody = await doctor(desk, '--at', '10.77.0.50');
  t.is(nobody.code, 2);
  t.true(nobody.told.every((line) => line.startsWith('wrong')));
});

test('a DHCP server in its place is named, and what to do', async (t) => {
  const { folder, master, doctor } = await begin(t);
  const config = join(folder, 'bramble.yaml');
  await writeFile(config, `interface: eth0\ndata: ${folder}/data\ncluster: {kubeconfig: ${folder}/none}\n`);
  const other = ['--no-daemon', '--conf-file=/dev/null', '--port=0', '--interface=eth0', '--bind-dynamic'];
  const lease = `--dhcp-leasefile=${folder}/leases`;
  const dnsmasq = master.spawn(['dnsmasq', ...other, lease, '--dhcp-range=10.77.0.200,10.77.0.210', '--user=root']);
  await dnsmasq.waitFor(/DHCP, IP range/);
  const { code, told } = await doctor(master, '--config', config);
  t.is(code, 2);
  t.regex(told.join('\n'), /^wrong ports: UDP 67 \(DHCP\): dnsmasq has it: sudo systemctl disable --now dnsmasq/m);
  t.regex(told.join('\n'), /^note DHCP: only the daemon looks/m);
});
