import test from 'ava';
import { must } from '../../../../config/result.ts';
import {
  type Ipv4,
  millis,
  minutes,
  parseAddressRange,
  parseIpv4,
  parseMac,
  subnetOf,
} from '../../../../config/values.ts';
import { guestDesk, guestRange } from '../../../../daemon/app/network/guests.ts';
import { answerRequest } from '../../../../daemon/dhcp/answer.ts';
import { guestLease } from '../../../../daemon/dhcp/guests.ts';
import { decodePacket } from '../../../../daemon/dhcp/packet.ts';
import type { DhcpRequest } from '../../../../daemon/dhcp/server.ts';
import type { Write } from '../../../../daemon/store/store.ts';
import { pi400Discover } from '../../../vectors/dhcp.ts';

const ip = (text: string): Ipv4 => must(parseIpv4(text));
const mac = must(parseMac('00:11:22:33:44:55'));
const subnet = subnetOf(ip('10.77.0.1'), 24);
const laptop: DhcpRequest = {
  ...{ mac, xid: 1, secs: 0, isPxe: false, isPi: false, isMaskRom: false },
  kind: 'discover',
  clientIdentifier: '01001122334455',
  hostname: 'Laptop',
};

function desk({ written = new Map<string, Ipv4>(), isBroken = (): boolean => false } = {}) {
  const writes: Write[] = [];
  const made = guestDesk({
    range: must(parseAddressRange('10.77.0.20-22')),
    subnet,
    written,
    elapsed: () => millis(0),
    commit: async (batch) => {
      if (isBroken()) throw new Error('disk full');
      return writes.push(...batch);
    },
    isAllowed: (address, asking) => address !== ip('10.77.0.20') || asking !== mac,
  });
  const self = { address: ip('10.77.0.1'), subnet };
  const packet = must(decodePacket(pi400Discover.datagram));
  /** What the client hears. */
  const ask = async (change: Partial<DhcpRequest>): Promise<string> => {
    const request = { ...laptop, ...change };
    const lease = await made.lease(request);
    const answer = answerRequest({ packet, request, self }, lease, 'full');
    return answer.answer === 'silence' ? 'silence' : `${answer.answer} ${answer.packet.yiaddr}`;
  };
  return { ...made, writes, ask };
}

test('OFFER writes nothing, ACK is on disk first, renewing writes nothing', async (t) => {
  const { ask, writes, lease, guests } = desk();
  t.is(await ask({}), 'offer 10.77.0.21', 'not the one that another device uses');
  t.deepEqual(writes, []);
  const wanted = ip('10.77.0.21');
  t.is(await ask({ kind: 'request-selecting', requestedAddress: wanted }), 'ack 10.77.0.21');
  t.deepEqual(writes, [{ write: 'put-guest', client: '01001122334455', address: wanted }]);
  t.is(await ask({ kind: 'request-renewing', ciaddr: wanted }), 'ack 10.77.0.21');
  t.is(await ask({ kind: 'request-init-reboot', requestedAddress: wanted }), 'ack 10.77.0.21');
  t.is(writes.length, 1);
  t.deepEqual(await lease(laptop), { address: wanted, leaseTime: guestLease, boot: false });
  t.is(guestLease, minutes(60));
  t.deepEqual(JSON.parse(JSON.stringify(guests())), [{ address: wanted, mac, hostname: 'laptop' }]);
});

test('a PXE client that is no board gets an address and not a word about booting', async (t) => {
  t.false((await desk().lease({ ...laptop, isPxe: true }))?.boot);
});

test('what could not be written is not told, and is nobody else’s', async (t) => {
  let broken = true;
  const { ask } = desk({ isBroken: () => broken });
  const request = { kind: 'request-selecting', requestedAddress: ip('10.77.0.21') } as const;
  await t.throwsAsync(ask(request), { message: 'disk full' });
  const other = { mac: must(parseMac('00:11:22:33:44:66')), clientIdentifier: '02' };
  t.is(await ask({ ...request, ...other }), 'nak 0.0.0.0');
  broken = false;
  t.is(await ask(request), 'ack 10.77.0.21');
});

