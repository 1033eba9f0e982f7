import test from 'ava';
import fc from 'fast-check';
import { must } from '../../../config/result.ts';
import { parseIpv4 } from '../../../config/values.ts';
import { fitTo, maximumLength } from '../../../daemon/dhcp/message-size.ts';
import { type DhcpPacket, decodePacket, encodePacket } from '../../../daemon/dhcp/packet.ts';
import { pi400Discover } from '../../vectors/dhcp.ts';

const asked = must(decodePacket(pi400Discover.datagram));
/** The same client, with option 57 and a list of what it wants. */
const wishing = (size: number | undefined, list: readonly number[] = []): DhcpPacket => {
  const options = new Map(asked.options).set(55, Uint8Array.from(list));
  if (size !== undefined) options.set(57, Uint8Array.of(size >> 8, size & 255));
  return { ...asked, options };
};
const answer = (sizes: Readonly<Record<number, number>>): DhcpPacket => ({
  ...asked,
  op: 2,
  yiaddr: must(parseIpv4('10.77.0.101')),
  options: new Map(Object.entries(sizes).map(([code, size]) => [Number(code), new Uint8Array(size)])),
});
const ordinary = { 53: 1, 54: 4, 51: 4, 1: 4, 3: 4, 6: 4, 12: 12, 43: 32, 60: 9, 66: 9, 97: 17 };
const codes = (packet: DhcpPacket) => [...packet.options.keys()].sort((a, b) => a - b);

test('a client that says nothing takes 576 bytes with IP and UDP headers; less is no legal wish', (t) => {
  t.is(maximumLength(wishing(undefined)), 548);
  t.is(maximumLength(wishing(0)), 548);
  t.is(maximumLength(wishing(1200)), 1172);
  t.is(maximumLength(wishing(65_535)), 1472, 'nothing that would have to be cut into fragments');
});

test('what fits is sent as it is', (t) => {
  const given = answer(ordinary);
  t.is(fitTo(wishing(undefined), given), given);
});

test('with very long identifiers the Pi still learns where to boot from', (t) => {
  const given = answer({ ...ordinary, 15: 100, 61: 100, 82: 50, 42: 80 });
  const fitted = fitTo(wishing(undefined), given);
  t.true(encodePacket(fitted).length <= 548);
  for (const code of [53, 54, 51, 1, 61, 82, 43, 60, 66, 97, 3, 6]) t.true(fitted.options.has(code), `option ${code}`);
  t.false(fitted.options.has(15));
  t.is(fitTo(wishing(1500), given), given, 'a client that takes more gets more');
});

test('what the client asked for is kept before what it did not ask for', (t) => {
  const both = answer({ ...ordinary, 15: 80, 42: 80, 61: 50 });
  t.true(codes(fitTo(wishing(undefined, [42, 15]), both)).includes(42));
  t.false(codes(fitTo(wishing(undefined, [42, 15]), both)).includes(15));
  t.true(codes(fitTo(wishing(undefined, [15, 42]), both)).includes(15));
});

test('law: never longer than asked, never something new', (t) => {
  const sizes = fc.dictionary(fc.integer({ min: 1, max: 254 }).map(String), fc.integer({ min: 0, max: 600 }));
  fc.assert(
    fc.property(sizes, fc.option(fc.nat(65_535), { nil: undefined }), (chosen, size) => {
      const client = wishing(size);
      const given = answer(chosen);
      const fitted = fitTo(client, given);
      t.true(encodePacket(fitted).length <= maximumLength(client));
      for (const [code, value] of fitted.options) t.is(given.options.get(code), value);
    }),
    { numRuns: 200 },
  );
});
