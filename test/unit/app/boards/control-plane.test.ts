import { execFileSync } from 'node:child_process';
import test from 'ava';
import { parse, stringify } from 'yaml';
import { parseConfig } from '../../../../config/load.ts';
import { must, ok } from '../../../../config/result.ts';
import { parseDeviceId, parseHostname, parseIpv4 } from '../../../../config/values.ts';
import { driverFor } from '../../../../daemon/app/boards/control-plane.ts';
import { caHash } from '../../../../daemon/join/index.ts';
import type { Device } from '../../../../daemon/lifecycle/device.ts';
import { createFleet } from '../../../../daemon/lifecycle/fleet.ts';
import { aDevice } from '../../../support/boards.ts';
import { createClockDouble } from '../../../support/doubles.ts';
import { k3sSession } from '../../join/k3s-session.ts';
import { stepContext } from '../../join/step-context.ts';

const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', '/dev/null'];
const caPem = execFileSync('openssl', ['req', '-x509', ...curve, '-subj', '/CN=k3s-server-ca'], {
  encoding: 'utf8',
  stdio: ['ignore', 'pipe', 'ignore'],
});
const address = must(parseIpv4('192.168.1.2'));

async function driverOf(
  cluster: object,
  endpoint: { server: string; caPem: string },
  isPlaced = true,
  boards: readonly Device[] = [],
) {
  const config = parseConfig(stringify({ cluster }));
  if (!config.ok) throw new Error('no configuration');
  return driverFor({
    config: config.value,
    cluster: { endpoint: async () => ok(endpoint), request: async () => ok({}) },
    clock: createClockDouble(),
    fleet: () => createFleet(boards),
    site: () => (isPlaced ? { address } : undefined),
    files: { list: async () => [], open: async () => undefined },
  });
}

/** What a board would be told: the server, and whom to take for it. */
async function told(cluster: object, server: string): Promise<{ server: unknown; token: string }> {
  const driver = must(await driverOf(cluster, { server, caPem }));
  if (!driver.needsToken) throw new Error('a driver with a token');
  const { session, files } = k3sSession({ start: () => 'mark', wait: () => 'up' });
  const board = {
    ...{ id: must(parseDeviceId('d-0123456789ab')), name: must(parseHostname('worker-kube1')), address },
    ...{ fixedAddress: true, hostKeys: [], nodePassword: 'ab'.repeat(16), serials: [], labels: {} },
  };
  must(await driver.join(session, board, { id: 'abcdef', secret: '0123456789abcdef' }, stepContext));
  const config = parse(files.get('/etc/rancher/k3s/config.yaml')?.content ?? '');
  return { server: config.server, token: files.get('/etc/rancher/k3s/token')?.content ?? '' };
}

test('k3s: boards are sent to the server of the kubeconfig, which they know by its authority', async (t) => {
  t.deepEqual(await told({}, 'https://192.168.1.9:6443'), {
    server: 'https://192.168.1.9:6443',
    token: `K10${caHash(caPem)}::abcdef.0123456789abcdef\n`,
  });
});

test('k3s: its own kubeconfig means this machine, which boards reach at another address', async (t) => {
  for (const here of ['127.0.0.1', 'localhost', '[::1]']) {
    t.is((await told({}, `https://${here}:6443`)).server, 'https://192.168.1.2:6443');
  }
});

test('k3s: what the owner named goes first', async (t) => {
  const { server } = await told({ server: 'https://10.0.0.9:6443' }, 'https://127.0.0.1:6443');
  t.is(server, 'https://10.0.0.9:6443');
});

test('k3s: without a network or an authority there is no driver, and it says why', async (t) => {
  const nowhere = await driverOf({}, { server: 'https://127.0.0.1:6443', caPem }, false);
  t.is(nowhere.ok ? '' : nowhere.error.code, 'NO_NETWORK');
  const unknown = await driverOf({}, { server: 'https://127.0.0.1:6443', caPem: '' });
  t.is(unknown.ok ? '' : unknown.error.code, 'CA_MISSING');
});

test('kubeadm is asked for by its name', async (t) => {
  const driver = must(await driverOf({ driver: 'kubeadm' }, { server: 'https://192.168.1.9:6443', caPem }));
  t.is(driver.name, 'kubeadm');
});

test('kube-config: its master is one of the boards, as soon as that is there', async (t) => {
  const board = aDevice();
  const cluster = { driver: 'kube-config', controlPlane: board.name };
  const plain = { server: 'http://10.77.0.100:8080', caPem: '' };
  const alone = await driverOf(cluster, plain);
  t.is(alone.ok ? '' : alone.error.code, 'MASTER_MISSING');
  const driver = must(await driverOf(cluster, plain, true, [board]));
  t.is(driver.nodeName(board), board.address);
  t.true(driver.controlPlane?.isOn(board));
  t.false(driver.controlPlane?.isOn({ address }));
  t.false(driver.needsToken);
});