test('who asks for what is another one’s hears NAK; for what it has no claim to, nothing', async (t) => {
  const { ask } = desk({ written: new Map([['aa', ip('10.77.0.21')]]) });
  t.is(await ask({ kind: 'request-selecting', requestedAddress: ip('10.77.0.21') }), 'nak 0.0.0.0');
  t.is(await ask({ kind: 'request-selecting' }), 'silence');
  t.is(await ask({ kind: 'request-init-reboot', requestedAddress: ip('10.77.0.22') }), 'silence', 'no record of it');
  t.is(await ask({ kind: 'request-init-reboot', requestedAddress: ip('192.168.1.5') }), 'nak 0.0.0.0');
  t.is(await ask({ kind: 'request-init-reboot' }), 'silence');
  t.is(await ask({ kind: 'request-renewing', ciaddr: ip('10.77.0.22') }), 'silence');
  const aa = { clientIdentifier: 'aa' };
  t.is(await ask({ ...aa, kind: 'request-init-reboot', requestedAddress: ip('10.77.0.22') }), 'nak 0.0.0.0');
  t.is(await ask({ ...aa, kind: 'request-rebinding', ciaddr: ip('10.77.0.22') }), 'nak 0.0.0.0');
  t.is(await ask({ ...aa, kind: 'request-rebinding', ciaddr: ip('10.77.0.21') }), 'ack 10.77.0.21');
});

test('INFORM: told about the network, whoever it is, but only on our own', async (t) => {
  const { ask, writes } = desk();
  t.is(await ask({ kind: 'inform', ciaddr: ip('10.77.0.77') }), 'ack 0.0.0.0');
  t.is(await ask({ kind: 'inform', ciaddr: ip('192.168.1.77') }), 'silence');
  t.deepEqual(writes, []);
});

test('RELEASE and DECLINE: its own only', async (t) => {
  const address = ip('10.77.0.21');
  const { declined, released, isLeased, ask } = desk({ written: new Map([['01001122334455', address]]) });
  const stranger = { ...laptop, clientIdentifier: '02' };
  released(stranger, address);
  t.false(declined(stranger, address));
  t.true(isLeased(address));
  t.true(declined(laptop, address));
  t.is(await ask({ kind: 'request-renewing', ciaddr: address }), 'silence');
});

test('a thousand clients with made-up names: as many are written as there are addresses', async (t) => {
  const { lease, writes, guests } = desk();
  for (let number = 0; number < 1000; number++) {
    const made = {
      ...laptop,
      clientIdentifier: number.toString(16).padStart(4, '0'),
      mac: must(parseMac('02:00:00:00:00:01')),
    };
    const offer = await lease(made);
    if (offer !== undefined) await lease({ ...made, kind: 'request-selecting', requestedAddress: offer.address });
  }
  t.is(writes.length, 3);
  t.is(guests().length, 3);
});

const boards = (text: string) => ({ subnet, range: must(parseAddressRange(text)) });
test('the guests’ range: what is right below the boards’, a hundred at most, or what the owner named', (t) => {
  t.deepEqual(must(guestRange('off', boards('10.77.0.128-227'))), undefined);
  t.deepEqual(must(guestRange('on', boards('10.77.0.128-227'))), must(parseAddressRange('10.77.0.28-127')));
  t.deepEqual(must(guestRange('on', boards('10.77.0.10-227'))), must(parseAddressRange('10.77.0.1-9')));
  const own = must(parseAddressRange('10.77.0.230-240'));
  t.deepEqual(must(guestRange(own, boards('10.77.0.128-227'))), own);
  const refusals: [wish: Parameters<typeof guestRange>[0], range: string, code: string][] = [
    ['on', '10.77.0.0-227', 'GUESTS_NONE'],
    ['on', '10.77.0.1-227', 'GUESTS_NONE'],
    [must(parseAddressRange('10.78.0.1-9')), '10.77.0.128-227', 'GUESTS_OUTSIDE'],
    [must(parseAddressRange('10.77.0.227-240')), '10.77.0.128-227', 'GUESTS_OVERLAP'],
    [must(parseAddressRange('10.77.0.100-240')), '10.77.0.128-227', 'GUESTS_OVERLAP'],
  ];
  for (const [wish, range, code] of refusals) t.like(guestRange(wish, boards(range)), { ok: false, error: { code } });
});
