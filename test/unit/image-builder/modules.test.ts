import test from 'ava';
import { chooseModules } from '../../../image-builder/modules.ts';

const kernel = '6.12.47+rpt-rpi-2712';
const file = (path: string, content = path, folder = `usr/lib/modules/${kernel}`) => ({
  path: `${folder}/${path}`,
  mode: 0o100644,
  bytes: Buffer.from(content),
});

/** As depmod writes them, 6.12 of Raspberry Pi OS: compressed, and the last of a line has to be loaded first. */
const files = [
  file(
    'modules.dep',
    [
      'kernel/drivers/net/virtio_net.ko.xz: kernel/net/net_failover.ko.xz kernel/net/failover.ko.xz kernel/virtio/virtio.ko.xz',
      'kernel/drivers/block/virtio_blk.ko.xz: kernel/virtio/virtio.ko.xz',
      'kernel/net/net_failover.ko.xz: kernel/net/failover.ko.xz',
      'kernel/net/failover.ko.xz:',
      'kernel/drivers/lonely.ko.xz: kernel/drivers/left-out.ko.xz',
      '',
    ].join('\n'),
  ),
  file('modules.builtin', 'kernel/fs/ext4/ext4.ko\nkernel/drivers/net/ethernet/broadcom/genet/genet.ko\n'),
  ...['drivers/net/virtio_net', 'drivers/block/virtio_blk', 'net/net_failover', 'net/failover', 'virtio/virtio'].map(
    (path) => file(`kernel/${path}.ko.xz`),
  ),
  file('kernel/drivers/lonely.ko.xz'),
  { path: 'bin/busybox', mode: 0o100755, bytes: Buffer.from('no module') },
];
const chosen = (names: readonly string[]) => {
  const { modules, missing } = chooseModules(files, names);
  return { modules: modules.map(({ file }) => file.replace('.ko.xz', '')), missing };
};

test('what a module needs comes before it, each once', (t) => {
  const { modules, missing } = chosen(['virtio_net', 'virtio_blk']);
  t.deepEqual(modules, ['virtio', 'failover', 'net_failover', 'virtio_net', 'virtio_blk']);
  t.deepEqual(missing, []);
  t.deepEqual(chosen(['virtio_blk', 'virtio_net']).modules.slice(0, 2), ['virtio', 'virtio_blk']);
});

test('- and _ are the same in names', (t) => {
  t.deepEqual(chosen(['net-failover']).modules, ['failover', 'net_failover']);
});

test('what is built in is there already; what is not there is named', (t) => {
  t.deepEqual(chosen(['ext4', 'genet']), { modules: [], missing: [] });
  t.deepEqual(chosen(['e1000', 'virtio']), { modules: ['virtio'], missing: ['e1000'] });
  t.deepEqual(chosen(['lonely']).missing, ['lonely'], 'without what it needs it is of no use');
});

test('a module says of which kernel it is, and keeps its bytes', (t) => {
  const { modules } = chooseModules(files, ['failover']);
  t.deepEqual(modules, [{ kernel, file: 'failover.ko.xz', bytes: Buffer.from('kernel/net/failover.ko.xz') }]);
});

test('an archive without modules has none', (t) => {
  t.deepEqual(chooseModules([], ['virtio_net']), { modules: [], missing: ['virtio_net'] });
});

test('names in an archive are not trusted', (t) => {
  const hostile = [
    file('kernel/../../../init.ko', 'x', 'lib/modules/..'),
    file('kernel/evil.ko', 'x', '../lib/modules/6.1'),
    file('kernel/a b.ko', 'x', 'lib/modules/6.1'),
  ];
  t.deepEqual(chooseModules(hostile, ['init', 'evil', 'a b']).modules, []);
});
