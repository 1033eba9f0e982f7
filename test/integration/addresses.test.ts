/** Who gets which address from the whole daemon: guests, addresses that others use, DECLINE, a relay agent. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { type HomeLan, makeHomeLan } from '../support/home-lan.ts';
import { makeLan, runPrefix } from '../support/netns.ts';

async function home(t: ExecutionContext): Promise<HomeLan> {
  const made = await makeHomeLan();
  t.teardown(made.close);
  return made;
}
const settings = {
  topology: 'behind-master',
  addresses: '10.77.0.100-109',
  dhcp: { mode: 'full', search: 0, guests: '10.77.0.20-29' },
};
const master = async (lan: HomeLan) => JSON.parse(await lan.status()).master;

// One after the other: two cores are few.
test.serial(
  'a laptop gets an address and no boot, the same after a restart; what others use is passed over',
  async (t) => {
    const lan = await home(t);
    const { folder, router: printer, laptop, first, second } = lan;
    // Numbered by hand, by somebody who knew of no range.
    for (const own of ['10.77.0.20/24', '10.77.0.100/24'])
      await printer.exec(['ip', 'addr', 'add', own, 'dev', 'eth0']);
    const daemon = await lan.startDaemon(settings);
    for (const own of ['20', '100']) {
      await daemon.waitFor(new RegExp(`an address of ours is used by somebody else"[^\\n]*"10\\.77\\.0\\.${own}"`));
    }
    const hook = join(folder, 'hook');
    await writeFile(hook, '#!/bin/sh\n[ "$1" = bound ] && env\nexit 0\n', { mode: 0o755 });
    const client = ['busybox', 'udhcpc', '-i', 'eth0', '-f', '-q', '-n', '-t', '20', '-T', '1', '-s', hook];
    const options = ['-V', 'PXEClient:Arch:00000', '-F', 'laptop', '-x', 'hostname:laptop'];
    const wishes = ['43', '60', '66', '67'].flatMap((code) => ['-O', code]);
    const got = await laptop.exec([...client, ...options, ...wishes], { deadlineMs: 60_000 });
    t.is(got.code, 0, got.stderr);
    for (const line of ['ip=10.77.0.21', 'mask=24', 'router=10.77.0.1', 'ntpsrv=10.77.0.1', 'lease=3600']) {
      t.true(got.stdout.split('\n').includes(line), `${line} in\n${got.stdout}`);
    }
    t.notRegex(got.stdout, /^(opt43|opt60|vendor|tftp|bootfile|boot_file|siaddr|sname)=/m);
    t.regex(await lan.lease(first), /lease of 10\.77\.0\.101 obtained/);
    const status = JSON.parse(await lan.status());
    t.like(status.guests, [{ address: '10.77.0.21', hostname: 'laptop' }]);
    t.regex(
      status.master.advice.join('\n'),
      /10\.77\.0\.100 of the boards’ range is used by ([0-9a-f:]{17}): no board gets it/,
    );
    await daemon.kill();

    const again = await lan.startDaemon(settings);
    const tablet = await lan.lan.addHost({ name: 'tablet' });
    t.notRegex(await lan.lease(tablet), /lease of 10\.77\.0\.21 obtained/);
    t.regex(await lan.lease(laptop), /lease of 10\.77\.0\.21 obtained/, 'it asks with the same client identifier');
    t.regex(await lan.lease(first), /lease of 10\.77\.0\.101 obtained/);
    t.regex(await lan.lease(second), /lease of 10\.77\.0\.10[2-9] obtained/);
    await again.kill();
    t.is(await again.exited, 0);
  },
);

test.serial('without `dhcp.guests` a laptop hears nothing', async (t) => {
  const lan = await home(t);
  const daemon = await lan.startDaemon({ ...settings, dhcp: { mode: 'full', search: 0 } });
  t.regex(await lan.lease(lan.laptop, 3), /no lease/);
  t.regex(await lan.lease(lan.first), /lease of 10\.77\.0\.10\d obtained/);
  await daemon.kill();
});

test.serial('a board finds its address in use: nobody decided about it yet, so it gets another one', async (t) => {
  const lan = await home(t);
  const daemon = await lan.startDaemon(settings);
  const before = /lease of (10\.77\.0\.1\d\d) obtained/.exec(await lan.lease(lan.first))?.[1] ?? 'none';
  await lan.router.exec(['ip', 'addr', 'add', `${before}/24`, 'dev', 'eth0']);
  // With `-a` it looks by ARP itself, declines, and asks again after a second (`-A`).
  const client = [
    'busybox',
    'udhcpc',
    '-i',
    'eth0',
    '-f',
    '-q',
    '-a',
    '-t',
    '20',
    '-T',
    '1',
    '-A',
    '1',
    '-s',
    '/bin/true',
  ];
  const { stdout, stderr } = await lan.first.exec(client, { deadlineMs: 60_000 });
  t.regex(stdout + stderr, /declining/);
  const after = [...(stdout + stderr).matchAll(/lease of (10\.77\.0\.1\d\d) obtained/g)].at(-1)?.[1];
  t.truthy(after, stdout + stderr);
  t.not(after, before);
  await daemon.waitFor(/board has another address/);
  t.regex((await master(lan)).advice.join('\n'), new RegExp(`${before} of the boards’ range is used by`));
  await daemon.kill();
});

test.serial(
  'behind a relay agent of another network: no address of ours would work there, and the owner is told',
  async (t) => {
    const lan = await home(t);
    const far = await makeLan({ prefix: runPrefix(), signal: new AbortController().signal });
    t.teardown(far.close);
    await far.addHost({ name: 'far', into: lan.router, interface: 'eth1', address: '10.78.0.254/24' });
    const pi = await far.addHost({ name: 'pi', mac: 'dc:a6:32:00:00:09' });
    const daemon = await lan.startDaemon(settings);
    const own = ['-d', '--port=0', '--conf-file=/dev/null', '--user=root', '--pid-file'];
    const relay = lan.router.spawn(['dnsmasq', ...own, '--dhcp-relay=10.78.0.254,10.77.0.1']);
    await relay.waitFor(/DHCP relay from 10\.78\.0\.254/);
    t.regex(await lan.lease(pi, 3), /no lease/);
    await daemon.waitFor(/a relay agent of another subnet[^\n]*"agent":"10\.78\.0\.254"/);
    t.regex((await master(lan)).advice.join('\n'), /behind the relay agent 10\.78\.0\.254 get no address/);
    t.deepEqual(JSON.parse(await lan.status()).devices, []);
    await relay.kill();
    await daemon.kill();
  },
);
