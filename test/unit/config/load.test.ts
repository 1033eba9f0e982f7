import { readFile } from 'node:fs/promises';
import { inspect } from 'node:util';
import test from 'ava';
import fc from 'fast-check';
import { formatProblem, parseConfig } from '../../../config/load.ts';
import { must } from '../../../config/result.ts';
import { parseAddressRange } from '../../../config/values.ts';

const defaults = parseConfig('');

test('no file is needed', (t) => {
  t.true(defaults.ok);
});

test('the example says every default', async (t) => {
  const text = await readFile(new URL('../../../config/example.yaml', import.meta.url), 'utf8');
  t.deepEqual(parseConfig(text), defaults);
});

test('each commented example in the file is legal too', async (t) => {
  const text = await readFile(new URL('../../../config/example.yaml', import.meta.url), 'utf8');
  const keys = text.matchAll(
    /^( *)# ((?:addresses|guests|gateway|dns|ntp|allow|default|models|kit|additions|modules|server|ranges|firstLogin): .+)$/gm,
  );
  const lines = [...keys].map(([, indent = '', line = '']) => ({ indent, line }));
  t.true(lines.length >= 9, `found ${lines.length}`);
  for (const { indent, line } of lines) {
    const key = line.slice(0, line.indexOf(':'));
    // Takes the place of the default where one stands, and is added where none does.
    const replaced = text
      .split('\n')
      .filter((other) => !other.startsWith(`${indent}${key}: `))
      .join('\n');
    const result = parseConfig(replaced.replace(`${indent}# ${line}`, `${indent}${line}`));
    t.true(result.ok, `${line}: ${JSON.stringify(result)}`);
  }
});

test('guests: off, on, or a range that is not the boards’', (t) => {
  const of = (yaml: string) => {
    const result = parseConfig(yaml);
    return result.ok ? result.value.dhcp.guests : result.error.map(formatted).join();
  };
  const formatted = (problem: Parameters<typeof formatProblem>[1]) => formatProblem('f', problem);
  t.is(of(''), 'off');
  t.is(of('dhcp: {guests: on}'), 'on');
  t.deepEqual(of('dhcp: {guests: 10.0.0.50-99}'), must(parseAddressRange('10.0.0.50-99')));
  t.regex(String(of('dhcp: {guests: some}')), /dhcp\.guests: `off`, `on` or an address range/);
  t.regex(String(of('dhcp: {guests: 10.0.0.0-10.0.9.0}')), /2305 addresses are too many/);
  t.is(
    of('addresses: 10.0.0.90-120\ndhcp:\n  guests: 10.0.0.50-99'),
    'f:3: dhcp.guests: overlaps `addresses` (10.0.0.90-10.0.0.120): an address is for boards or for guests',
  );
});

test('every problem at once, with its key path and line', (t) => {
  const text = `interface: eth0
dhcp:
  mode: ful
  foo: 1
names: {pattern: Worker}
addresses: 10.0.0.9-3
bar: 2
admission:
  allow: [{mac: zz}]
http: {port: 70000}
`;
  const result = parseConfig(text);
  const found = result.ok ? [] : result.error.map(({ key, line }) => `${line} ${key}`).toSorted();
  t.deepEqual(
    [...new Set(found)],
    [
      '10 http.port',
      '3 dhcp.mode',
      '4 dhcp.foo',
      '5 names.pattern',
      '6 addresses',
      '7 bar',
      '9 admission.allow.0.mac',
      '9 admission.allow.0.serial',
    ],
  );
});

test('no YAML, twice the same key, no mapping, an alias bomb: refused with a line where there is one', (t) => {
  for (const text of ['a: [\n b', 'http: {port: 1}\nhttp: {port: 2}', '- 1', 'just words', 'a: &a [1]\nb: *a']) {
    const result = parseConfig(text);
    t.false(result.ok, text);
    t.true(
      !result.ok && result.error.every((problem) => formatProblem('bramble.yaml', problem).startsWith('bramble.yaml')),
    );
  }
});

test('what was loaded cannot be changed', (t) => {
  t.true(defaults.ok);
  if (defaults.ok) t.throws(() => Object.assign(defaults.value.dhcp, { mode: 'full' }), { instanceOf: TypeError });
});

test('whatever the file holds, it is a configuration or a list of problems', (t) => {
  const words = fc.constantFrom(
    'dhcp',
    'mode',
    'full',
    ':',
    ' ',
    '\n',
    '  ',
    '- ',
    '[',
    '{',
    '}',
    '&a',
    '*a',
    '"',
    '#',
    '1',
    '\t',
    '!!',
    '|',
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(words, { maxLength: 30 }).map((parts) => parts.join('')),
      ),
      (text) => {
        const result = parseConfig(text);
        return result.ok || result.error.length > 0;
      },
    ),
    { numRuns: 2000 },
  );
  t.pass();
});

test('kube-config says where the cluster is, and nothing else may', (t) => {
  const problems = (cluster: string): readonly string[] => {
    const result = parseConfig(`cluster: {${cluster}}`);
    return result.ok ? [] : result.error.map(({ key }) => key);
  };
  t.deepEqual(problems('driver: kube-config, controlPlane: worker-kube1'), []);
  t.deepEqual(problems('driver: kube-config, server: "http://10.0.0.1:8080"'), []);
  t.deepEqual(problems('driver: kube-config'), ['cluster.controlPlane']);
  for (const server of ['https://10.0.0.1:6443', 'http://10.0.0.1', 'http://master:8080'])
    t.deepEqual(problems(`driver: kube-config, server: "${server}"`), ['cluster.server'], server);
  t.deepEqual(problems('driver: kube-config, controlPlane: a, server: "http://10.0.0.1:8080"'), ['cluster.server']);
  t.deepEqual(problems('controlPlane: a'), ['cluster.controlPlane']);
  t.deepEqual(problems('server: "http://10.0.0.1:8080"'), ['cluster.server'], 'without TLS');
});

test('the first login: off unless it is there, and its password is in no print of the configuration', (t) => {
  t.is(defaults.ok && defaults.value.join.firstLogin, undefined);
  const result = parseConfig('join: {firstLogin: {user: pirate, password: "hypriot"}}');
  if (!result.ok) return t.fail();
  const { firstLogin } = result.value.join;
  t.is(firstLogin?.password.reveal(), 'hypriot');
  for (const print of [JSON.stringify(result.value), inspect(result.value, { depth: 9 }), `${firstLogin?.password}`])
    t.notRegex(print, /hypriot"|hypriot'|: hypriot/);
  t.regex(JSON.stringify(result.value), /"password":"…"/);
  for (const wrong of [
    '{user: "a b", password: hypriot}',
    '{user: pirate, password: "hyp\\nriot"}',
    '{user: pirate}',
  ]) {
    const refused = parseConfig(`join: {firstLogin: ${wrong}}`);
    t.false(refused.ok, wrong);
    t.notRegex(refused.ok ? '' : JSON.stringify(refused.error), /riot/, 'nor in what is wrong with it');
  }
});
