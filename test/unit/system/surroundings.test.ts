import test from 'ava';
import { must } from '../../../config/result.ts';
import { parseIpv4 } from '../../../config/values.ts';
import { parseDefaultRoutes, upstreamResolvers } from '../../../daemon/system/surroundings.ts';

const ip = (text: string) => must(parseIpv4(text));

/** Debian 12, `cat /proc/net/route` of a machine with cable and Wi-Fi; a blackhole and a host route added. */
const routes = `Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
wlan0	00000000	0101A8C0	0003	0	0	600	00000000	0	0	0
eth0	00000000	FE004D0A	0003	0	0	100	00000000	0	0	0
*	00000000	00000000	0200	0	0	1	00000000	0	0	0
eth0	00004D0A	00000000	0001	0	0	100	00FFFFFF	0	0	0
eth0	0500000A	FE004D0A	0007	0	0	0	FFFFFFFF	0	0	0
ppp0	00000000	00000000	0001	0	0	50	00000000	0	0	0
`;

test('default routes, best metric first; without a gateway there is nothing to tell', (t) => {
  t.deepEqual(parseDefaultRoutes(routes), [
    { interface: 'eth0', gateway: ip('10.77.0.254') },
    { interface: 'wlan0', gateway: ip('192.168.1.1') },
  ]);
  for (const text of ['', 'Iface\n', 'a\nb\tc\n', routes.replaceAll('0101A8C0', 'zz')])
    t.true(parseDefaultRoutes(text).length < 2);
});

test('resolvers: those of resolv.conf, or of systemd-resolved where that names its stub', (t) => {
  const real = 'nameserver 192.168.1.1\n';
  t.deepEqual(upstreamResolvers(`# x\nsearch lan\n${real}nameserver fe80::1%eth0\n`, ''), [ip('192.168.1.1')]);
  t.deepEqual(upstreamResolvers('nameserver 127.0.0.53\noptions edns0\n', real), [ip('192.168.1.1')]);
  t.deepEqual(upstreamResolvers('nameserver 127.0.0.1\n', ''), [], 'never this machine');
  t.deepEqual(upstreamResolvers('nameserver 0.0.0.0\nnameserver 9.9.9.9\n', ''), [ip('9.9.9.9')]);
  const many = [1, 2, 3, 4].map((last) => `nameserver 9.9.9.${last}\n`).join('');
  t.is(upstreamResolvers(many, '').length, 3, 'what the C library reads');
});
