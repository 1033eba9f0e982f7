import test from 'ava';
import { parseOpenPorts, programName } from '../../../../cli/doctor/open-ports.ts';

const head =
  '   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops';

test('who waits for anybody, of both kinds and both families', (t) => {
  const udp = `${head}
  481: 00000000:0043 00000000:0000 07 00000000:00000000 00:00000000 00000000   107        0 21337 2 0000000000000000 0
  482: 0100007F:A1B2 0100007F:0045 01 00000000:00000000 00:00000000 00000000     0        0 21338 2 0000000000000000 0
`;
  t.deepEqual(parseOpenPorts(udp, 'udp'), [{ transport: 'udp', port: 67, uid: 107, inode: 21337 }]);
  const tcp6 = `${head}
   0: 00000000000000000000000000000000:1F83 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 99 1 0 100 0 0 10 0
   1: 00000000000000000000000000000000:1F83 00000000000000000000000000000001:0000 01 00000000:00000000 00:00000000 00000000     0        0 98 1 0 100 0 0 10 0
`;
  t.deepEqual(parseOpenPorts(tcp6, 'tcp'), [{ transport: 'tcp', port: 8067, uid: 0, inode: 99 }]);
});

test('what is no table is passed over', (t) => {
  for (const text of ['', head, 'a poem\nof two lines', '0: zz:0043 x 07 a b c 0 0 1'])
    t.deepEqual(parseOpenPorts(text, 'udp'), []);
});

test('the daemon is not called node; what only has its name as an argument is', (t) => {
  t.is(programName('/usr/lib/bramble/node\0/usr/lib/bramble/brambled.js\0', 'node\n'), 'brambled');
  t.is(programName('node\0daemon/main.ts\0--config\0x', 'MainThread\n'), 'brambled');
  t.is(programName('/usr/sbin/dnsmasq\0-k\0', 'dnsmasq\n'), 'dnsmasq');
  t.is(programName('less\0brambled.js.txt\0', 'less\n'), 'less');
});
