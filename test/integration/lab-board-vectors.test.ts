/** The virtual boards say byte for byte what real boards were seen to say (raspberry-pi-netboot.md 9). */
import test from 'ava';
import { must } from '../../config/result.ts';
import { ipv4Bytes, parseIpv4, parseMac, parseSerial } from '../../config/values.ts';
import { type Answer, type Ask, bootFiles } from '../lab/board/boot-files.ts';
import { bootServer, buildDiscover, buildRequest, chooseOffer, parseReply, romXid } from '../lab/board/dhcp.ts';
import { bootpFrame, bootpPayload } from '../lab/board/frame.ts';
import { type BoardModel, type Identity, option97Of } from '../lab/board/models.ts';
import { earlyTerminate, encodeRequest } from '../lab/board/tftp.ts';

const address = (text: string) => must(parseIpv4(text));
const board = (model: BoardModel, mac: string, serial: string): Identity => ({
  model,
  mac: must(parseMac(mac)),
  serial: must(parseSerial(serial)),
});
const optionsOf = (message: Uint8Array): string => Buffer.from(message.subarray(240)).toString('hex');
const vector = (text: string): string => text.replaceAll(' ', '');
const vendorClass = '3c20505845436c69656e743a417263683a30303030303a554e44493a303032303031';

test('V1: DISCOVER of a Pi 3B ROM', (t) => {
  const message = buildDiscover(board('pi3', 'b8:27:eb:28:f6:6d', '0000000028f66d00'), romXid);
  t.is(message.length, 320);
  t.is(Buffer.from(message.subarray(4, 8)).toString('hex'), '26f30339');
  t.is(
    optionsOf(message),
    vector(
      `350101 370c2b3c43808182838485868742 5d020000 5e03010201 61110044444444444444444444444444444444 ${vendorClass} ff`,
    ),
  );
});

test('V2: DISCOVER of a Pi 3B+', (t) => {
  const message = buildDiscover(board('pi3b+', 'b8:27:eb:2f:aa:eb', 'b22faaeb'), romXid);
  t.is(message.length, 322);
  t.is(
    optionsOf(message),
    vector(
      `350101 370e2b3c438081828384858687420103 5d020000 5e03010201 611100ebaa2fb2ebaa2fb2ebaa2fb2ebaa2fb2 ${vendorClass} ff`,
    ),
  );
});

/** The captured boards are a Pi 400 and a Pi 4 of another revision than the lab's. */
test('V4 and V8: option 97 of the EEPROM models, in either byte order', (t) => {
  const identity = board('pi4', 'dc:a6:32:ec:fc:3c', '10000000e0ff06da');
  const forms = [
    ['RPi4', '005250693430 31c000 32ecfc3c da06ffe0'],
    ['5iPR', '003569505230 31c000 32ecfc3c da06ffe0'],
    ['RPi5', '005250693530 31c000 32ecfc3c da06ffe0'],
  ] as const;
  for (const [form, bytes] of forms) {
    t.is(Buffer.from(option97Of(identity, 0xc03130, form)).toString('hex'), vector(bytes));
  }
  const old = board('pi4', 'e4:5f:01:09:02:f7', '1000000091cdf03d');
  t.is(Buffer.from(option97Of(old, 0xd03114, '4iPR')).toString('hex'), vector('00346950521431d000010902f73df0cd91'));
});

test('V4: DISCOVER of a Pi 4 but for the board revision', (t) => {
  const message = buildDiscover(board('pi4', 'dc:a6:32:ec:fc:3c', '10000000e0ff06da'), 0xd0e3497c);
  t.is(message.length, 322);
  t.is(Buffer.from(message.subarray(4, 8)).toString('hex'), 'd0e3497c');
  t.is(
    optionsOf(message),
    vector(
      `350101 370e01032b3c42438081828384858687 ${vendorClass} 5d020000 5e03010201 6111005250693415 31c00032ecfc3cda06ffe0 ff`,
    ),
  );
});

