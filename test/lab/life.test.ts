/** Life after joining, on the whole: a board leaves and joins again, and a new one takes the place of one that died. */
import test from 'ava';
import { type Lab, startLab } from './lab.ts';

const patience = (): AbortSignal => AbortSignal.timeout(240_000);

test('a board leaves and joins again; one that died is replaced under its name, with its labels', async (t) => {
  const stop = new AbortController();
  const heard = new Set<string>();
  const lab: Lab = await startLab({
    controlPlane: 'auto',
    signal: stop.signal,
    log: (line) => t.log(line),
    onEvent: ({ source, event }) => {
      heard.add(event.event);
      if (source === 'daemon') t.log(`${event.device}: ${event.from} → ${event.to} (${event.event}) ${event.reason}`);
    },
  });
  t.teardown(async () => {
    if (!t.passed) t.log(await lab.daemon.lastLines());
    await lab.close();
  });
  const { client } = lab.daemon;

  /** As the cluster's administrator, in the master's network. */
  const api = async (method: string, path: string, type?: string, body?: unknown): Promise<unknown> => {
    const data = body === undefined ? [] : ['-H', `content-type: ${type}`, '--data', JSON.stringify(body)];
    const { stdout } = await lab.master.exec([
      ...['curl', '-sk', '-X', method, '-H', `authorization: Bearer ${lab.controlPlane.adminToken}`, ...data],
      `${lab.controlPlane.server}${path}`,
    ]);
    return JSON.parse(stdout);
  };
  const node = (name: string) => api('GET', `/api/v1/nodes/${name}`);

  /** Its Node is Ready, and carries what it is to carry. */
  const released = () => lab.until(() => heard.has('quarantine-released'), patience());

  const first = await lab.plug({ model: 'pi4' });
  await lab.until(() => first.state === 'ready', patience());
  const name = first.name ?? '';
  const { address, id } = await client.describe(name);
  await api('PATCH', `/api/v1/nodes/${name}`, 'application/merge-patch+json', {
    metadata: { labels: { disk: 'ssd' } },
  });

  t.is((await client.act(name, 'leave', 'lab-test')).device.state, 'left');
  await lab.until(() => first.state === 'left', patience());
  await lab.until(() => heard.has('left'), patience());
  t.like(await node(name), { kind: 'Status', code: 404 });
  heard.clear();
  await client.act(name, 'accept', 'lab-test');
  await released();
  t.like(await node(name), { metadata: { labels: { disk: 'ssd', 'bramble.dev/device': id } } });

  await first.hardware.powerOff();
  // Its namespace would answer for its address.
  await lab.pull(first);
  await lab.until(() => first.state === 'unreachable', patience());
  const second = await lab.plug({ model: 'pi4', disk: 'foreign' });
  await lab.until(() => second.state === 'pending', patience());
  const volume = {
    ...{ apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name: 'on-its-disk' } },
    spec: {
      ...{ capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'], local: { path: '/data' } },
      nodeAffinity: {
        required: {
          nodeSelectorTerms: [
            { matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [name] }] },
          ],
        },
      },
    },
  };
  await api('POST', '/api/v1/persistentvolumes', 'application/json', volume);
  const asked = { with: second.name ?? '', by: 'lab-test' };
  await t.throwsAsync(client.replace(name, asked), {
    message: /1 volume lies on its disk \(on-its-disk\).*--lose-data/,
  });
  heard.clear();
  const heir = (await client.replace(name, { ...asked, loseData: true })).device;
  t.like(heir, { name, address, macs: [second.identity.mac] });
  await released();
  t.like(await client.describe(name), { state: 'ready', address, id: heir.id });
  t.like(await node(name), { metadata: { labels: { disk: 'ssd', 'bramble.dev/device': heir.id } } });
  t.like(await client.describe(`${name}-old`), { state: 'replaced', id });
  t.like(await client.act(`${name}-old`, 'forget', 'lab-test'), { device: { id } });
  await t.throwsAsync(client.describe(`${name}-old`), { message: /there is no board/ });
});
