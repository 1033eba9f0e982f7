import test from 'ava';
import { networkFile } from '../../../../cli/setup/network-files.ts';
import { must } from '../../../../config/result.ts';
import { parseIpv4 } from '../../../../config/values.ts';

const ip = (text: string) => must(parseIpv4(text));
const behind = { interface: 'eth0', address: { address: ip('10.55.0.1'), prefix: 24 }, gateway: undefined, dns: [] };
const beside = {
  ...{ interface: 'eth0', address: { address: ip('192.168.1.10'), prefix: 24 } },
  ...{ gateway: ip('192.168.1.1'), dns: [ip('192.168.1.1'), ip('9.9.9.9')] },
};
const nothing = (): string => '';

test('NetworkManager: a keyfile that nobody else may read', (t) => {
  const file = networkFile('NetworkManager', beside, nothing);
  t.like(file, { path: '/etc/NetworkManager/system-connections/bramble-eth0.nmconnection', mode: 0o600 });
  t.true(
    file.text.includes(
      '\n[ipv4]\nmethod=manual\naddress1=192.168.1.10/24,192.168.1.1\ndns=192.168.1.1;9.9.9.9;\n\n[ipv6]\nmethod=auto\n',
    ),
  );
  const { text } = networkFile('NetworkManager', behind, nothing);
  t.true(
    text.includes('\n[ipv4]\nmethod=manual\naddress1=10.55.0.1/24\nnever-default=true\n\n[ipv6]\nmethod=link-local\n'),
  );
});

test('systemd-networkd', (t) => {
  const file = networkFile('systemd-networkd', beside, nothing);
  t.is(file.path, '/etc/systemd/network/05-bramble-eth0.network');
  t.regex(
    file.text,
    /\[Match\]\nName=eth0\n\n\[Network\]\nAddress=192\.168\.1\.10\/24\nGateway=192\.168\.1\.1\nDNS=192\.168\.1\.1\nDNS=9\.9\.9\.9\nConfigureWithoutCarrier=yes\n$/,
  );
  t.notRegex(networkFile('systemd-networkd', behind, nothing).text, /Gateway|DNS/);
});

test('dhcpcd: a block at the end of what the owner has, once, however often it is written', (t) => {
  const own = 'hostname\npersistent\nprofile static_eth0\nstatic ip_address=192.168.1.23/24';
  const once = networkFile('dhcpcd', behind, () => own).text;
  t.is(
    once,
    `${own}\n\n# bramble setup: begin\ninterface eth0\nstatic ip_address=10.55.0.1/24\nnogateway\n# bramble setup: end\n`,
  );
  t.is(networkFile('dhcpcd', behind, () => once).text, once);
  const moved = networkFile('dhcpcd', beside, () => once).text;
  t.is(moved.match(/# bramble setup: begin/g)?.length, 1);
  t.regex(
    moved,
    /static routers=192\.168\.1\.1\nstatic domain_name_servers=192\.168\.1\.1 9\.9\.9\.9\n# bramble setup: end\n$/,
  );
});
