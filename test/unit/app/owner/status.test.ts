import test from 'ava';
import { parseConfig } from '../../../../config/load.ts';
import { must } from '../../../../config/result.ts';
import { instant, models, parseAddressRange, parseIpv4, subnetOf } from '../../../../config/values.ts';
import type { NetworkFacts } from '../../../../daemon/app/network/advice.ts';
import type { DhcpStanding } from '../../../../daemon/app/network/dhcp-standing.ts';
import type { Site } from '../../../../daemon/app/network/site.ts';
import { type StatusFacts, statusView } from '../../../../daemon/app/owner/status.ts';
import type { MasterView } from '../../../../daemon/http/wire.ts';
import type { Device } from '../../../../daemon/lifecycle/device.ts';
import { createTally } from '../../../../daemon/traffic/counts.ts';
import { aDevice, states } from '../../../support/boards.ts';

const address = must(parseIpv4('10.77.0.1'));
const site: Site = {
  interface: 'eth0',
  address,
  subnet: subnetOf(address, 24),
  range: must(parseAddressRange('10.77.0.100-199')),
  taken: [address],
  gateway: address,
  dns: [address],
  ntp: [address],
  uplink: undefined,
  shared: false,
};

const raspios = { name: 'raspios', id: '0123456789abcdef', format: 'cloud-init' } as const;

type Change = Partial<Omit<StatusFacts, 'network'> & NetworkFacts>;
const advice = (yaml: string, change: Change = {}): readonly string[] => master(yaml, change).advice;

function master(yaml: string, change: Change) {
  const config = parseConfig(yaml);
  if (!config.ok) throw new Error('not a configuration');
  return statusView({
    config: config.value,
    revision: 1,
    now: instant(0),
    version: '0',
    hostname: 'master',
    network: {
      site,
      siteProblem: '',
      standing: { name: 'alone' },
      gatewayAdvice: undefined,
      addressAdvice: [],
      guests: [],
      strangers: [],
      nameConflicts: new Map(),
      bridges: [],
      late: new Set(),
      ...change,
    },
    services: new Map(),
    cluster: { reachable: true, detail: '' },
    bases: [raspios],
    installerAdvice: [],
    kitGaps: { kit: '', missing: new Map() },
    devices: [],
    opening: null,
    rivals: new Map(),
    nodeAdvice: [],
    adoption: { awaitsOwner: () => false, lacksLogin: () => false },
    diagnosisOf: () => undefined,
    healthAdvice: [],
    progressOf: () => undefined,
    traffic: createTally().now(),
    ...change,
  }).master;
}
const narrowed = { standing: { name: 'narrowed', server: '10.77.0.254' } } as const;

test('all is well: nothing to advise', (t) => {
  t.deepEqual(advice('dhcp: {mode: full}'), []);
});

test('a board that was flashed by hand: the command that takes it in, or one quiet line that names the setting', (t) => {
  const devices = [aDevice(states.seen)];
  t.deepEqual(advice('', { devices }), []);
  const adoptable = { awaitsOwner: ({ state }: Device) => state.name === 'seen', lacksLogin: () => false };
  const [line, ...more] = advice('', { devices: [...devices, aDevice(states.failed)], adoption: adoptable });
  t.regex(line ?? '', /READ_BACK/, 'what failed comes first');
  t.regex(more.join(), /^bramble accept worker-kube1 .*flashed by hand; its first login/);
  const lacking = { awaitsOwner: () => false, lacksLogin: () => true };
  const five = Array.from({ length: 5 }, () => aDevice(states.seen));
  const lines = advice('', { devices: five, adoption: lacking });
  t.is(lines.length, 1);
  t.regex(lines[0] ?? '', /worker-kube1 and 2 more: .*join\.firstLogin/);
});

test('kube-config is legacy, and every status says what that means', (t) => {
  const lines = advice('cluster: {driver: kube-config, controlPlane: worker-kube1}');
  t.is(lines.length, 1);
  t.regex(lines[0] ?? '', /legacy.*no failover and no balance.*administrator/);
});

test('another DHCP server: one line with its address and what to do', (t) => {
  const [line, ...more] = advice('dhcp: {mode: full}', narrowed);
  t.regex(line ?? '', /10\.77\.0\.254.*dhcp\.mode to proxy.*dhcp\.search: 0/);
  t.deepEqual(more, []);
});

test('beside a router another DHCP server is as it should be; behind the master it is not', (t) => {
  const proxy = { standing: { name: 'proxy' } } as const;
  t.deepEqual(advice('', proxy), []);
  const [line, ...more] = advice('topology: behind-master', proxy);
  t.regex(line ?? '', /another DHCP server.*behind-master.*beside-router/);
  t.deepEqual(more, []);
});

