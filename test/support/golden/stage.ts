/** What the servers of a recording serve, so that a replay can serve the same. As dhcp-test-server.ts and mdns-fixture.ts do. */

const lines = Array.from({ length: 25 }, (_, number) =>
  `line ${String(number + 1).padStart(2, '0')} of 25 `.padEnd(63, '.'),
);

export const stage = {
  server: '10.77.0.1',
  prefix: 24,
  /** The client's interface. */
  mac: 'dc:a6:32:00:00:01',
  dhcp: { address: '10.77.0.101', hostname: 'worker-kube1', leaseMinutes: 5 },
  /** 1600 bytes: several blocks at any block size of Ethernet. */
  tftp: { file: 'abcdef01/config.txt', content: lines.map((line) => `${line}\n`).join('') },
  mdns: {
    name: 'master',
    boards: [
      { name: 'worker-kube1', address: '10.77.0.11', ssh: true },
      { name: 'worker-kube2', address: '10.77.0.12', ssh: false },
    ],
  },
} as const;
