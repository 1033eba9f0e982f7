/** What a board has of k3s besides the binary: where, and with what in it (facts 1.2). Pure. */
import { stringify } from 'yaml';
import { parseIpv4 } from '../../config/values.ts';
import { deviceLabel, type JoinBoard, quarantineTaint } from './driver.ts';

export const k3sPaths = {
  binary: '/usr/local/bin/k3s',
  images: '/var/lib/rancher/k3s/agent/images',
  config: '/etc/rancher/k3s/config.yaml',
  token: '/etc/rancher/k3s/token',
  /** Outlives a leaving: it goes with the board and its name, not with one join. */
  nodePassword: '/etc/rancher/node/password',
  unit: '/etc/systemd/system/k3s-agent.service',
} as const;

/** The agent's configuration; labels and taint count at the first registration only. No secret: the token has its own file. */
export function renderAgentConfig(server: string, board: JoinBoard): string {
  const labels = Object.entries({ ...board.labels, [deviceLabel]: board.id });
  return stringify({
    server,
    'token-file': k3sPaths.token,
    'node-name': board.name,
    ...(board.fixedAddress && { 'node-ip': board.address }),
    'node-label': labels.map(([key, value]) => `${key}=${value}`),
    'node-taint': [`${quarantineTaint.key}:${quarantineTaint.effect}`],
  });
}

/**
 * Without a default route k3s finds neither its own address nor an interface for flannel, and stops. Where the LAN has no
 * router, the way to the server stands in for one: seen again at each start, and last in preference, should there be one later.
 */
function standInRoute(server: string): readonly string[] {
  const via = parseIpv4(new URL(server).hostname);
  if (!via.ok) return [];
  const add = `ip route show default | grep -q . || ip route add default via ${via.value} metric 65000`;
  return [`ExecStartPre=-/bin/sh -c '${add}'`];
}

/** The directives of k3s's own `install.sh`. It says that it is up by itself, once the Node is there and the network started. */
export function renderUnit(server: string): string {
  return `${[
    '# Written by bramble at each join.',
    '[Unit]',
    'Description=Lightweight Kubernetes, worker',
    'Documentation=https://k3s.io',
    'Wants=network-online.target',
    'After=network-online.target',
    '',
    '[Service]',
    'Type=notify',
    'TimeoutStartSec=0',
    'Restart=always',
    'RestartSec=5s',
    // Containers outlive the agent, so that it can be updated under them.
    'KillMode=process',
    'Delegate=yes',
    'LimitNOFILE=1048576',
    'LimitNPROC=infinity',
    'LimitCORE=infinity',
    'TasksMax=infinity',
    'ExecStartPre=-/sbin/modprobe br_netfilter',
    'ExecStartPre=-/sbin/modprobe overlay',
    ...standInRoute(server),
    `ExecStart=${k3sPaths.binary} agent`,
    '',
    '[Install]',
    'WantedBy=multi-user.target',
  ].join('\n')}\n`;
}