test('what DHCP does is told in one word, and in a line where somebody waits', (t) => {
  const told: [DhcpStanding, MasterView['dhcpMode'], RegExp | undefined][] = [
    [{ name: 'off' }, 'off', /dhcp\.mode in bramble\.yaml is off/],
    [{ name: 'proxy' }, 'proxy', undefined],
    [{ name: 'choosing' }, 'searching', /no board is answered until/],
    [{ name: 'choosing', deaf: 'EADDRINUSE' }, 'deaf', /EADDRINUSE.*free port 68/],
    [{ name: 'searching' }, 'searching', /new boards are answered after/],
    [{ name: 'deaf', reason: 'EADDRINUSE' }, 'deaf', /EADDRINUSE.*new boards get no address/],
    [{ name: 'alone' }, 'full', undefined],
    [narrowed.standing, 'narrowed', /new boards get no address/],
  ];
  for (const [standing, word, line] of told) {
    const { dhcpMode, advice: lines } = master('', { standing });
    t.is(dhcpMode, word);
    t.is(lines.length, line === undefined ? 0 : 1, standing.name);
    if (line !== undefined) t.regex(lines[0] ?? '', line);
  }
});

test('boards whose address is of another network are told once, with their number', (t) => {
  const devices = [aDevice(states.ready), aDevice(states.ready), aDevice(states.ready)];
  const moved = {
    ...site,
    address: must(parseIpv4('192.168.1.2')),
    subnet: subnetOf(must(parseIpv4('192.168.1.2')), 24),
  };
  const lines = advice('', { devices, site: moved });
  t.is(lines.length, 1);
  t.regex(
    lines[0] ?? '',
    /worker-kube1 and 2 more: the address 10\.77\.0\.100 is not in 192\.168\.1\.0\/24, the network of eth0/,
  );
  t.deepEqual(advice('', { devices }), []);
});

test('what is wrong with addresses comes before what one board waits for', (t) => {
  const lines = advice('dhcp: {mode: full}', {
    devices: [aDevice(states.pending)],
    addressAdvice: ['look at 10.77.0.7'],
  });
  t.is(lines[0], 'look at 10.77.0.7');
  t.regex(lines[1] ?? '', /bramble accept worker-kube1/);
});

test('full on a switch without a router, beside which it was to be: the line to write', (t) => {
  const bare = { site: { ...site, gateway: undefined } };
  const [line, ...more] = advice('', bare);
  t.regex(line ?? '', /^no router is on eth0 .* topology: behind-master \(else set dhcp\.gateway\)$/);
  t.deepEqual(more, []);
  t.deepEqual(advice('topology: behind-master', bare), []);
  t.deepEqual(advice('', { ...bare, standing: { name: 'proxy' } }), [], 'the other DHCP server names one');
  t.deepEqual(advice(''), [], 'with a gateway');
});

test('degraded: boards are not served, and wait for the owner', (t) => {
  const ready = [aDevice(states.ready)];
  const moved = subnetOf(must(parseIpv4('192.168.1.0')), 24);
  const sick: Change[] = [
    { site: undefined, siteProblem: 'no cable' },
    { services: new Map([['tftp', 'port 69 is in use']]) },
    { standing: { name: 'choosing', deaf: 'EADDRINUSE' } },
    { standing: { name: 'deaf', reason: 'EADDRINUSE' } },
    narrowed,
    { devices: ready, site: { ...site, subnet: moved } },
  ];
  for (const change of sick) {
    t.true(master('', change).degraded, JSON.stringify(change));
    t.is(advice('', change).length, 1, 'and it says why');
  }
  const well: Change[] = [
    { devices: ready },
    { services: new Map([['tftp', 'starting']]) },
    { standing: { name: 'searching' } },
    { standing: { name: 'choosing' } },
    { standing: { name: 'proxy' } },
    { standing: { name: 'off' } },
  ];
  for (const change of well) t.false(master('', change).degraded, JSON.stringify(change));
});

test('advice names no deed that cannot be done', (t) => {
  const [line] = advice('data: /srv/bramble', { bases: [] });
  t.is(line, 'boards cannot be installed: there is no base image in /srv/bramble/bases');
  t.deepEqual(advice('', { installerAdvice: ['no busybox'] }), ['boards cannot be installed: no busybox']);
});