test('V6: REQUEST of a Pi 4 but for the board revision, siaddr filled', (t) => {
  const lease = {
    address: address('192.168.2.40'),
    mask: undefined,
    server: address('192.168.2.1'),
    siaddr: address('192.168.2.1'),
    tftp: address('192.168.2.1'),
  };
  const message = buildRequest(board('pi4', 'dc:a6:32:ec:fc:3c', '10000000e0ff06da'), 1, lease);
  t.is(message.length, 309);
  t.deepEqual([...message.subarray(20, 24)], [192, 168, 2, 1]);
  t.is(
    optionsOf(message),
    vector(`350103 3204c0a80228 3604c0a80201 ${vendorClass} 6111005250693415 31c00032ecfc3cda06ffe0 ff`),
  );
});

test('V7: TFTP requests and the end of a probe', (t) => {
  const ask = (path: string, form: 'plain' | 'tsize' | 'tsize-blksize'): string =>
    encodeRequest({ kind: 'file', path, how: 'read', form }).toString('hex');
  t.is(ask('bootcode.bin', 'plain'), '0001626f6f74636f64652e62696e006f6374657400');
  t.is(ask('89eb9bb9/start.elf', 'tsize'), '000138396562396262392f73746172742e656c66006f63746574007473697a65003000');
  t.is(
    ask('d9780558/start4.elf', 'tsize-blksize'),
    '000164393738303535382f7374617274342e656c66006f63746574007473697a65003000626c6b73697a65003134363800',
  );
  t.is(earlyTerminate.toString('hex'), '000500004561726c79207465726d696e61746500');
});

/** An OFFER with the parts that the models look at. */
function offer(parts: {
  siaddr?: string;
  yiaddr?: string;
  options: readonly (readonly [number, Uint8Array | string])[];
}) {
  const message = new Uint8Array(240);
  message.set([2, 1, 6]);
  message.set(ipv4Bytes(address(parts.yiaddr ?? '10.77.0.50')), 16);
  message.set(ipv4Bytes(address(parts.siaddr ?? '0.0.0.0')), 20);
  message.set([0x63, 0x82, 0x53, 0x63], 236);
  const all = [[53, Uint8Array.of(2)], [54, ipv4Bytes(address('10.77.0.1'))], ...parts.options] as const;
  const bytes = all.flatMap(([code, value]) => [code, value.length, ...Buffer.from(value)]);
  const reply = parseReply(Uint8Array.from([...message, ...bytes, 255]));
  if (reply === undefined) throw new Error('not a reply');
  return reply;
}
const menu32 = Buffer.from('0601030a0400505845091400001152617370626572727920506920426f6f74ff', 'hex');
const menu35 = Buffer.from('0601030a0400505845091700001452617370626572727920506920426f6f74202020ff', 'hex');

test('each model takes the OFFERs that it takes in the facts, and no others', (t) => {
  const verdicts = (reply: ReturnType<typeof offer>): string =>
    (['pi3', 'pi3b+', 'pi4', 'pi5'] as const).filter((model) => bootServer(model, reply).ok).join(' ');
  t.is(verdicts(offer({ options: [[43, menu35]] })), 'pi3 pi3b+ pi4 pi5');
  t.is(verdicts(offer({ options: [[43, menu32]] })), 'pi3b+ pi4 pi5');
  t.is(verdicts(offer({ options: [[43, Buffer.from('060103ff', 'hex')]] })), 'pi5');
  t.is(verdicts(offer({ options: [[66, '10.77.0.1']] })), 'pi4');
  t.is(verdicts(offer({ options: [[66, Uint8Array.of(10, 77, 0, 1)]] })), '', 'four bytes are no dotted quad');
  t.is(verdicts(offer({ siaddr: '10.77.0.1', options: [] })), '', 'a bare siaddr is not enough');
});

test('the address of a router and the boot server of a proxy make one lease', (t) => {
  const router = offer({ options: [] });
  const proxy = { ...offer({ yiaddr: '0.0.0.0', options: [[43, menu35]] }), siaddr: address('10.77.0.9') };
  const choice = chooseOffer('pi4', [proxy, router]);
  t.true(choice.ok);
  if (choice.ok) t.like(choice.value, { address: '10.77.0.50', server: '10.77.0.1', tftp: '10.77.0.9' });
  t.false(chooseOffer('pi4', [proxy]).ok, 'a proxy alone gives no address');
});

