import test from 'ava';
import { parse } from 'yaml';
import { must } from '../../../config/result.ts';
import { parseDeviceId, parseHostname, parseIpv4 } from '../../../config/values.ts';
import type { JoinBoard } from '../../../daemon/join/driver.ts';
import { renderAgentConfig, renderUnit } from '../../../daemon/join/k3s-config.ts';

const server = 'https://192.168.1.2:6443';
const board: JoinBoard = {
  id: must(parseDeviceId('d-0123456789ab')),
  name: must(parseHostname('worker-kube1')),
  address: must(parseIpv4('192.168.1.201')),
  fixedAddress: true,
  hostKeys: [],
  serials: [],
  nodePassword: 'cd'.repeat(16),
  labels: { 'bramble.dev/model': 'pi4' },
};

test('config.yaml has what names the Node, and no secret', (t) => {
  const text = renderAgentConfig(server, board);
  t.deepEqual(parse(text), {
    server,
    'token-file': '/etc/rancher/k3s/token',
    'node-name': 'worker-kube1',
    'node-ip': '192.168.1.201',
    'node-label': ['bramble.dev/model=pi4', 'bramble.dev/device=d-0123456789ab'],
    'node-taint': ['bramble.dev/quarantine:NoSchedule'],
  });
  t.false(text.includes(board.nodePassword));
});

test('an address that is not the board’s for good is left to the kubelet', (t) => {
  t.false('node-ip' in parse(renderAgentConfig(server, { ...board, fixedAddress: false })));
});

test('the label of the device cannot be given away', (t) => {
  const labels = { 'bramble.dev/device': 'd-ffffffffffff' };
  t.deepEqual(parse(renderAgentConfig(server, { ...board, labels }))['node-label'], [
    'bramble.dev/device=d-0123456789ab',
  ]);
});

test('the unit starts the agent, outlives a failed join, and has a default route stand in where there is none', (t) => {
  const unit = renderUnit(server);
  const lines = unit.split('\n');
  for (const line of [
    'Type=notify',
    'KillMode=process',
    'Delegate=yes',
    'Restart=always',
    'TimeoutStartSec=0',
    'ExecStart=/usr/local/bin/k3s agent',
    'WantedBy=multi-user.target',
  ]) {
    t.true(lines.includes(line), line);
  }
  t.regex(unit, /^ExecStartPre=-\/bin\/sh -c '.* via 192\.168\.1\.2 metric 65000'$/m);
});

test('a server that goes by a name cannot be routed over', (t) => {
  t.false(renderUnit('https://master.local:6443').includes('route'));
});