test('a boot kit that cannot start a board that asks says what it lacks; other models are not its business', (t) => {
  const kitGaps = { kit: 'old', missing: new Map([['pi5', ['kernel8.img']] as const, ['cm5', ['x.dtb']] as const]) };
  const pi5 = aDevice(states.booting, { model: { model: 'pi5', final: false } });
  t.deepEqual(advice('', { kitGaps, devices: [pi5] }), [
    'old cannot start the installer on a pi5 (it lacks kernel8.img): import a newer Raspberry Pi OS and name it as images.kit',
  ]);
  t.deepEqual(advice('', { kitGaps, devices: [{ ...pi5, state: states.starting }] }), []);
});

test('two base images and no word which of them is meant: every installation waits for it', (t) => {
  const bases = [raspios, { ...raspios, name: 'hypriotos', id: 'fedcba9876543210' }];
  const unclear = 'several base images are imported: name one as images.default (raspios, hypriotos)';
  t.deepEqual(advice('', { bases }), [`boards cannot be installed: ${unclear}`]);
  t.deepEqual(advice('images: {default: raspios}', { bases }), []);
  t.deepEqual(advice('images: {kit: raspios}', { bases }), [`boards cannot be installed: ${unclear}`]);
  t.deepEqual(advice('images: {default: raspios, kit: old}', { bases }), [
    'boards cannot be installed: images.kit: there is no base image old; there is raspios, hypriotos',
  ]);
});

test('a boot kit that starts no board at all is told before anything asks', (t) => {
  const kitGaps = { kit: 'old', missing: new Map(models.map((model) => [model, ['kernel8.img']])) };
  t.deepEqual(advice('', { kitGaps }), [
    'boards cannot be installed: old starts the installer on no board: import a newer Raspberry Pi OS and name it as images.kit',
  ]);
});

test('the sickest board comes first', (t) => {
  const devices = [aDevice(states.pending), aDevice(states.ready), aDevice(states.held), aDevice(states.failed)];
  const lines = advice('', { devices });
  t.regex(lines[1] ?? '', /^bramble accept worker-kube1, or bramble reject worker-kube1 {4}\(held: /);
  const deeds = lines.map((line) => line.split(' ', 2).join(' '));
  t.deepEqual(deeds, ['bramble retry', 'bramble accept', 'bramble accept']);
});

test('a board that stands still says why and what to do about it; what only delays it is told with the network', (t) => {
  const devices = [aDevice(states.booting), aDevice(states.pending)];
  const diagnosis = { code: 'FILE_MISSING', sentence: 'it asks for x', deed: 'import one', stops: true };
  const lines = advice('', { devices, diagnosisOf: () => diagnosis });
  t.is(lines.length, 2);
  t.regex(lines[0] ?? '', /^bramble accept/, 'a deed that its state asks for comes before');
  t.is(lines[1], 'worker-kube1: import one    (it asks for x)');
  t.deepEqual(
    advice('', { devices: [aDevice(states.booting)], diagnosisOf: () => ({ ...diagnosis, stops: false }) }),
    [],
  );
});

test('a board that does not start, and one whose installer nobody can start from here', (t) => {
  const start = { step: 'waiting', restarts: 0, code: 'SSH_TIMEOUT', detail: 'silence' } as const;
  const devices = [aDevice(states.reinstalling), aDevice({ ...states.reinstalling, start })];
  const deeds = advice('', { devices: [...devices, aDevice(states['local-boot-failed'])] });
  t.is(deeds.length, 2, 'where SSH is being tried nothing is asked of anybody');
  t.regex(deeds[0] ?? '', /^bramble reinstall worker-kube1 {4}\(its disk does not start/);
  t.regex(deeds[1] ?? '', /^insert a join card into worker-kube1, or switch it off and on .*\(over SSH: silence\)$/);
});

test('what delays one board is told of it, and comes after what stops all', (t) => {
  const board = aDevice(states.pending);
  const lines = advice('', {
    ...narrowed,
    devices: [board],
    late: new Set([board.id]),
    nameConflicts: new Map([['worker-kube9', '10.77.0.9']]),
  });
  t.is(lines.length, 4);
  for (const [index, want] of [/^another DHCP server/, /worker-kube9/, /first DISCOVERs of worker-kube1/].entries()) {
    t.regex(lines[index] ?? '', want);
  }
});

test('whoever says to be a board of ours is told of; one that waits for a decision tells it itself', (t) => {
  const rivals = (state: (typeof states)['ready' | 'held']) => {
    const board = aDevice(state);
    return advice('', { devices: [board], rivals: new Map([[board.id, 'a thief']]) });
  };
  t.is(rivals(states.ready).length, 1);
  t.regex(rivals(states.ready)[0] ?? '', /another board says to be worker-kube1: a thief; .*goes on as it is/);
  t.is(rivals(states.held).length, 1);
  t.regex(rivals(states.held)[0] ?? '', /^bramble accept/);
});
