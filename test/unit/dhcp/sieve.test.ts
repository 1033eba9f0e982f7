import test from 'ava';
import { must } from '../../../config/result.ts';
import { type Mac, macBytes, parseMac } from '../../../config/values.ts';
import { nextSieve, noSieve, type SieveState, sieveProgram } from '../../../daemon/dhcp/sieve.ts';
import { pi400Discover } from '../../vectors/dhcp.ts';

const mac = (text: string): Mac => must(parseMac(text));
const on: SieveState = { isOn: true, calmTicks: 0 };

/** Runs classic BPF as the kernel does, as far as the sieve uses it (double of the kernel). True: the datagram is let through. */
function letsThrough(program: Uint8Array, udp: Buffer, random: number): boolean {
  const view = new DataView(program.buffer);
  let accumulator = 0;
  for (let at = 0; at < program.length / 8; at += 1) {
    const code = view.getUint16(8 * at, true);
    const [jt, jf, k] = [view.getUint8(8 * at + 2), view.getUint8(8 * at + 3), view.getUint32(8 * at + 4, true)];
    switch (code) {
      case 0x20:
        if (k < 0xffff_f000 && k + 4 > udp.length) return false;
        accumulator = k === 0xffff_f038 ? random : udp.readUInt32BE(k);
        break;
      case 0x15:
        at += accumulator === k ? jt : jf;
        break;
      case 0x54:
        accumulator = (accumulator & k) >>> 0;
        break;
      case 0x06:
        return k !== 0;
      default:
        throw new Error(`no instruction ${code}`);
    }
  }
  throw new Error('the program does not end');
}

const from = (sender: Mac): Buffer => {
  const datagram = Buffer.from(pi400Discover.datagram);
  datagram.set(macBytes(sender), 28);
  return Buffer.concat([Buffer.alloc(8), datagram]);
};

test('boards that are known come through always, of the others one of 64', (t) => {
  const known = Array.from({ length: 100 }, (_, number) =>
    mac(`dc:a6:32:00:01:${number.toString(16).padStart(2, '0')}`),
  );
  const program = sieveProgram(on, known);
  for (const board of known) t.true(letsThrough(program, from(board), 12_345));
  const stranger = from(mac('dc:a6:32:00:02:00'));
  const lucky = Array.from({ length: 6400 }, (_, random) => letsThrough(program, stranger, random)).filter(Boolean);
  t.is(lucky.length, 100);
  t.false(letsThrough(program, stranger.subarray(0, 41), 0), 'too short to be DHCP');
});

test('without a flood everything comes through, with nobody known too', (t) => {
  t.true(letsThrough(sieveProgram(noSieve, []), Buffer.alloc(8), 1));
  t.true(letsThrough(sieveProgram(on, []), from(mac('dc:a6:32:00:02:00')), 64));
});

test('no more instructions than the kernel takes, however many boards there are', (t) => {
  const many = Array.from({ length: 5000 }, (_, number) =>
    mac(`dc:a6:32:00:${(number >> 8).toString(16).padStart(2, '0')}:${(number & 255).toString(16).padStart(2, '0')}`),
  );
  t.true(sieveProgram(on, many).length / 8 <= 4096);
});

test('on with a flood at once, off after five seconds of calm, and not for one lucky moment', (t) => {
  t.false(nextSieve(noSieve, 1000).isOn, '100 boards that boot are no flood');
  let state = nextSieve(noSieve, 5000);
  t.true(state.isOn);
  for (let tick = 0; tick < 19; tick += 1) state = nextSieve(state, 0);
  t.true(state.isOn);
  state = nextSieve(state, 100);
  for (let tick = 0; tick < 19; tick += 1) state = nextSieve(state, 0);
  t.true(state.isOn, 'calm has to last');
  t.false(nextSieve(state, 0).isOn);
});
