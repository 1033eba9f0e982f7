/** The whole daemon while cables and addresses change under it, and on a machine with a second network. */
import test, { type ExecutionContext } from 'ava';
import { fromUs, type HomeLan, makeHomeLan } from '../support/home-lan.ts';
import { makeLan, runPrefix } from '../support/netns.ts';

async function home(t: ExecutionContext): Promise<HomeLan> {
  const made = await makeHomeLan();
  t.teardown(made.close);
  return made;
}
const alone = { topology: 'behind-master', dhcp: { mode: 'full', search: 0 } };

test.serial(
  'address changed, cable out and in: the same process goes on; an interface of the same name is another one',
  async (t) => {
    const { startDaemon, lease, status, lan, master, first, second } = await home(t);
    const daemon = await startDaemon({ topology: 'behind-master', dhcp: { search: 2 } });
    t.regex(await lease(first), fromUs);
    const told = JSON.parse(await status());
    t.like(told.master, { interface: 'eth0', address: '10.77.0.1' });

    await master.exec(['ip', 'addr', 'add', '10.78.0.1/24', 'dev', 'eth0']);
    await master.exec(['ip', 'addr', 'del', '10.77.0.1/24', 'dev', 'eth0']);
    await daemon.waitFor(
      /network of the boards has changed[\s\S]*"serving"[^\n]*10\.78\.0\.1[\s\S]*"service is up","service":"dhcp"/,
    );
    t.regex(
      await lease(second),
      /lease of 10\.78\.0\.\d+ obtained from 10\.78\.0\.1,/,
      'the launcher’s socket is heard again',
    );
    t.regex(daemon.stderr(), /(looking for another DHCP server[\s\S]*){2}/, 'it may be somebody else’s network');
    const { stdout: page } = await second.exec([
      'sh',
      '-c',
      'ip addr add 10.78.0.9/24 dev eth0; curl -s http://10.78.0.1:8067/healthz',
    ]);
    t.is(page, 'ok\n');
    t.regex(await status(), /worker-kube1: the address 10\.77\.0\.\d+ is not in 10\.78\.0\.0\/24/);

    await lan.setLink(master, 'down');
    await daemon.waitFor(/network not clear/);
    await daemon.waitFor(/(network of the boards has changed[\s\S]*){2}/);
    t.like(JSON.parse(await status()).master, { interface: null, address: null });
    await lan.setLink(master, 'up');
    await daemon.waitFor(/("service is up","service":"dhcp"[\s\S]*){3}/);
    t.regex(await lease(second), /lease of 10\.78\.0\.\d+ obtained from 10\.78\.0\.1,/);

    await master.exec(['ip', 'link', 'del', 'eth0']);
    await lan.addHost({ name: 'master', into: master, address: '10.78.0.1/24' });
    t.is(await daemon.exited, 1, 'systemd starts it again, through the launcher');
    t.regex(
      daemon.stderr(),
      /eth0 was taken away and is another one now: ending, to be started again through the launcher/,
    );
  },
);

test.serial('a second network on the master hears and sees nothing of ours', async (t) => {
  const { startDaemon, lease, master, first } = await home(t);
  const other = await makeLan({ prefix: runPrefix(), signal: new AbortController().signal });
  t.teardown(other.close);
  await other.addHost({
    name: 'master',
    into: master,
    address: '10.88.0.1/24',
    interface: 'eth1',
    mac: 'dc:a6:32:00:00:98',
  });
  const guest = await other.addHost({ name: 'guest', mac: 'dc:a6:32:00:00:07' });
  const filter = 'ether src dc:a6:32:00:00:98 and ip';
  const sniffer = guest.spawn(['tcpdump', '-i', 'eth0', '-n', '-l', '--immediate-mode', filter]);
  await sniffer.waitFor(/listening on/);
  const daemon = await startDaemon(alone);
  await daemon.waitFor(/"service is up","service":"mdns"/);
  t.regex(await lease(guest, 4), /no lease/);
  t.regex(await lease(first), fromUs, 'meanwhile the boards are served');
  t.notRegex(daemon.stderr(), /dc:a6:32:00:00:07/, 'not even heard');
  t.is(sniffer.stdout(), '');
  await guest.exec(['ip', 'addr', 'add', '10.88.0.7/24', 'dev', 'eth0']);
  await master.exec(['busybox', 'ping', '-c', '1', '-W', '5', '10.88.0.7']);
  await sniffer.waitFor(/10\.88\.0\.1 > 10\.88\.0\.7/);
  await daemon.kill();
});
