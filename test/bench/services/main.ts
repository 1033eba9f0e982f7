/**
 * Our servers as a process of their own, for measuring and for hostile input: TFTP from a folder, DHCP with the real
 * lifecycle and the real store behind it, mDNS. Limits for senders are lifted: the peers have none. One argument, JSON
 * (`ServiceOptions`). Prints `ready` once all listen, and at SIGUSR2 what memory is in use (`MemoryInUse`), once everything that
 * is free has been collected: for that it is to be started with --expose-gc.
 */
import { join } from 'node:path';
import { must, ok, problem } from '../../../config/result.ts';
import { parseAddressRange, parseHostname, parseIpv4, subnetOf } from '../../../config/values.ts';
import { bootDiary } from '../../../daemon/app/network/boot-diary.ts';
import { leaseDesk } from '../../../daemon/app/network/leases.ts';
import { recentReads } from '../../../daemon/boot/recent-reads.ts';
import { createTimelines } from '../../../daemon/boot/timeline.ts';
import { dhcpServer } from '../../../daemon/dhcp/server.ts';
import { createRunner } from '../../../daemon/lifecycle/runner.ts';
import { openStore } from '../../../daemon/store/open.ts';
import { systemClock as clock } from '../../../daemon/system/clock.ts';
import { createLog } from '../../../daemon/system/log.ts';
import { systemRandom as random } from '../../../daemon/system/random.ts';
import { nodeUdp } from '../../../daemon/system/udp.ts';
import { type OpenFile, tftpServer } from '../../../daemon/tftp/server.ts';
import { openFileSource } from '../../../image-builder/disk.ts';
import type { MemoryInUse, ServiceOptions } from './options.ts';

const options: ServiceOptions = JSON.parse(process.argv[2] ?? '{}');
const address = must(parseIpv4(options.address));
const subnet = subnetOf(address, options.prefix);
const log = createLog({ stream: process.stderr, level: 'error', format: 'json', clock });
const openUdp = nodeUdp(log);
const stop = new AbortController();
const { signal } = stop;
process.once('SIGTERM', () => stop.abort());
process.on('SIGUSR2', () => {
  globalThis.gc?.();
  const { rss, heapUsed, external } = process.memoryUsage();
  process.stdout.write(`memory ${JSON.stringify({ rss, heapUsed, external } satisfies MemoryInUse)}\n`);
});

/** As the daemon does with the base that it boots from. */
const recent = recentReads({ bytesMax: 16 * 2 ** 20 });
const folderFiles =
  (folder: string): OpenFile =>
  async ({ file }) => {
    try {
      return ok(recent.of(file, await openFileSource(join(folder, file))));
    } catch {
      return problem('NOT_FOUND', file);
    }
  };

async function serveTftp({ folder }: { readonly folder: string }): Promise<{ readonly closed: Promise<void> }> {
  return await tftpServer({
    ...{ openUdp, clock, log, signal },
    listen: { bind: { address, port: 69 } },
    transferAddress: address,
    limits: { perClient: 16, total: 512 },
    open: folderFiles(folder),
  });
}

async function serveDhcp(dhcp: NonNullable<ServiceOptions['dhcp']>): Promise<{ readonly closed: Promise<void> }> {
  const store = await openStore({ directory: dhcp.data, log, signal: new AbortController().signal, clock });
  const { devices, effects, settings } = store.snapshot();
  const nothing = async () => undefined;
  const runner = createRunner({
    ...{ clock, random, log, signal, devices },
    commit: store.commit,
    pendingEffects: effects,
    nextNumber: Number(settings.get('names.next') ?? '1'),
    reservation: () => ({
      range: must(parseAddressRange(dhcp.range)),
      isTaken: (one) => one === address,
      pattern: 'worker-kube{n}',
      subnet,
      leases: true,
      pendingMax: dhcp.pendingMax,
    }),
    execute: {
      'decide-admission': nothing,
      'make-image': nothing,
      'await-ssh': nothing,
      join: nothing,
      'release-quarantine': nothing,
      leave: nothing,
      'start-installer': nothing,
      'find-installed': nothing,
      ...{ adopt: nothing, drain: nothing, stop: nothing },
    },
    onChange: () => undefined,
  });
  const listening = Promise.withResolvers<void>();
  const diary = bootDiary({
    fleet: () => runner.fleet,
    timelines: createTimelines(),
    clock,
    self: { address, subnet },
  });
  const served = dhcpServer({
    ...{ openUdp, clock, log, signal },
    onMessage: diary.heard,
    onAnswered: diary.answered,
    mode: 'full',
    self: { address, subnet, dns: [address], ntp: [address] },
    onSighting: leaseDesk({
      noticeRival: () => false,
      adoption: { systemHeard: () => undefined, restarted: () => undefined },
      ...{ runner, diary, log, subnet, givesAddresses: true, reservesAddresses: true },
      addresses: { leaseGuest: async () => undefined, told: () => undefined, strayRelay: () => undefined },
    }),
    onListening: listening.resolve,
  });
  await Promise.race([listening.promise, served]);
  return { closed: Promise.all([served, runner.run()]).then(() => store.close()) };
}

async function serveMdns({ name }: { readonly name: string }): Promise<{ readonly closed: Promise<void> }> {
  // Loaded only where it is served, as the store is: what is measured is to be itself.
  const { masterRecords } = await import('../../../daemon/mdns/records.ts');
  const { mdnsServer } = await import('../../../daemon/mdns/server.ts');
  const facts = { name: must(parseHostname(name)), address, httpPort: 8067, version: '0', state: 'ready', boards: [] };
  return mdnsServer({ interfaceAddress: address, subnet, clock, random, log, signal, records: masterRecords(facts) });
}

async function serveBases({ data }: { readonly data: string }): Promise<{ readonly closed: Promise<void> }> {
  // Loaded only where it is served, as the store is: what is measured is to be itself.
  const { bootApi } = await import('../../../daemon/http/endpoints/boot.ts');
  const { serveHttp: serve } = await import('../../../daemon/http/server.ts');
  const { benchDesk } = await import('../image-base.ts');
  const nobody = async () => undefined;
  const no = async () => false;
  const routes = bootApi({
    report: async () => ({ action: 'stop', state: 'rejected', message: 'only bases here' }),
    openBase: benchDesk(data).openBase,
    sectors: nobody,
    progress: no,
    installed: no,
    failed: no,
    wiped: no,
    log: no,
    prove: () => '',
    clusterId: 'bench',
  });
  return must(await serve({ listen: { address, port: 8067 }, routes, log, signal }));
}

const { tftp, dhcp, http, mdns } = options;
const servers = await Promise.all([
  ...(tftp === undefined ? [] : [serveTftp(tftp)]),
  ...(dhcp === undefined ? [] : [serveDhcp(dhcp)]),
  ...(http === undefined ? [] : [serveBases(http)]),
  ...(mdns === undefined ? [] : [serveMdns(mdns)]),
]);
process.stdout.write('ready\n');
await Promise.all(servers.map(({ closed }) => closed));
// A profile is written at the end of the process, and the store's thread may take its time.
process.exit(0);
