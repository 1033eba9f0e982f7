import test from 'ava';
import { must } from '../../../../config/result.ts';
import { minutes, parseHostname, parseIpv4, parseMac } from '../../../../config/values.ts';
import { grantsFor } from '../../../../daemon/app/network/leases.ts';
import type { DhcpRequest, Lease } from '../../../../daemon/dhcp/server.ts';
import { createLogDouble } from '../../../support/doubles.ts';

const [known, stranger, own] = ['01', '02', '03'].map((end) => must(parseMac(`dc:a6:32:00:00:${end}`)));
const granted: Lease = {
  address: must(parseIpv4('10.77.0.101')),
  hostname: must(parseHostname('worker-kube1')),
  leaseTime: minutes(5),
  boot: true,
};

function desk({ isOurs, lease = async () => granted }: { isOurs: () => boolean; lease?: () => Promise<Lease> }) {
  const asked: DhcpRequest[] = [];
  const grant = grantsFor({
    isOurs,
    own,
    isKnown: (mac) => mac === known,
    lease: (request) => {
      asked.push(request);
      return lease();
    },
    log: createLogDouble(),
  });
  const from = (mac = must(parseMac('00:00:00:00:00:00'))) =>
    grant({ mac, xid: 1, kind: 'discover', isPxe: true, isPi: true, secs: 0, isMaskRom: false });
  return { from, asked };
}

test('where another server may be, boards on our disk are answered and no others', async (t) => {
  const { from, asked } = desk({ isOurs: () => false });
  t.is(await from(known), granted);
  t.is(await from(stranger), undefined);
  t.is(asked.length, 1, 'the stranger is not even written down');
});

test('where we are alone everybody is asked about, but never our own interface', async (t) => {
  const { from, asked } = desk({ isOurs: () => true });
  t.is(await from(stranger), granted);
  t.is(await from(own), undefined);
  t.is(asked.length, 1);
});

test('another server is heard while the disk is written: nothing is said', async (t) => {
  let ours = true;
  const { from } = desk({
    isOurs: () => ours,
    lease: async () => {
      ours = false;
      return granted;
    },
  });
  t.is(await from(stranger), undefined);
});