test('a frame carries its DISCOVER, from nobody to everybody', (t) => {
  const mac = must(parseMac('dc:a6:32:01:02:03'));
  const frame = bootpFrame(mac, Uint8Array.of(1, 2, 3), { ttl: 64, udpChecksum: true, id: 0 });
  t.is(Buffer.from(frame.subarray(0, 14)).toString('hex'), 'ffffffffffffdca6320102030800');
  t.is(frame[22], 64);
  t.is(bootpPayload(frame, mac), undefined, 'port 67 is not for a client');
  const answer = Uint8Array.from(frame);
  answer[37] = 68;
  t.deepEqual(bootpPayload(answer, mac), Uint8Array.of(1, 2, 3));
  answer[0] = 0x02;
  t.is(bootpPayload(answer, mac), undefined, 'for another board');
});

const text = (content: string): Answer => ({ bytes: Buffer.from(content), acknowledged: true });

/** Runs the order of one model against a table; returns what was asked for. */
function ask(identity: Identity, files: Readonly<Record<string, string>>) {
  const order = bootFiles(identity);
  const asked: string[] = [];
  let step = order.next();
  while (!step.done) {
    const request: Ask = step.value;
    asked.push(request.kind === 'dhcp' ? 'DHCP' : request.path);
    const content = request.kind === 'dhcp' ? undefined : files[request.path.replace('//', '/')];
    step = order.next(content === undefined ? undefined : text(content));
  }
  return { asked, outcome: step.value };
}

test('a Pi 5 asks with a double slash from the second time on', (t) => {
  const identity = board('pi5', '2c:cf:67:00:00:01', 'd7bd1a077bf18f79');
  const names = ['config.txt', 'kernel_2712.img', 'cmdline.txt', 'bcm2712-rpi-5-b.dtb'];
  const { asked, outcome } = ask(identity, Object.fromEntries(names.map((name) => [`7bf18f79/${name}`, 'x=1'])));
  t.deepEqual(asked.slice(0, 3), ['7bf18f79/config.txt', '7bf18f79/pieeprom.sig', '7bf18f79//config.txt']);
  t.true(outcome.ok);
});

test('a Pi 4 drops its prefix when neither start4.elf nor start.elf is under it', (t) => {
  const identity = board('pi4', 'dc:a6:32:00:00:01', '10000000abcdef01');
  const { asked, outcome } = ask(identity, {});
  t.deepEqual(asked.slice(0, 3), ['abcdef01/start4.elf', 'abcdef01/start.elf', 'config.txt']);
  t.deepEqual(outcome, { ok: false, reason: 'start4.elf is not there' });
});

test('a Pi 3B+ asks for bootcode.bin in the root and then for an address again', (t) => {
  const { asked } = ask(board('pi3b+', 'b8:27:eb:00:00:01', '00000000c0000001'), { 'bootcode.bin': 'x' });
  t.deepEqual(asked.slice(0, 4), ['bootcode.bin', 'bootsig.bin', 'DHCP', 'c0000001/start.elf']);
});

test('a config.txt of 4096 bytes or with a foreign letter is passed over without a word', (t) => {
  const identity = board('pi4', 'dc:a6:32:00:00:01', '10000000abcdef01');
  const files = (config: string) => ({
    'start4.elf': 'x',
    'bcm2711-rpi-4-b.dtb': 'x',
    'kernel8.img': 'x',
    'other.img': 'x',
    'config.txt': config,
  });
  const kernel = (config: string) => {
    const { outcome } = ask(identity, files(config));
    return outcome.ok ? outcome.loaded.kernel : outcome.reason;
  };
  t.is(kernel('kernel=other.img\n'), 'other.img');
  t.is(kernel('kernel=other.img # ä\n'), 'kernel8.img');
  t.is(kernel(`kernel=other.img\n${'#'.repeat(4096)}`), 'kernel8.img');
  t.is(kernel('[pi5]\nkernel=missing.img\n[all]\nkernel=other.img\n'), 'other.img');
});
