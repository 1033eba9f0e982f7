import test from 'ava';
import { serverPlace } from '../../../../cli/cluster/place.ts';
import { parseConfig } from '../../../../config/load.ts';
import { must } from '../../../../config/result.ts';
import type { MasterView } from '../../../../daemon/http/wire.ts';
import { statusFake } from '../../http/views-fake.ts';

const config = (yaml: string) => {
  const parsed = parseConfig(yaml);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.error));
  return parsed.value;
};
const place = (yaml: string, master?: Partial<MasterView>) =>
  serverPlace(config(yaml), master && { ...statusFake([]).master, ...master });
const codeOf = (end: ReturnType<typeof place>): string => (end.ok ? 'ok' : `${end.error.code}: ${end.error.detail}`);

test('as the daemon says, and without it as bramble.yaml does', (t) => {
  t.like(must(place('', { interface: 'lo', address: '127.0.0.1' })), { interface: 'lo', address: '127.0.0.1' });
  t.like(must(place('interface: lo')), { interface: 'lo', address: '127.0.0.1', ranges: undefined });
});

test('where it is not clear, it is asked for', (t) => {
  t.regex(codeOf(place('')), /NO_PLACE: .*the daemon does not run.*interface: eth0/);
  t.regex(codeOf(place('', { interface: null, address: null, advice: ['plug one in'] })), /NO_PLACE: .*plug one in/);
  t.regex(codeOf(place('interface: nowhere0')), /NO_PLACE: nowhere0 has no address/);
});

test('ranges that do not do', (t) => {
  t.regex(
    codeOf(place('interface: lo\ncluster: {ranges: [127.0.0.0/16, 10.43.0.0/16]}')),
    /RANGE_OVERLAP: .*127\.0\.0\.0\/8/,
  );
  t.regex(codeOf(place('interface: lo\ncluster: {ranges: [10.42.0.0/16]}')), /RANGES: .*k3s wants two/);
});

test('its addresses elsewhere: not those of containers, of pods, or that nobody else can have', (t) => {
  const at = (cidr: string, internal = false) => {
    const address = cidr.split('/')[0] ?? '';
    return [{ address, cidr, internal, family: 'IPv4' as const, netmask: '', mac: '00:00:00:00:00:00' }];
  };
  const interfaces = {
    lo: at('127.0.0.1/8', true),
    wlan0: at('192.168.1.20/24'),
    eth0: [...at('10.77.0.1/24'), ...at('169.254.3.4/16'), ...at('10.77.0.2/24')],
    tailscale0: at('100.64.0.7/32'),
    docker0: at('172.17.0.1/16'),
    cni0: at('10.42.0.1/24'),
    vpods: at('10.42.7.1/32'),
  };
  const found = must(serverPlace(config('interface: eth0'), undefined, interfaces));
  t.like(found, { address: '10.77.0.1' });
  t.deepEqual(found.otherAddresses, ['10.77.0.2', '100.64.0.7', '192.168.1.20']);
  const others = 'interface: eth0\ncluster: {ranges: [192.168.0.0/16, 10.43.0.0/16]}';
  t.deepEqual(must(serverPlace(config(others), undefined, interfaces)).otherAddresses, [
    '10.42.7.1',
    '10.77.0.2',
    '100.64.0.7',
  ]);
});
