import test from 'ava';
import { parseInterfaces, parseNetworkd } from '../lab/board/network.ts';
import { deadlineSeconds, parseCommand, parseOptions } from '../lab/options.ts';
import { planAt } from '../lab/plans.ts';
import { resultLine, withEvent } from '../lab/timeline.ts';

test('npm start without options is three boards, the first with a join card', (t) => {
  const options = parseOptions([]);
  t.true(options.ok);
  if (options.ok) t.deepEqual(options.value, { pis: 3, once: false, json: false, simulator: false });
  const plans = [0, 1, 2, 3, 4, 5].map((index) => planAt(index));
  t.deepEqual(
    plans.map(({ model }) => model),
    ['pi3', 'pi4', 'pi5', 'pi3b+', 'pi4', 'pi5'],
  );
  t.deepEqual(
    plans.map(({ disk }) => disk),
    ['join-card', 'blank', 'blank', 'blank', 'blank', 'blank'],
  );
});

test('options that make no sense are refused', (t) => {
  for (const args of [['--pis', '0'], ['--pis', 'x'], ['--pis', '41'], ['--fast'], ['extra']]) {
    t.false(parseOptions(args).ok, args.join(' '));
  }
});

test('a busy machine gets more time, up to four times as much', (t) => {
  t.is(deadlineSeconds(3, 0.1), 180);
  t.is(deadlineSeconds(3, 2), 360);
  t.is(deadlineSeconds(3, 50), 720);
});

test('commands of a person', (t) => {
  t.deepEqual(parseCommand(' pull  worker-kube1 '), { command: 'pull', name: 'worker-kube1' });
  t.deepEqual(parseCommand('scale 4'), { command: 'scale', replicas: 4 });
  t.deepEqual(parseCommand('pull'), { command: 'help' });
  t.deepEqual(parseCommand('what'), { command: 'help' });
  t.is(parseCommand(''), undefined);
});

test('seconds count from power-on, and the first time counts', (t) => {
  const switchedOn = Date.parse('2026-01-01T00:00:00.000Z');
  const seen = withEvent({}, { at: '2026-01-01T00:00:00.440Z', to: 'seen' }, switchedOn);
  const ready = withEvent(seen, { at: '2026-01-01T00:00:07.210Z', to: 'ready' }, switchedOn);
  t.deepEqual(withEvent(ready, { at: '2026-01-01T00:01:00.000Z', to: 'seen' }, switchedOn), { seen: 0.4, ready: 7.2 });
  t.is(withEvent(seen, { at: '2026-01-01T00:00:01.000Z', to: 'booting' }, switchedOn), seen);
});

test('the last line is what scripts read', (t) => {
  const seconds = { seen: 0.4, installing: 1.9, ready: 7.2 };
  t.is(
    resultLine(true, 'v1.34.2', [{ name: 'worker-kube1', model: 'pi4', seconds }]),
    '{"ok":true,"controlPlane":"v1.34.2","boards":[{"name":"worker-kube1","model":"pi4","seconds":{"seen":0.4,"installing":1.9,"ready":7.2}}]}',
  );
});

test('what cloud-init and ifupdown write down is read as they mean it', (t) => {
  const networkd =
    '[Match]\nName=eth0\n\n[Network]\nDHCP=no\nAddress=10.77.0.33/24\nDNS=10.77.0.1\n\n[Route]\nGateway=10.77.0.1\n';
  const wanted = { addresses: ['10.77.0.33/24'], gateway: '10.77.0.1', resolvers: ['10.77.0.1'] };
  t.deepEqual(parseNetworkd(networkd), wanted);
  const interfaces =
    'allow-hotplug eth0\niface eth0 inet static\n  address 10.77.0.33\n  netmask 255.255.255.0\n  gateway 10.77.0.1\n  dns-nameservers 10.77.0.1\n';
  t.deepEqual(parseInterfaces(interfaces), wanted);
});
