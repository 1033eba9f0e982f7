/** Boards that say to be the same one: installers as the daemon hears them, each on a host with a lease of its own. */
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { must } from '../../../config/result.ts';
import { parseMac, parseSerial } from '../../../config/values.ts';
import { loadIdentity } from '../../../daemon/app/identity.ts';
import { bootKey, bootProof } from '../../../daemon/http/proof.ts';
import type { EventView } from '../../../daemon/http/wire.ts';
import { systemRandom } from '../../../daemon/system/random.ts';
import type { Host } from '../../support/netns.ts';
import { until } from '../../support/until.ts';
import type { Check } from '../scenario.ts';
import { httpPort, masterAddress, type Site } from './site.ts';

const leaseScript = fileURLToPath(new URL('../../lab/board/udhcpc.sh', import.meta.url));
const url = `http://${masterAddress}:${httpPort}/v1/boot/report`;

/** `inUse`: the serial number of a board that is Ready. */
export async function twins(
  check: Check,
  site: Site,
  inUse: { readonly name: string; readonly serial: string },
): Promise<void> {
  const { clusterKey } = await loadIdentity(site.dataDirectory, systemRandom, { isNew: false });
  const plug = async (number: number): Promise<Claimant> => {
    const mac = `e4:5f:01:00:00:0${number}`;
    const host = await site.host(`claimant${number}`, { mac });
    const client = ['busybox', 'udhcpc', '-i', 'eth0', '-f', '-q', '-n', '-t', '20', '-T', '1', '-s', leaseScript];
    const { code, stderr } = await host.inside.exec(client);
    assert.equal(code, 0, stderr);
    return { host, mac };
  };
  /** Its installer's word, with the proof that it was started by us. */
  const report = async ({ host, mac }: Claimant, serial: string): Promise<Answer> => {
    const key = bootKey(clusterKey, must(parseMac(mac)));
    const send = async (nonce: string | undefined): Promise<Answer> => {
      const proof = nonce && bootProof(key, { nonce, mac: must(parseMac(mac)), serial: must(parseSerial(serial)) });
      const form = {
        ...{ mac, serial, model: 'Raspberry Pi 4 Model B Rev 1.4', memory: '4000000000', source: 'netboot' },
        ...{ challenge: 'ab'.repeat(16), disk: 'mmcblk0|sd|31914983424|foreign|||SC32G' },
        ...(proof !== undefined && { proof }),
      };
      const fields = Object.entries(form).flatMap(([name, value]) => ['--data-urlencode', `${name}=${value}`]);
      const { stdout } = await host.exec(['curl', '-sS', '--max-time', '20', ...fields, url]);
      return Object.fromEntries(stdout.split('\n').map((line) => line.split(/=(.*)/s).slice(0, 2)));
    };
    const asked = await send(undefined);
    return asked['nonce'] === undefined ? asked : send(asked['nonce']);
  };
  const board = async ({
    mac,
  }: Claimant): Promise<{ readonly name: string; readonly state: string; readonly why: string }> => {
    const { devices } = await site.client().status();
    const found = devices.find(({ macs }) => macs.includes(mac));
    assert.ok(found !== undefined, `${mac} is known`);
    return found;
  };
  const eventsOf = async (name: string): Promise<readonly EventView[]> => (await site.client().describe(name)).events;

  const [first, second, third] = [await plug(1), await plug(2), await plug(3)];
  await check('two boards claim one serial number: both are held, and both owners’ lines say why', async () => {
    assert.equal((await report(first, '100000000000beef'))['state'], 'pending');
    assert.equal((await report(second, '100000000000beef'))['state'], 'held');
    const both = [await board(first), await board(second)];
    assert.deepEqual(
      both.map(({ state }) => state),
      ['held', 'held'],
    );
    assert.ok(
      both[0]?.why.includes(both[1]?.name ?? '-') && both[1]?.why.includes(both[0]?.name ?? '-'),
      JSON.stringify(both),
    );
    for (const { name } of both) assert.ok((await eventsOf(name)).some(({ to }) => to === 'held'));
  });
  await check('bramble accept decides for one, the other stays held', async () => {
    await site.client().act((await board(first)).name, 'accept', 'e2e');
    assert.notEqual((await board(first)).state, 'held');
    await report(second, '100000000000beef');
    assert.equal((await board(second)).state, 'held');
  });
  await check('one hardware address with two serial numbers: held', async () => {
    assert.equal((await report(third, '100000000000cafe'))['state'], 'pending');
    // Asked again and again, as installers do; decided again only now and then.
    const held = async (): Promise<boolean> => (await report(third, '100000000000f00d'))['state'] === 'held';
    await until('it is held', 120, held);
    assert.match((await board(third)).why, /100000000000cafe and 100000000000f00d/);
  });
  await check(
    'the serial number of a board that is Ready: the newcomer is held, the board goes on, an event tells',
    async () => {
      const fourth = await plug(4);
      assert.equal((await report(fourth, inUse.serial))['state'], 'held');
      const { state, events } = await site.client().describe(inUse.name);
      assert.equal(state, 'ready');
      assert.ok(events.some(({ event }) => event === 'rival-seen'));
    },
  );
}

type Answer = Readonly<Record<string, string | undefined>>;
type Claimant = { readonly host: Host; readonly mac: string };
