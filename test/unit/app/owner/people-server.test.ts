import test from 'ava';
import { must } from '../../../../config/result.ts';
import { parseHostname, parseIpv4 } from '../../../../config/values.ts';
import { peopleServer } from '../../../../daemon/app/owner/people-server.ts';

const master = { name: must(parseHostname('master')), addresses: [must(parseIpv4('192.168.1.10'))] };
const named =
  (...names: string[]) =>
  (host: string) =>
    names.includes(host);

test('on the master: by its name, with the port, however the daemon reaches it', (t) => {
  const isNamed = named('master.local', '192.168.1.10', '127.0.0.1');
  for (const host of ['127.0.0.1', 'localhost', '[::1]', '192.168.1.10', 'master', 'master.local'])
    t.deepEqual(peopleServer({ server: `https://${host}:6443`, master, isNamed }), {
      ...{ server: 'https://master.local:6443', address: 'https://192.168.1.10:6443', note: null },
    });
});

test('on two networks: the address that is asked for first, as far as the certificate names it', (t) => {
  const two = { ...master, addresses: ['192.168.1.10', '10.77.0.1'].map((text) => must(parseIpv4(text))) };
  const at = (...names: readonly string[]): string | null =>
    peopleServer({ server: 'https://10.77.0.1:6443', master: two, isNamed: named(...names) }).address;
  t.is(at('10.77.0.1', '192.168.1.10'), 'https://192.168.1.10:6443');
  t.is(at('10.77.0.1'), 'https://10.77.0.1:6443');
  t.is(at('master.local'), null);
});

test('a certificate without that name: the address, and what to do', (t) => {
  const isNamed = named('192.168.1.10', 'localhost');
  const { server, address, note } = peopleServer({ server: 'https://localhost:6443/', master, isNamed });
  t.deepEqual([server, address], ['https://192.168.1.10:6443', 'https://192.168.1.10:6443']);
  t.regex(note ?? '', /does not name master\.local.*tls-san/);
  const lost = { name: master.name, addresses: [] };
  t.is(
    peopleServer({ server: 'https://localhost:6443', master: lost, isNamed: named() }).server,
    'https://localhost:6443',
  );
});

test('elsewhere: as it is', (t) => {
  for (const server of ['https://192.168.1.11:6443', 'https://cluster.example.org', 'https://master.example.org:8443'])
    t.deepEqual(peopleServer({ server, master, isNamed: named('master.local') }), {
      server,
      address: null,
      note: null,
    });
});
