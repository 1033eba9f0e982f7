import test from 'ava';
import { parseConfig } from '../../../config/load.ts';
import { must } from '../../../config/result.ts';
import { instant, parseAddressRange, parseIpv4, subnetOf } from '../../../config/values.ts';
import type { Site } from '../../../daemon/app/site.ts';
import { type StatusFacts, statusView } from '../../../daemon/app/status.ts';
import { aDevice, states } from '../../support/boards.ts';

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
  shared: false,
};

function advice(yaml: string, change: Partial<StatusFacts> = {}): readonly string[] {
  const config = parseConfig(yaml);
  if (!config.ok) throw new Error('not a configuration');
  return statusView({
    config: config.value,
    revision: 1,
    now: instant(0),
    version: '0',
    hostname: 'master',
    site,
    siteProblem: '',
    standing: { name: 'alone' },
    hasDeclined: () => false,
    services: new Map(),
    cluster: { reachable: true, detail: '' },
    bases: 1,
    devices: [],
    strangers: [],
    nameConflicts: new Map(),
    progressOf: () => undefined,
    ...change,
  }).master.advice;
}
const narrowed = { standing: { name: 'narrowed', server: '10.77.0.254' } } as const;

test('all is well: nothing to advise', (t) => {
  t.deepEqual(advice('dhcp: {mode: full}'), []);
});

test('another DHCP server: one line with its address and what to do', (t) => {
  const [line, ...more] = advice('dhcp: {mode: full}', narrowed);
  t.regex(line ?? '', /10\.77\.0\.254.*dhcp\.mode to proxy.*dhcp\.search: 0/);
  t.deepEqual(more, []);
});

test('beside a router another DHCP server is as it should be', (t) => {
  t.deepEqual(advice('dhcp: {mode: proxy}', narrowed), []);
});

test('an address that another device uses is told with the board’s name', (t) => {
  const board = aDevice(states.ready);
  const lines = advice('dhcp: {mode: full}', { devices: [board], hasDeclined: ({ id }) => id === board.id });
  t.deepEqual(lines, [
    `another device uses ${board.address}, the address of worker-kube1: find it and take it off this network`,
  ]);
});
