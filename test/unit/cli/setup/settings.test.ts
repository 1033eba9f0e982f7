import { readFile } from 'node:fs/promises';
import test from 'ava';
import { says, settingsOf, withSettings } from '../../../../cli/setup/settings.ts';
import { parseConfig } from '../../../../config/load.ts';
import { must } from '../../../../config/result.ts';
import { parseIpv4 } from '../../../../config/values.ts';

const settings = settingsOf({
  ...{ interface: 'eth0', topology: 'behind-master', uplink: 'wlan0', isFixed: false },
  ...{
    address: { address: must(parseIpv4('10.55.0.1')), prefix: 24 },
    gateway: undefined,
    dns: [],
    addresses: undefined,
  },
});

test('a file that is not there yet', (t) => {
  t.is(must(withSettings('', settings)), 'interface: eth0\ntopology: behind-master\nuplink: wlan0\n');
});

test('comments, order and other keys of the owner stay; a second time nothing changes', (t) => {
  const own =
    '# my rack\ninterface: auto # the cable\n\ndhcp:\n  # no other one here\n  search: 0\nnames: {pattern: "pi{n}"}\n';
  const once = must(withSettings(own, settings));
  t.is(
    once,
    '# my rack\ninterface: eth0 # the cable\n\ndhcp:\n  # no other one here\n  search: 0\nnames: {pattern: "pi{n}"}\ntopology: behind-master\nuplink: wlan0\n',
  );
  t.is(must(withSettings(once, settings)), once);
  t.true(says(once, 'topology'));
  t.false(says(own, 'topology'));
});

test('the whole example keeps every comment', async (t) => {
  const example = await readFile(new URL('../../../../config/example.yaml', import.meta.url), 'utf8');
  const changed = must(withSettings(example, settings));
  const comments = (text: string): readonly string[] =>
    text.split('\n').flatMap((line) => /#.*$/.exec(line)?.[0].trim() ?? []);
  t.deepEqual(comments(changed), comments(example));
  const read = parseConfig(changed);
  t.like(read.ok ? read.value : {}, { interface: 'eth0', topology: 'behind-master', uplink: 'wlan0' });
});

test('a file that is wrong is left as it is, and said', (t) => {
  for (const text of ['interface: [', 'nonsense: 1\n', '- a list\n']) {
    const end = withSettings(text, settings);
    t.is(end.ok ? undefined : end.error.code, 'CONFIG', text);
  }
});
