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
